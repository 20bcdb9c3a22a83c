-- store: who plays, and how many coins each has taken. main.lua calls these functions with
-- server.job: they run on a thread of their own, where they may wait for the disk.
--
-- They are kept in SQLite if Lua's module for it is installed (Debian: apt install
-- lua-sql-sqlite3), in the file that the environment variable GAME_DATABASE names, or game.db in
-- the working directory. Without the module they are kept in server.shared, and end with the
-- server.

local store = {}
local shared = server.shared

-- ---- in SQLite ----

local sqlite_found, sqlite = pcall(require, "luasql.sqlite3")
local environment, database -- of this thread

local in_sqlite = {}

-- Each ? stands for a value, which is quoted, whoever sent it. Returns the first row.
local function query(statement, ...)
  local values, number = { ... }, 0
  local cursor = assert(database:execute((statement:gsub("%?", function()
    number = number + 1
    return "'" .. database:escape(tostring(values[number])) .. "'"
  end))))
  if type(cursor) == "number" then return nil end -- how many rows have changed
  local first, second = cursor:fetch()
  cursor:close()
  return first, second
end

function in_sqlite.find(name)
  local key, score = query("select key, score from players where name = ?", name)
  return key, score or 0
end

function in_sqlite.create(name, key)
  query("insert into players (name, key) values (?, ?)", name, key)
end

function in_sqlite.add(name, count)
  query("update players set score = score + ? where name = ?", count, name)
end

function in_sqlite.top(count)
  local list = {}
  local cursor = assert(database:execute(
    ("select name, score from players order by score desc, name limit %d"):format(count)))
  local name, score = cursor:fetch()
  while name do
    list[#list + 1] = { name = name, score = score }
    name, score = cursor:fetch()
  end
  cursor:close()
  return list
end

local function open_sqlite()
  local path = shared:get("game database") or os.getenv("GAME_DATABASE") or "game.db"
  environment = sqlite.sqlite3()
  database = assert(environment:connect(path, 5000)) -- waits so many ms for other programs
  assert(database:execute("create table if not exists players " ..
    "(name text primary key, key text not null, score integer not null default 0)"))
end

-- ---- in memory ----

local in_memory = {}

function in_memory.find(name)
  return shared:get("key " .. name), shared:get("score " .. name) or 0
end

function in_memory.create(name, key)
  shared:set("key " .. name, key)
  shared:set("score " .. name, 0)
end

function in_memory.add(name, count)
  shared:incr("score " .. name, count, 0)
end

function in_memory.top(count)
  local list = {}
  for _, key in ipairs(shared:keys("score ")) do
    list[#list + 1] = { name = key:sub(7), score = shared:get(key) or 0 }
  end
  table.sort(list, function(a, b)
    if a.score ~= b.score then return a.score > b.score end
    return a.name < b.name
  end)
  for i = #list, count + 1, -1 do list[i] = nil end
  return list
end

-- ---- what main.lua calls ----

local kept = sqlite_found and in_sqlite or in_memory

function store.on_job_start()
  if sqlite_found then return open_sqlite() end
  server.log("warn", "scores are in memory only, until the server stops: Lua's module for SQLite "
    .. "cannot be loaded (Debian: apt install lua-sql-sqlite3; not with sandbox = true)")
end

function store.on_job_stop()
  if database then database:close() end
  if environment then environment:close() end
end

-- A key is made here, so that no database has the password that somebody uses elsewhere, too.
local function new_key()
  local file = io and io.open("/dev/urandom", "rb")
  if not file then return ("%08x"):format(math.random(0, 0x7fffffff)) end -- can be guessed
  local bytes = file:read(6)
  file:close()
  return (bytes:gsub(".", function(c) return ("%02x"):format(c:byte()) end))
end

-- Returns the player. Without a key (""), a new name makes one. False, and why: "unknown" (no such
-- player) or "taken" (the key is another one).
function store.login(name, key)
  local expected, score = kept.find(name)
  local player = { score = score, lasting = sqlite_found }
  if not expected then
    if key ~= "" then return false, "unknown" end
    player.new_key = new_key()
    kept.create(name, player.new_key)
  elseif key ~= expected then
    return false, "taken"
  end
  return player
end

-- So many more coins; returns the score.
function store.add(name, count)
  kept.add(name, count)
  local _, score = kept.find(name)
  return score
end

-- The best players, as a list of { name =, score = }.
function store.top(count)
  return kept.top(count)
end

return store
