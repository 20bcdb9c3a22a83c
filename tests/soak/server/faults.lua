-- Faults on purpose, so that the soak can be seen to find them: ./dev soak --fault NAME.
local fault = os.getenv "SOAK_FAULT" or ""
local faults = {}

-- "lua" keeps something of each connection for ever; "files" opens one for each.
function faults.connect(conn)
  local kept = server.state.kept or {}
  server.state.kept = kept
  if fault == "lua" then kept[#kept + 1] = ("x"):rep(4000) .. conn.id end
  if fault == "files" then kept[#kept + 1] = io.open "/dev/null" end
end

-- "byte" turns one round, now and then.
function faults.answer(packet)
  if fault ~= "byte" or #packet < 20 or math.random(500) > 1 then return packet end
  return packet:sub(1, -2) .. string.char(packet:byte(-1) ~ 1)
end

-- "order": says again what was said before in that room.
local before = {}
function faults.said(packet)
  if fault ~= "order" then return packet end
  local room = packet:byte(1)
  local last = before[room] or packet
  before[room] = packet
  return math.random(50) == 1 and last or packet
end

-- "lost": somebody is sent away who has done nothing.
function faults.received(conn)
  if fault == "lost" and conn.data.packets == 100 then conn:close "fault" end
end

return faults
