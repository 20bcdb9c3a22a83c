-- What the simulated server has jobs for.
local version = require "version"
local work, asked = {}, 0

function work.on_job_start() asked = 1 end

function work.echo(number, id, filler)
  if asked == 0 then error("on_job_start has not run") end
  asked = asked + 1
  return number, id, version.number, #filler
end

return work
