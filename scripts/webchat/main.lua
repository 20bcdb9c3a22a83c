-- webchat: rooms in which browsers and terminals meet. Browsers get JSON, terminals get lines; what
-- they send is the same: words, or a command such as /name Ann. Who is where is in server.shared,
-- for all workers.
--
--     name:ann       the id of the connection that has this name
--     in:tea:ann     "Ann", who is in the room "tea"

local text = require("text")

local NAME_MAX, SAID_MAX, ROOM_MAX = 24, 500, 20 -- characters
local LISTED_MAX = 200 -- people and rooms that are listed
local PER_SECOND, AT_ONCE, IGNORED_MAX = 3, 10, 50 -- of what somebody sends

local HELP = "/name NEW, /room NEW, /who, /rooms, /quit; all else is said to the room"

-- ---- telling: each event is a table for browsers, and may have a line for terminals ----

local function line_of(event)
  local kind, name = event.kind, event.name
  if kind == "said" then return name .. ": " .. event.text end
  if kind == "joined" then return "* " .. name .. " is here" end
  if kind == "left" then return "* " .. name .. " left" end
  if kind == "renamed" then return "* " .. name .. " is now " .. event.to end
  if kind == "room" then
    local people = table.concat(event.people, ", ")
    return ("* you are %s in %s, with %d: %s"):format(name, event.room, event.count, people)
  end
  if kind == "rooms" then return "* rooms: " .. table.concat(event.rooms, ", ") end
  return "* " .. event.text
end

local function tell(conn, event)
  if conn.data.is_browser then
    conn:send(text.json(event), "text")
  else
    conn:send(line_of(event))
  end
end

local function note(conn, words)
  tell(conn, { kind = "note", text = words })
end

local function group_of(room, is_browser)
  return server.group((is_browser and "json:" or "line:") .. room)
end

local function tell_room(room, event, except)
  group_of(room, true):broadcast(text.json(event), { kind = "text", except = except })
  group_of(room, false):broadcast(line_of(event), { except = except })
end

-- ---- who is where ----

local function place(room, name)
  return "in:" .. room .. ":" .. name:lower()
end

local function people_of(room)
  local people = {}
  for _, key in ipairs(server.shared:keys("in:" .. room .. ":") or {}) do
    people[#people + 1] = server.shared:get(key) -- nil: has just left
  end
  table.sort(people)
  local count = #people
  for i = count, LISTED_MAX + 1, -1 do people[i] = nil end
  return people, count
end

local function tell_rooms(conn)
  local counts, rooms = {}, {}
  for _, key in ipairs(server.shared:keys("in:") or {}) do
    local room = key:match("^in:([^:]+)")
    counts[room] = (counts[room] or 0) + 1
  end
  for room, count in pairs(counts) do rooms[#rooms + 1] = room .. " " .. count end
  table.sort(rooms)
  for i = #rooms, LISTED_MAX + 1, -1 do rooms[i] = nil end
  tell(conn, { kind = "rooms", rooms = rooms })
end

local function tell_room_of(conn)
  local data = conn.data
  local people, count = people_of(data.room)
  tell(conn, { kind = "room", room = data.room, name = data.name, people = people, count = count })
end

-- Listens before it looks, so that nobody is missed who comes or goes meanwhile.
local function enter(conn, room)
  local data = conn.data
  data.room = room
  server.shared:set(place(room, data.name), data.name)
  group_of(room, data.is_browser):add(conn)
  tell_room(room, { kind = "joined", name = data.name }, conn)
  tell_room_of(conn)
end

local function leave(conn)
  local data = conn.data
  group_of(data.room, data.is_browser):remove(conn)
  server.shared:delete(place(data.room, data.name))
  tell_room(data.room, { kind = "left", name = data.name })
end

-- ---- names and rooms that are asked for ----

-- "*" begins what the server says, and ":" ends the name in front of what somebody says.
local function name_of(bytes)
  local name = text.clean(bytes, NAME_MAX + 1):gsub(" +", " ")
  local fits = #name > 0 and text.clean(name, NAME_MAX) == name
  return fits and not name:find("[:*]") and name or nil
end

local function room_of(bytes)
  local room = bytes:lower()
  return #room <= ROOM_MAX and room:match("^[a-z0-9-]+$")
end

-- A name belongs to one connection of all workers.
local function claim(conn, name)
  return server.shared:add("name:" .. name:lower(), conn.id)
end

local function claim_guest(conn)
  for _ = 1, 100 do -- guest-7 may be a name that was chosen
    local name = "guest-" .. (server.shared:incr("guests", 1, 0) or conn.id)
    if claim(conn, name) then return name end
  end
end

local function rename(conn, bytes)
  local data, name = conn.data, name_of(bytes)
  if not name then
    return note(conn, "a name has 1 to " .. NAME_MAX .. " characters, without : and *")
  end
  local old = data.name
  if name == old then return end
  if name:lower() ~= old:lower() then
    if not claim(conn, name) then return note(conn, "somebody is called " .. name .. " already") end
    server.shared:delete("name:" .. old:lower())
    server.shared:delete(place(data.room, old))
  end
  data.name = name
  server.shared:set(place(data.room, name), name)
  tell_room(data.room, { kind = "renamed", name = old, to = name })
  if data.is_browser then tell_room_of(conn) end
end

local function move(conn, bytes)
  local room = room_of(bytes)
  if not room then
    return note(conn, "a room has 1 to " .. ROOM_MAX .. " characters: a to z, 0 to 9 and -")
  end
  if room == conn.data.room then return end
  leave(conn)
  enter(conn, room)
end

local commands = {
  name = rename,
  room = move,
  who = tell_room_of,
  rooms = tell_rooms,
  quit = function(conn) conn:close("quit", 1000) end,
}

-- ---- too much at once ----

-- A bucket that PER_SECOND drops fall into: each message takes one out.
local function may_send(conn)
  local data, now = conn.data, server.now()
  local fallen = (now - (data.sent_at or now)) * PER_SECOND
  data.drops = math.min(AT_ONCE, (data.drops or AT_ONCE) + fallen)
  data.sent_at = now
  if data.drops >= 1 then
    data.drops, data.ignored = data.drops - 1, 0
    return true
  end
  data.ignored = (data.ignored or 0) + 1
  if data.ignored == 1 then note(conn, "too fast: what you send now is lost") end
  if data.ignored > IGNORED_MAX then conn:close("flood", 1008) end
  return false
end

-- ---- handlers ----

-- /chat?name=Ann&room=tea, for those who come again; /chat?plain=1 gives lines on a WebSocket, too.
function on_connect(conn)
  local data, request = conn.data, conn.request
  local query = request and request.query or {}
  data.is_browser = request ~= nil and query.plain == nil
  local wanted = query.name and name_of(query.name)
  data.name = wanted and claim(conn, wanted) and wanted or claim_guest(conn)
  if not data.name then return false end -- server.shared is full
  enter(conn, query.room and room_of(query.room) or "lobby")
  if wanted and data.name ~= wanted then
    note(conn, "somebody is called " .. wanted .. " already")
  end
  if not data.is_browser then note(conn, HELP) end
end

function on_receive(conn, packet)
  if not may_send(conn) then return end
  local said = text.clean(packet, SAID_MAX)
  local command, rest = said:match("^/(%a*) *(.*)$")
  if commands[command] then
    commands[command](conn, rest)
  elseif command then
    note(conn, HELP)
  elseif said ~= "" then
    tell_room(conn.data.room, { kind = "said", name = conn.data.name, text = said })
  end
end

function on_disconnect(conn)
  leave(conn)
  server.shared:delete("name:" .. conn.data.name:lower())
end
