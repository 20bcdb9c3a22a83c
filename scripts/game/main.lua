-- game: rooms in which players look for coins. Try it in two windows with:
-- moonport talk 7000 --framing line

local rooms = require "rooms"

local TICK = 0.05 -- seconds
local SAVE = 0.5 -- seconds
local HELP = [[
login NAME       enter the game; a new name gets a key. Later: login NAME KEY
join ROOM        go into a room; it is made if there is none
w a s d          walk up, left, down, right; several steps at once: dddw
                 an empty line shows the map
say TEXT         the others in the room read it
rooms  top       which rooms there are; who has the most coins
view live        see the map whenever something changes
view moves       see it after your own steps only
view state       see a line for programs instead
leave  quit      leave the room, or the game]]

-- ---- rooms: each lives on the worker that owns its name, and others call that worker ----

server.state.rooms = server.state.rooms or {}
local owned = server.state.rooms -- by name, those of this worker

local function tell(name, text)
  server.group("room " .. name):broadcast(text)
end

-- How many coins of whom the database does not have yet. They outlast a reload, and a database that
-- does not answer for a while.
server.state.unsaved = server.state.unsaved or {}
local unsaved = server.state.unsaved

local function save()
  while next(unsaved) do
    local who, count = next(unsaved)
    unsaved[who] = nil -- others may take coins, or save, while this waits
    local score, code = server.job("store", "add", who, count)
    if not score then
      unsaved[who] = (unsaved[who] or 0) + count
      server.log("error", "coins of %s are not saved yet: %s", who, code)
      return
    end
  end
end

local function tick(name, room)
  local changed, takers, arrived = rooms.tick(room)
  for _, player in ipairs(takers) do
    tell(name, ("* %s takes a coin and has %d"):format(player.name, player.taken))
    unsaved[player.name] = (unsaved[player.name] or 0) + 1
  end
  if not changed then return end
  for id, player in pairs(room.players) do
    if player.view == "live" or (player.view == "moves" and arrived[id]) then
      send(id, rooms.map(room, id))
    end
  end
  server.group("state " .. name):broadcast(rooms.state(room))
end

-- These stand in the file itself, so each generation of the code starts its own timers.
server.every(SAVE, save)
server.every(TICK, function()
  for name, room in pairs(owned) do tick(name, room) end
end)

local function find(name, id)
  local room = owned[name]
  return room, room and room.players[id]
end

on_call = {}

function on_call.join(name, id, who)
  local room = owned[name] or rooms.new()
  if not rooms.join(room, id, who) then return false end
  owned[name] = room
  tell(name, "* " .. who .. " comes in")
  return rooms.map(room, id)
end

function on_call.leave(name, id)
  local room, player = find(name, id)
  if not player then return end
  rooms.leave(room, id)
  tell(name, "* " .. player.name .. " leaves")
  if room.count == 0 then owned[name] = nil end
  save() -- at the end of the server, too, when all leave
end

function on_call.move(name, id, steps)
  local room, player = find(name, id)
  if not player then return nil, "gone" end
  rooms.move(room, id, steps)
  return true
end

function on_call.map(name, id)
  local room, player = find(name, id)
  if not player then return nil, "gone" end
  return rooms.map(room, id)
end

function on_call.view(name, id, view)
  local room, player = find(name, id)
  if not player then return nil, "gone" end
  player.view = view
  return view == "state" and rooms.state(room) or rooms.map(room, id)
end

function on_call.rooms()
  local list = {}
  for name, room in pairs(owned) do list[#list + 1] = { name = name, count = room.count } end
  return list
end

-- ---- commands: each runs on the worker of its connection ----

-- What the owner of the room answers; if it cannot, the player is told.
local function ask_room(conn, name, ...)
  local room = conn.data.room
  local answer, code, text = server.call(server.owner(room), name, room, conn.id, ...)
  if code then
    server.log("error", "%s in %s: %s %s", name, room, code, text or "")
    conn:send("! the room does not answer (" .. code .. "): try again")
  end
  return answer
end

local function is_name(text)
  return #text <= 16 and text:match("^%w[%w_-]*$") ~= nil
end

-- One place for each name: whoever was there before has to go.
local function take_place(conn, name)
  local key = "player " .. name
  while true do
    local before = server.shared:get(key)
    local taken, code = server.shared:compare_and_set(key, before, conn.id)
    if taken and before then
      send(before, "! you have logged in elsewhere")
      server.close(before, "elsewhere")
    end
    if taken or code ~= "changed" then return end
  end
end

local function leave(conn)
  local room = conn.data.room
  if not room then return end
  server.group("room " .. room):remove(conn)
  server.group("state " .. room):remove(conn)
  ask_room(conn, "leave")
  conn.data.room = nil
end

local commands = {}

function commands.login(conn, words)
  local name, key = words:match("^(%S+)%s*(%S*)$")
  if conn.data.name then return conn:send("! you are " .. conn.data.name .. " already") end
  if not name or not is_name(name) then
    return conn:send("! login NAME: at most 16 letters, digits, - and _")
  end
  local player, code = server.job("store", "login", name, key)
  if player == nil then return conn:send("! the database does not answer (" .. code .. ")") end
  if code == "taken" then
    return conn:send("! " .. name .. " is taken. If it is you: login " .. name .. " KEY")
  elseif code == "unknown" then
    return conn:send("! nobody is called " .. name .. ". If you are new: login " .. name)
  end
  conn.data.name = name
  take_place(conn, name)
  if player.new_key then
    conn:send("welcome, " .. name .. ". Next time: login " .. name .. " " .. player.new_key)
  else
    conn:send(("welcome back, %s. Coins so far: %d"):format(name, player.score))
  end
  if not player.lasting then conn:send("(no database here: coins last until the server stops)") end
  conn:send("join ROOM takes you into a room, such as: join hall")
end

function commands.join(conn, room)
  if not is_name(room) then
    return conn:send("! join ROOM: at most 16 letters, digits, - and _")
  end
  leave(conn)
  conn.data.room = room -- before the call: on_disconnect has to know
  local map = ask_room(conn, "join", conn.data.name)
  if not map then
    if map == false then conn:send("! " .. room .. " is full") end
    return leave(conn)
  end
  server.group("room " .. room):add(conn)
  conn:send(map .. "\nyou are in " .. room .. ", the @. Take the coins: *")
end

function commands.leave(conn)
  leave(conn)
  conn:send("join ROOM takes you into another room")
end

function commands.look(conn)
  local map = ask_room(conn, "map")
  if map then conn:send(map) end
end

function commands.view(conn, view)
  if view ~= "live" and view ~= "moves" and view ~= "state" then
    return conn:send("! view live, view moves, or view state")
  end
  local group = server.group("state " .. conn.data.room)
  if view == "state" then group:add(conn) else group:remove(conn) end
  local seen = ask_room(conn, "view", view)
  if seen then conn:send(seen) end
end

function commands.say(conn, text)
  server.group("room " .. conn.data.room):broadcast(conn.data.name .. ": " .. text)
end

function commands.rooms(conn)
  local lines = {}
  for worker = 1, server.workers do
    for _, room in ipairs(server.call(worker, "rooms") or {}) do
      lines[#lines + 1] = ("%s: %d here, on worker %d"):format(room.name, room.count, worker)
    end
  end
  table.sort(lines)
  conn:send(#lines > 0 and table.concat(lines, "\n") or "no rooms yet: join makes one")
end

function commands.top(conn)
  local best, code = server.job("store", "top", 10)
  if not best then return conn:send("! the database does not answer (" .. code .. ")") end
  local lines = {}
  for i, player in ipairs(best) do
    lines[i] = ("%d. %s %d"):format(i, player.name, player.score)
  end
  conn:send(#lines > 0 and table.concat(lines, "\n") or "nobody has played yet")
end

function commands.help(conn)
  conn:send(HELP)
end

function commands.quit(conn)
  conn:send("good bye")
  conn:close("quit")
end

local needs_name = { join = true }
local needs_room = { leave = true, look = true, view = true, say = true, walk = true }

function commands.walk(conn, steps)
  ask_room(conn, "move", steps)
end

-- ---- connections ----

function on_connect(conn)
  conn:send(("a game of coins; worker %d of %d serves you. Begin with: login NAME. Or ask: help")
    :format(server.worker, server.workers))
end

function on_receive(conn, line)
  local word, rest = line:match("^%s*/?(%S*)%s*(.-)%s*$")
  word = word:lower()
  if word == "" then word = "look" end
  if word:find("^[wasd]+$") then word, rest = "walk", word end
  local command = commands[word]
  if not command then
    conn:send("! no such command; ask: help")
  elseif (needs_name[word] or needs_room[word]) and not conn.data.name then
    conn:send("! who are you? login NAME")
  elseif needs_room[word] and not conn.data.room then
    conn:send("! you are in no room: join ROOM")
  else
    command(conn, rest)
  end
end

function on_disconnect(conn)
  local data = conn.data
  if data.name then server.shared:compare_and_set("player " .. data.name, conn.id, nil) end
  if data.room then server.call(server.owner(data.room), "leave", data.room, conn.id) end
end
