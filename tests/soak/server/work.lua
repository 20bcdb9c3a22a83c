-- What the soak has jobs for.
local work, asked = {}, 0

function work.on_job_start() asked = 0 end

function work.echo(packet)
  asked = asked + 1
  return packet, asked
end

return work
