-- luv.lua - the work of the benchmark on libuv's binding for Lua:
--
--     lua5.4 luv.lua HOST PORT [broadcast]     or luajit
--
-- Cuts packets behind a length of 4 bytes, little-endian, that counts itself; calls on_receive for
-- each; what that sends on one read goes out in one write, back or to everybody.
local uv = require "luv"

local host, port, broadcasts = arg[1], tonumber(arg[2]), arg[3] == "broadcast"
local connections, count = {}, 0

local head, length
if string.pack then
  local pack, unpack = string.pack, string.unpack
  function head(size) return pack("<I4", size) end
  function length(bytes, at) return (unpack("<I4", bytes, at)) end
else
  local byte, char, floor = string.byte, string.char, math.floor
  function head(size)
    local a, b, c = size % 256, floor(size / 256) % 256, floor(size / 65536) % 256
    return char(a, b, c, floor(size / 16777216))
  end
  function length(bytes, at)
    local a, b, c, d = byte(bytes, at, at + 3)
    return a + b * 256 + c * 65536 + d * 16777216
  end
end

local function on_receive(conn, packet) conn:send(packet) end

local Connection = {}
Connection.__index = Connection

function Connection:send(packet)
  local n = self.queued
  self.queue[n + 1], self.queue[n + 2] = head(#packet + 4), packet
  self.queued = n + 2
end

function Connection:flush()
  if self.queued == 0 then return end
  local bytes = table.concat(self.queue, "", 1, self.queued)
  self.queued = 0
  if not broadcasts then return self.socket:write(bytes) end
  for i = 1, count do connections[i].socket:write(bytes) end
end

function Connection:take(bytes)
  if self.rest ~= "" then bytes = self.rest .. bytes end
  local at, last = 1, #bytes
  while last - at >= 3 do
    local size = length(bytes, at)
    if last - at + 1 < size then break end
    on_receive(self, bytes:sub(at + 4, at + size - 1))
    at = at + size
  end
  self.rest = at <= last and bytes:sub(at) or ""
end

local function leave(conn)
  local last = connections[count]
  connections[conn.place], last.place = last, conn.place
  connections[count], count = nil, count - 1
  conn.socket:close()
end

local server = uv.new_tcp()
server:bind(host, port)
server:listen(4096, function(err)
  assert(not err, err)
  local socket = uv.new_tcp()
  server:accept(socket)
  socket:nodelay(true)
  count = count + 1
  local conn = { socket = socket, place = count, queue = {}, queued = 0, rest = "" }
  setmetatable(conn, Connection)
  connections[count] = conn
  socket:read_start(function(failed, bytes)
    if failed or not bytes then return leave(conn) end
    conn:take(bytes)
    conn:flush()
  end)
end)
uv.run()
