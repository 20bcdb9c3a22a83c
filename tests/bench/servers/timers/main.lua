-- BENCH_TIMERS timers that fire once a second each, spread evenly over it; any packet is answered
-- with how many have fired, in digits. All of them run one second after the start.
local count = tonumber(os.getenv("BENCH_TIMERS"))
local fired = 0

local function fire()
  fired = fired + 1
end

local function begin()
  fired = fired + 1
  server.every(1, fire)
end

for i = 1, count do
  server.after(i / count, begin)
end

function on_receive(conn)
  conn:send(("%d"):format(fired))
end
