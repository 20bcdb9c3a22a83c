-- What the clients beside it talk to: an echo that tells what it knows of TLS.
-- Of all workers.
function on_disconnect(_, reason)
  server.shared:set("ends", (server.shared:get("ends") or "") .. reason .. " ")
end

function on_receive(conn, packet)
  local tls = conn.tls
  if packet == "/close" then
    conn:send("bye")
    return conn:close()
  end
  if packet == "/ends" then return conn:send(server.shared:get("ends") or "") end
  if packet ~= "/tls" then return conn:send(packet) end
  local told = { tls.version, tls.cipher, tls.server_name or "-", tls.resumed and "yes" or "-" }
  conn:send(table.concat(told, " "))
end
