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

-- "byte" changes the last byte of every 200th answer.
local answers = 0
function faults.answer(packet)
  answers = answers + 1
  if fault ~= "byte" or answers % 200 ~= 0 then return packet end
  return packet:sub(1, -2) .. string.char(packet:byte(-1) ~ 1)
end

-- "order": says again what was said before in that room.
local before, said = {}, 0
function faults.said(packet)
  if fault ~= "order" then return packet end
  local room = packet:byte(1)
  local last = before[room] or packet
  before[room], said = packet, said + 1
  return said % 50 == 0 and last or packet
end

-- "lost": somebody is sent away who has done nothing.
function faults.received(conn)
  if fault == "lost" and conn.data.packets == 100 then conn:close "fault" end
end

return faults
