-- ticker: tells everybody the time, each second. Try it with: nc 127.0.0.1 7000

local function tell()
  broadcast(os.date("%H:%M:%S"))
end

function on_start()
  -- A broadcast reaches the connections of all workers, so one of them does it for all.
  if server.worker == 1 then
    server.every(1, tell)
  end
end

function on_receive(conn, line)
  conn:send("you said: " .. line)
end
