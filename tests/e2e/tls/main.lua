-- What the clients beside it talk to: an echo that tells what it knows of TLS.
function on_receive(conn, packet)
  local tls = conn.tls
  if packet == "/close" then
    conn:send("bye")
    return conn:close()
  end
  if packet ~= "/tls" then return conn:send(packet) end
  local told = { tls.version, tls.cipher, tls.server_name or "-", tls.resumed or "-" }
  conn:send(table.concat(told, " "))
end
