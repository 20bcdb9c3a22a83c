-- Run by: moonport test scripts/webchat

local BROWSER, TERMINAL = 1, 2 -- in config.lua

local function connect(listener, query)
  local path = listener == BROWSER and "/chat" .. (query or "") or nil
  return test.connect({ listener = listener, path = path })
end

-- The last thing that somebody was told.
local function last(client)
  return client.sent[#client.sent]
end

test("browsers get JSON and terminals lines, in one room", function()
  local ann, bob = connect(BROWSER, "?name=Ann"), connect(TERMINAL)
  test.equal(ann.sent[1], '{"count":1,"kind":"room","name":"Ann","people":["Ann"],"room":"lobby"}')
  test.equal(bob.sent[1], "* you are guest-1 in lobby, with 2: Ann, guest-1")
  test.equal(last(ann), '{"kind":"joined","name":"guest-1"}')
  bob:receive("hello")
  test.equal(last(ann), '{"kind":"said","name":"guest-1","text":"hello"}')
  test.equal(last(bob), "guest-1: hello")
  ann:receive("hi")
  test.equal(last(bob), "Ann: hi")
  test.equal(ann.kinds[#ann.kinds], "text")
end)

test("a WebSocket may have lines, too", function()
  local ann = connect(BROWSER, "?plain=1&name=Ann")
  ann:receive("hi")
  test.equal(last(ann), "Ann: hi")
end)

test("a name belongs to one", function()
  local ann, bob = connect(TERMINAL), connect(TERMINAL)
  ann:receive("/name Ann")
  test.equal(last(bob), "* guest-1 is now Ann")
  bob:receive("/name ANN")
  test.equal(last(bob), "* somebody is called ANN already")
  ann:receive("/name Anna")
  bob:receive("/name ann")
  test.equal(last(ann), "* guest-2 is now ann")
  local eve = connect(BROWSER, "?name=Anna")
  test.equal(last(eve), '{"kind":"note","text":"somebody is called Anna already"}')
  ann:close()
  test.equal(connect(BROWSER, "?name=Anna").sent[2], nil)
end)

test("names that cannot be are refused", function()
  local ann = connect(TERMINAL)
  for _, name in ipairs({ "", " ", "*", "Ann: x", ("x"):rep(25), "\1\2", "\226\128\174" }) do
    ann:receive("/name " .. name)
    test.equal(last(ann), "* a name has 1 to 24 characters, without : and *")
    test.advance(1)
  end
  ann:receive("/name " .. ("\195\164"):rep(24))
  test.equal(last(ann), "* guest-1 is now " .. ("\195\164"):rep(24))
end)

test("rooms are apart", function()
  local ann, bob, eve = connect(TERMINAL), connect(TERMINAL), connect(BROWSER, "?room=tea&name=Eve")
  ann:receive("/room Tea")
  test.equal(last(ann), "* you are guest-1 in tea, with 2: Eve, guest-1")
  test.equal(last(bob), "* guest-1 left")
  ann:receive("only here")
  test.equal(last(eve), '{"kind":"said","name":"guest-1","text":"only here"}')
  test.equal(last(bob), "* guest-1 left")
  bob:receive("/rooms")
  test.equal(last(bob), "* rooms: lobby 1, tea 2")
  bob:receive("/room a b")
  test.equal(last(bob), "* a room has 1 to 20 characters: a to z, 0 to 9 and -")
  eve:close()
  test.equal(last(ann), "* Eve left")
  ann:receive("/who")
  test.equal(last(ann), "* you are guest-1 in tea, with 1: guest-1")
end)

test("what is not to be seen is not passed on", function()
  local ann, bob = connect(BROWSER), connect(TERMINAL)
  ann:receive("two\nlines\27[2J\226\128\174 \194\155x")
  test.equal(last(bob), "guest-1: two lines [2J   x")
  bob:receive('\255<b>"\\\195')
  test.equal(last(ann), '{"kind":"said","name":"guest-2","text":"<b>\\u0022\\u005c"}')
  ann:receive("* guest-2 left")
  test.equal(last(bob), "guest-1: * guest-2 left")
  ann:receive(("\240\159\152\128"):rep(600))
  test.equal(#last(bob), #"guest-1: " + 4 * 500)
end)

test("commands that are none are told, and nothing is said without words", function()
  local ann = connect(TERMINAL)
  ann:receive("/wat")
  assert(last(ann):find("^%* /name NEW"))
  ann:receive("/")
  local count = #ann.sent
  ann:receive("   ")
  test.equal(#ann.sent, count)
  ann:receive("/quit")
  assert(ann.closed)
end)

test("who sends too much is not heard, then closed", function()
  local ann, bob = connect(BROWSER), connect(TERMINAL)
  for i = 1, 20 do ann:receive(tostring(i)) end
  test.equal(last(bob), "guest-1: 10")
  test.equal(last(ann), '{"kind":"note","text":"too fast: what you send now is lost"}')
  test.advance(1)
  ann:receive("slower")
  test.equal(last(bob), "guest-1: slower")
  for _ = 1, 60 do ann:receive("x") end
  test.equal(ann.close_code, 1008)
  test.equal(ann.close_reason, "flood")
  test.equal(last(bob), "* guest-1 left")
end)
