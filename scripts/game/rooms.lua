-- rooms: the rules. A room is a table of plain values, so it survives a reload. Nothing here sends,
-- waits or knows of connections, so the tests call it as it is.

local rooms = {}

local WIDTH, HEIGHT = 24, 8
local COINS = 3 -- that lie around, at most
local COIN_TICKS = 40 -- from one new coin to the next
local STEPS_MAX = 64 -- that a player can ask for in advance
local STEPS = { w = { 0, -1 }, a = { -1, 0 }, s = { 0, 1 }, d = { 1, 0 } }

local function player_at(room, x, y)
  for _, player in pairs(room.players) do
    if player.x == x and player.y == y then return player end
  end
end

local function coin_at(room, x, y)
  for i, coin in ipairs(room.coins) do
    if coin.x == x and coin.y == y then return i end
  end
end

-- A random place where nothing is; nil if the room seems to be full.
local function free_place(room)
  for _ = 1, 100 do
    local x, y = math.random(WIDTH), math.random(HEIGHT)
    if not player_at(room, x, y) and not coin_at(room, x, y) then return { x = x, y = y } end
  end
end

function rooms.new()
  local room = { players = {}, count = 0, coins = {}, ticks = 0, changed = false }
  for _ = 1, COINS do table.insert(room.coins, free_place(room)) end
  return room
end

-- Returns false if there is no place.
function rooms.join(room, id, name)
  local place = free_place(room)
  if not place then return false end
  if not room.players[id] then room.count = room.count + 1 end
  room.players[id] =
    { name = name, x = place.x, y = place.y, steps = "", taken = 0, view = "moves" }
  room.changed = true
  return true
end

function rooms.leave(room, id)
  room.players[id] = nil
  room.count = room.count - 1
  room.changed = true
end

-- Steps are letters, such as "wwd"; each tick takes one.
function rooms.move(room, id, steps)
  local player = room.players[id]
  player.steps = (player.steps .. steps):sub(1, STEPS_MAX)
end

-- One step. A wall, or somebody in the way, ends the walk.
local function step(room, player)
  local by = STEPS[player.steps:sub(1, 1)]
  local x, y = player.x + by[1], player.y + by[2]
  player.steps = player.steps:sub(2)
  if x < 1 or x > WIDTH or y < 1 or y > HEIGHT or player_at(room, x, y) then
    player.steps = ""
    return false
  end
  player.x, player.y = x, y
  local coin = coin_at(room, x, y)
  if not coin then return false end
  table.remove(room.coins, coin)
  player.taken = player.taken + 1
  return true
end

-- Returns whether there is something new to see, a list of those who have taken a coin, and a set
-- of the ids of those whose walk has ended.
function rooms.tick(room)
  local changed, takers, arrived = room.changed, {}, {}
  room.changed = false
  room.ticks = room.ticks + 1
  for id, player in pairs(room.players) do
    if player.steps ~= "" then
      if step(room, player) then table.insert(takers, player) end
      if player.steps == "" then arrived[id] = true end
      changed = true
    end
  end
  if room.ticks % COIN_TICKS == 0 and #room.coins < COINS then
    table.insert(room.coins, free_place(room))
    changed = true
  end
  return changed, takers, arrived
end

-- ---- views ----

-- The room as a player sees it, who is the @. Others are the first letters of their names.
function rooms.map(room, id)
  local cells, lines, legend = {}, {}, { "@ you " .. room.players[id].taken }
  for y = 1, HEIGHT do
    cells[y] = {}
    for x = 1, WIDTH do cells[y][x] = " " end
  end
  for _, coin in ipairs(room.coins) do cells[coin.y][coin.x] = "*" end
  for other, player in pairs(room.players) do
    local letter = other == id and "@" or player.name:sub(1, 1)
    cells[player.y][player.x] = letter
    if other ~= id then
      legend[#legend + 1] = ("%s %s %d"):format(letter, player.name, player.taken)
    end
  end
  local edge = "+" .. ("-"):rep(WIDTH) .. "+"
  lines[1] = edge
  for y = 1, HEIGHT do lines[y + 1] = "|" .. table.concat(cells[y]) .. "|" end
  lines[HEIGHT + 2] = edge
  lines[HEIGHT + 3] = table.concat(legend, "   ")
  return table.concat(lines, "\n")
end

-- The same for programs, in one line: "state 17 ann=3,4,0 bob=5,6,2 *=7,8".
function rooms.state(room)
  local words = { "state", tostring(room.ticks) }
  for _, player in pairs(room.players) do
    words[#words + 1] = ("%s=%d,%d,%d"):format(player.name, player.x, player.y, player.taken)
  end
  for _, coin in ipairs(room.coins) do
    words[#words + 1] = ("*=%d,%d"):format(coin.x, coin.y)
  end
  return table.concat(words, " ")
end

return rooms
