-- chat: what one types, all others read. Try it in two windows with: nc 127.0.0.1 7000

function on_connect(conn)
  conn.data.name = "guest-" .. conn.id % 1000
  conn:send("you are " .. conn.data.name .. "; /name NEW renames you, /quit leaves")
  broadcast("* " .. conn.data.name .. " is here", { except = conn })
end

function on_receive(conn, line)
  local name = line:match("^/name (%S+)$")
  if line == "/quit" then
    conn:close("quit")
  elseif name then
    broadcast("* " .. conn.data.name .. " is now " .. name)
    conn.data.name = name
  elseif line ~= "" then
    broadcast(conn.data.name .. ": " .. line, { except = conn })
  end
end

function on_disconnect(conn, reason)
  broadcast("* " .. conn.data.name .. " left (" .. reason .. ")")
end
