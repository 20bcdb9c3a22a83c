-- jobs.lua - jobs on luv: lua5.4 jobs.lua job|many COUNT
--
-- job: uv.new_work on libuv's pool of four threads, each with a Lua state of its own: a text is
-- copied there and back, one job after the other. many: all at once, each thread rests for 5 ms.
local uv = require "luv"

local what, count = arg[1], tonumber(arg[2])
local text = ("x"):rep(64)

local function measure()
  local warm, done, took = math.ceil(count / 10), 0, {}
  local cpu, begin, asked
  local work
  local function ask()
    asked = uv.hrtime()
    work:queue(text)
  end
  work = uv.new_work(function(value) return value end, function(value)
    assert(value == text)
    done = done + 1
    if done > warm then took[done - warm] = uv.hrtime() - asked end
    if done == warm then cpu, begin = os.clock(), uv.hrtime() end
    if done < warm + count then ask() end
  end)
  ask()
  uv.run()
  cpu = os.clock() - cpu
  local mean = (uv.hrtime() - begin) / count
  table.sort(took)
  print(("mean_us=%.2f cpu_us=%.2f p50_us=%.2f p99_us=%.2f"):format(mean / 1e3, cpu / count * 1e6,
    took[math.ceil(count * 0.5)] / 1e3, took[math.ceil(count * 0.99)] / 1e3))
end

local function many()
  local begin = uv.hrtime()
  local work = uv.new_work(function() require("luv").sleep(5) end, function() end)
  for _ = 1, count do work:queue() end
  uv.run()
  print(("seconds=%.4f"):format((uv.hrtime() - begin) / 1e9))
end

if what == "many" then many() else measure() end
