-- haproxy.lua - the work of the benchmark on haproxy's Lua: loaded by haproxy.cfg.
--
-- Cuts packets behind a length of 4 bytes, little-endian, that counts itself, and calls
-- on_receive for each. A service receives as many bytes as it names, and is not told what else
-- has come: so each packet takes two receives and a send. It knows no connection but its own, so
-- there is no broadcast.
-- luacheck: read globals core
local function on_receive(applet, packet)
  applet:send(string.pack("<I4", #packet + 4) .. packet)
end

core.register_service("echo", "tcp", function(applet)
  while true do
    local head = applet:receive(4)
    if not head or #head < 4 then return end
    local packet = applet:receive(string.unpack("<I4", head) - 4)
    if not packet then return end
    on_receive(applet, packet)
  end
end)
