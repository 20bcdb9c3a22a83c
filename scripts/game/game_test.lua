-- Run by: moonport test scripts/game

local store = require "store"

-- Each test loads this file anew and has a database of its own, in memory. The functions of the
-- store, which are jobs in the server, run in the worker here.
local function open_store()
  server.shared:set("game database", ":memory:")
  store.on_job_start()
  for _, name in ipairs { "login", "add", "top" } do test.job("store." .. name, store[name]) end
  open_store = function() end
end

local function enter(name, key)
  open_store()
  local client = test.connect()
  client:take()
  client:receive("login " .. name .. (key and " " .. key or ""))
  return client, client:take()
end

local function join(name, room)
  local client = enter(name)
  client:receive("join " .. (room or "hall"))
  return client
end

local function has(client, pattern)
  for _, packet in ipairs(client.sent) do
    if packet:find(pattern) then return packet end
  end
  return nil
end

-- Puts players and coins where a test wants them: what the room's worker knows of it.
local function arrange(room, places, coins)
  local state = server.state.rooms[room]
  for _, player in pairs(state.players) do
    player.x, player.y = places[player.name][1], places[player.name][2]
  end
  state.coins = coins
end

test("a name belongs to whoever has its key", function()
  local ann, said = enter("ann")
  local key = said[1]:match("^welcome, ann%. Next time: login ann (%x+)$")
  assert(key, said[1])
  ann:close()
  local _, refused = enter("ann")
  assert(refused[1]:find("^! ann is taken"), refused[1])
  _, refused = enter("ann", "123")
  assert(refused[1]:find("^! ann is taken"), refused[1])
  _, refused = enter("anna", key)
  assert(refused[1]:find("^! nobody is called anna"), refused[1])
  local _, again = enter("ann", key)
  assert(again[1]:find("^welcome back, ann%. Coins so far: 0$"), again[1])
end)

test("a second login ends the first", function()
  local first, said = enter("ann")
  local key = said[1]:match("%x+$")
  local second = enter("ann", key)
  assert(has(first, "elsewhere") and first.closed)
  second:receive("join hall")
  assert(has(second, "you are in hall"))
end)

test("a name cannot be a piece of SQL", function()
  local _, said = enter("x'--")
  assert(said[1]:find("^! login NAME"), said[1])
  local _, injected = enter("ann", "' or '1'='1")
  assert(injected[1]:find("^! login NAME"), injected[1])
end)

test("commands say what they need", function()
  local ann = test.connect()
  ann:receive("join hall")
  assert(has(ann, "^! who are you%?"))
  ann:receive("fly")
  assert(has(ann, "^! no such command"))
  ann = enter("ann")
  ann:receive("dd")
  assert(has(ann, "^! you are in no room"))
  ann:receive("join a b")
  assert(has(ann, "^! join ROOM"))
  ann:receive("help")
  assert(has(ann, "login NAME"))
end)

test("a step takes a tick, and its end shows the map", function()
  local ann = join("ann")
  arrange("hall", { ann = { 1, 1 } }, {})
  ann:take()
  ann:receive("ddds")
  test.advance(0.15)
  test.equal(#ann.sent, 0)
  test.advance(0.1)
  test.equal(#ann.sent, 11)
  test.equal(ann.sent[1], "+------------------------+")
  test.equal(ann.sent[3], "|   @                    |")
  test.equal(ann.sent[11], "@ you 0")
end)

test("walls and others are in the way", function()
  local ann, bob = join("ann"), join("bob")
  arrange("hall", { ann = { 2, 1 }, bob = { 4, 1 } }, {})
  ann:receive("ddddd")
  bob:receive("www")
  test.advance(0.5)
  assert(has(ann, "^|  @b  "))
  assert(has(ann, "^@ you 0   b bob 0$"))
end)

test("a coin counts in the room and in the database", function()
  local ann, bob = join("ann"), join("bob")
  arrange("hall", { ann = { 1, 1 }, bob = { 1, 5 } }, { { x = 2, y = 1 }, { x = 3, y = 1 } })
  bob:take()
  ann:receive("dd")
  test.advance(1)
  assert(has(bob, "^%* ann takes a coin and has 1"))
  assert(has(bob, "^%* ann takes a coin and has 2"))
  bob:receive("top")
  assert(has(bob, "^1%. ann 2$"))
end)

test("coins are kept while the database does not answer", function()
  local ann = join("ann")
  arrange("hall", { ann = { 1, 1 } }, { { x = 2, y = 1 } })
  test.job("store.add", function() return nil, "busy" end)
  ann:receive("d")
  test.advance(1)
  test.job("store.add", store.add)
  ann:receive("quit")
  local eve = enter("eve")
  eve:receive("top")
  test.equal(eve.sent[1], "1. ann 1")
end)

test("coins come back", function()
  local ann = join("ann")
  arrange("hall", { ann = { 1, 1 } }, {})
  ann:receive("view state")
  test.advance(10)
  local _, coins = ann.sent[#ann.sent]:gsub("%*=", "")
  test.equal(coins, 3)
end)

test("who looks on sees what others do", function()
  local ann, bob, eve = join("ann"), join("bob"), join("eve", "cellar")
  arrange("hall", { ann = { 1, 1 }, bob = { 9, 5 } }, {})
  test.advance(0.1)
  bob:receive("view live")
  eve:receive("view live")
  bob:take()
  eve:take()
  ann:receive("d")
  ann:receive("say hello")
  test.advance(0.1)
  assert(has(bob, "^| a  "))
  assert(has(bob, "^ann: hello$"))
  test.equal(#eve.sent, 0)
  bob:receive("view state")
  bob:take()
  ann:receive("d")
  test.advance(0.1)
  assert(bob.sent[1]:find("^state %d+ .*ann=3,1,0"), bob.sent[1])
  test.equal(#bob.sent, 1)
end)

test("who leaves is gone, however", function()
  local ann, bob, eve = join("ann"), join("bob"), join("eve")
  bob:receive("leave")
  assert(has(ann, "^%* bob leaves$"))
  eve:reset()
  assert(has(ann, "^%* eve leaves$"))
  ann:receive("rooms")
  assert(has(ann, "^hall: 1 here, on worker 1$"))
  ann:receive("quit")
  assert(ann.closed)
  test.equal(next(server.state.rooms), nil)
end)
