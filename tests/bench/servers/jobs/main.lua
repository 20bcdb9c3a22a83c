-- The server of `./dev bench jobs`: "CASE COUNT" is answered with the case's figures, "watch" with
-- ticks, "block" and "job" by a login.
local work = require "work"

local SLEEPERS = 100
local text = ("x"):rep(64)
local other = server.worker % server.workers + 1
local players = server.group("players")

-- One for the whole of a turn. What is waited for comes in a later turn, so between two of them
-- lies a round trip.
local now = server.now

-- ---- what is done once ----

local once = {}

function once.job() assert(server.job("work", "echo", text) == text) end

function once.call() assert(server.call(other, "echo", text) == text) end

function once.self() assert(server.call(server.worker, "echo", text) == text) end

function once.channel()
  server.channel("ask"):push(text)
  assert(server.channel("answer"):pop() == text)
end

-- Wakes 100 handlers of the other worker; the last one of them says so once it waits again.
function once.signal()
  assert(server.signal("ask", text) == SLEEPERS)
  assert(server.channel("answer"):pop() == text)
end

-- ---- the other worker's part ----

on_call = {}

function on_call.echo(value) return value end

local prepare = {}

function prepare.channel(count)
  server.after(0, function()
    for _ = 1, count do server.channel("answer"):push(server.channel("ask"):pop()) end
  end)
end

function prepare.signal(count)
  local woken = 0
  local function sleep()
    for _ = 1, count do
      assert(server.wait("ask") == text)
      woken = woken + 1
      if woken % SLEEPERS == 0 then server.post(server.worker, "woken") end
    end
  end
  for _ = 1, SLEEPERS do server.after(0, sleep) end
  server.sleep(0.1) -- until they wait
end

function on_call.prepare(case, count)
  prepare[case](count)
  return true
end

function on_message() server.channel("answer"):push(text) end

-- ---- figures ----

local function measure(case, count)
  local warm = math.ceil(count / 10)
  local took = {}
  if prepare[case] then assert(server.call(other, "prepare", case, warm + count)) end
  for _ = 1, warm do once[case]() end
  local cpu, begin = os.clock(), now()
  local last = begin
  for i = 1, count do
    once[case]()
    took[i], last = now() - last, now()
  end
  cpu = os.clock() - cpu
  table.sort(took)
  return ("mean_us=%.2f cpu_us=%.2f p50_us=%.2f p99_us=%.2f"):format((last - begin) / count * 1e6,
    cpu / count * 1e6, took[math.ceil(count * 0.5)] * 1e6, took[math.ceil(count * 0.99)] * 1e6)
end

-- All at once, each on a thread for 5 ms.
local function many(count)
  local begin, left = now(), count
  for _ = 1, count do
    server.after(0, function()
      assert(server.job("work", "rest", 0.005))
      left = left - 1
      if left == 0 then server.signal("all") end
    end)
  end
  server.wait("all")
  return ("seconds=%.4f"):format(now() - begin)
end

-- ---- who asks ----

if server.worker == 1 then
  server.every(0.05, function() players:broadcast("tick") end)
end

function on_receive(conn, packet)
  if packet == "watch" then return players:add(conn) end
  if packet == "block" then
    work.login()
    return conn:send("in")
  end
  if packet == "job" then
    assert(server.job("work", "login"))
    return conn:send("in")
  end
  local case, count = packet:match("^(%a+) (%d+)$")
  count = tonumber(count)
  conn:send(case == "many" and many(count) or measure(case, count))
end
