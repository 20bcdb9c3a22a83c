-- chat: what one types, all others read. Try it in two windows with: nc 127.0.0.1 7000

local lobby = server.group("lobby")

function on_connect(conn)
  conn.data.name = "guest-" .. conn.id % 1000
  conn:send("you are " .. conn.data.name .. "; /name NEW renames you, /quit leaves")
  lobby:broadcast("* " .. conn.data.name .. " is here")
  lobby:add(conn)
end

function on_receive(conn, line)
  local name = line:match("^/name (%S+)$")
  if line == "/quit" then
    conn:close("quit")
  elseif name then
    lobby:broadcast("* " .. conn.data.name .. " is now " .. name)
    conn.data.name = name
  elseif line ~= "" then
    lobby:broadcast(conn.data.name .. ": " .. line, { except = conn })
  end
end

function on_disconnect(conn, reason)
  lobby:broadcast("* " .. conn.data.name .. " left (" .. reason .. ")")
end
