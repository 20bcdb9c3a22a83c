-- ticker: tells everybody the time, each second. Try it with: nc 127.0.0.1 7000

-- A broadcast reaches the connections of all workers, so one of them does it for all. This stands
-- in the file itself, not in on_start, which is not called again when the file has changed.
if server.worker == 1 then
  server.every(1, function()
    broadcast(os.date("%H:%M:%S"))
  end)
end

function on_receive(conn, line)
  conn:send("you said: " .. line)
end
