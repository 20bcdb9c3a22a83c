-- What the clients beside it talk to: an echo that tells what it knows of TLS.
-- Of all workers.
function on_disconnect(_, reason)
  server.shared:set("ends", (server.shared:get("ends") or "") .. reason .. " ")
end

local answers = {}

answers["/ends"] = function() return server.shared:get("ends") or "" end

answers["/where"] = function() return server.worker .. " " .. server.generation end

answers["/tls"] = function(tls)
  local told = { tls.version, tls.cipher, tls.server_name or "-", tls.resumed and "yes" or "-" }
  return table.concat(told, " ")
end

answers["/peer"] = function(tls)
  local peer = tls.peer or { subject = "-", issuer = "-" }
  return peer.subject .. " by " .. peer.issuer
end

answers["/protocol"] = function(tls) return tls.protocol or "-" end

function on_receive(conn, packet)
  if packet == "/close" then
    conn:send("bye")
    return conn:close()
  end
  local answer = answers[packet]
  conn:send(answer and answer(conn.tls) or packet)
end
