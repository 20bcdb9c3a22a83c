-- The server of the soak: does what the letter at the front of a packet says (packet.h).
local generation = require "generation" -- which the soak writes anew, good or broken
local faults = require "faults"

local shared, me = server.shared, server.worker
local watchers = server.group "figures"

local function echo(conn, packet) conn:send(faults.answer(packet)) end

local function room_of(packet) return server.group("room " .. packet:byte(2)) end

local actions = { e = echo }

function actions.s(conn, packet)
  server.sleep(math.random() * 0.05)
  echo(conn, packet)
end

function actions.t(conn, packet)
  server.after(math.random() * 0.05, function() echo(conn, packet) end)
end

function actions.h(conn, packet)
  shared:incr("asked", 1, 0)
  shared:set("last of " .. conn.id % 100, packet, 0.5)
  if shared:add("once " .. #packet, me, 0.2) then shared:delete("once " .. #packet) end
  echo(conn, packet)
end

function actions.m(conn, packet)
  server.post(math.random(server.workers), { to = conn.id, packet = packet })
end

function actions.c(conn, packet)
  local back, code = server.call(math.random(server.workers), "echo", packet)
  if back ~= packet and not code then error "a call answers something else" end
  echo(conn, packet)
end

local values = server.channel("values", 50)
function actions.k(conn, packet)
  if values:push(packet, 1) and not values:pop(1) then error "a value is lost" end
  server.signal("pushed", me)
  echo(conn, packet)
end

function actions.o(conn, packet)
  local back, code = server.job("work", "echo", packet)
  if back ~= packet and not code then error "a job answers something else" end
  server.wait("pushed", math.random() * 0.01)
  echo(conn, packet)
end

function actions.j(conn, packet)
  room_of(packet):add(conn)
  echo(conn, packet)
end

function actions.p(conn, packet)
  while not room_of(packet):broadcast("G" .. faults.said(packet:sub(2))) do server.sleep(0.01) end
  echo(conn, packet)
end

function actions.x(conn, packet)
  error(("no luck with %d bytes of %d"):format(#packet, conn.id))
end

function actions.f(conn) watchers:add(conn) end

function actions.g() server.post("all", "collect") end

local function note_memory() shared:set("lua " .. me, collectgarbage "count") end

local function tell_figures()
  local stats = server.stats()
  local list = {
    stats.uptime, stats.connections, stats.connections_free, stats.connections_max,
    stats.blocks_used, stats.blocks, stats.memory_used, stats.memory_max, stats.packets_received,
    stats.starved, stats.accepted, stats.refused, stats.generation, generation.number,
    shared:get "collected" or 0, 0,
  }
  local sum = #list
  for i = 1, server.workers do
    list[sum + i] = shared:get("lua " .. i) or 0
    list[sum] = list[sum] + list[sum + i]
  end
  watchers:broadcast("F" .. table.concat(list, " "))
end

on_call = { echo = function(packet) return packet end }

server.every(0.2, note_memory)
if me == 1 then
  server.every(0.2, tell_figures)
  server.every(1, function() broadcast "To all of you." end)
end

function on_connect(conn)
  conn.data.packets = 0
  faults.connect(conn)
end

function on_receive(conn, packet)
  conn.data.packets = conn.data.packets + 1
  actions[packet:sub(1, 1)](conn, packet)
  faults.received(conn)
end

function on_message(message)
  if message == "collect" then
    collectgarbage()
    collectgarbage()
    note_memory()
    shared:incr("collected", 1, 0)
  else
    send(message.to, message.packet)
  end
end

function on_disconnect(conn, reason)
  local ended = server.state.ended or {}
  ended[reason] = (ended[reason] or 0) + conn.data.packets
  server.state.ended = ended
end

function on_unload() return generation.number end

function on_load(number) assert(number < generation.number) end
