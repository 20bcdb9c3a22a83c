-- What jobs of `./dev bench jobs` do.
local work = {}

function work.echo(text) return text end

function work.rest(seconds) return server.sleep(seconds) end

-- Blocks, as a database's client does.
function work.login() return io.popen("sleep 0.2"):close() end

return work
