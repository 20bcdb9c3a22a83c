-- Players on three workers. The functions of the store run on the first of them.

local scores = {}

test.workers(3)

local function join(name, room)
  test.job("store.login", function() return { score = 0, lasting = true } end)
  test.job("store.add", function(who, count)
    scores[who] = (scores[who] or 0) + count
    return scores[who]
  end)
  local client = test.connect()
  client:receive("login " .. name)
  client:receive("join " .. room)
  return client
end

local function has(client, pattern)
  for _, line in ipairs(client.sent) do
    if line:find(pattern) then return line end
  end
  return nil
end

-- Walks along every row, and so over every coin.
local function walk_everywhere(client)
  local right, left = ("d"):rep(24), ("a"):rep(24)
  client:receive(("w"):rep(8))
  test.advance(1)
  for row = 1, 8 do
    client:receive(left)
    test.advance(2)
    client:receive(right)
    test.advance(2)
    if row < 8 then client:receive("s") end
    test.advance(1)
  end
end

test("players on all workers are in the same room", function()
  local ann, bob, eve = join("ann", "hall"), join("bob", "hall"), join("eve", "hall")
  assert(ann.worker ~= bob.worker and bob.worker ~= eve.worker)
  assert(has(ann, "^%* eve comes in$"))
  eve:receive("view live")
  assert(has(eve, "a ann 0") and has(eve, "b bob 0"))
  bob:receive("say hello")
  assert(has(ann, "^bob: hello$") and has(eve, "^bob: hello$"))
  eve:close()
  assert(has(bob, "^%* eve leaves$"))
end)

test("rooms are spread over the workers, and all workers know of them", function()
  local client
  for i = 1, 9 do client = join("player" .. i, "room" .. i) end
  client:take()
  client:receive("rooms")
  test.equal(#client.sent, 9)
  for i, line in ipairs(client.sent) do
    test.equal(line, ("room%d: 1 here, on worker %d"):format(i, server.owner("room" .. i)))
  end
end)

test("coins are saved from wherever the room lives", function()
  for i = 1, 3 do
    local client = join("ann" .. i, "room" .. i)
    walk_everywhere(client)
    assert(has(client, "takes a coin"))
    assert(scores["ann" .. i] >= 3)
  end
end)
