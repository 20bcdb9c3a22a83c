-- What the simulated server runs. A request is "<op><number> <argument>:<filler>"; each is answered
-- in order by "<op><number> <version>:<text>". What comes unasked begins with a capital letter.
local version = require "version"
if version.fails_on == server.worker then error("this version does not load, on purpose") end

local state = server.state

local function note(format, ...) server.log("info", "sim: " .. format, ...) end
local function bug(format, ...) note("bug: " .. format, ...) end

-- A bug, unless some handler was not called for want of memory.
local function amiss(format, ...) note("amiss: " .. format, ...) end

-- Packets of one size are filled up, or cut.
local function fit(conn, text)
  local size = conn.data.fixed
  if not size then return text end
  return (text .. ("."):rep(size)):sub(1, size)
end

-- As text, as binary, or without a word about it; what is no text is sent without one.
local function answer(conn, op, number, text)
  local packet = fit(conn, ("%s%d %d:%s"):format(op, number, version.number, text))
  if not conn.data.web then return conn:send(packet) end
  local fine, code = conn:send(packet, ({ "text", "binary" })[number % 3])
  if code == "badtext" then return conn:send(packet) end
  return fine, code
end

-- Of messages of others. It is told by their number.
local function kind_of(number) return number % 3 == 0 and "binary" or nil end

-- Waits, for no less than that.
local function wait(conn, seconds)
  local begun = server.now()
  server.sleep(seconds)
  local waited = server.now() - begun
  if waited < seconds - 1e-6 then bug("a sleep of %g s takes %g s", seconds, waited) end
  if conn.data.gone then bug("connection %d: a handler goes on after its end", conn.id) end
end

-- A timer runs the code of its own generation: those of older ones are stopped.
local function in_time(what)
  if state.version ~= version.number then
    amiss("%s of version %d fires in version %s", what, version.number, state.version)
  end
end

-- Each is called with the connection, the request's number, its argument and its filler.
local ops = {}

function ops.e(_, _, _, filler) return filler end -- echo

function ops.w(conn, _, argument) -- wait
  conn.data.waits = true
  wait(conn, argument / 1000)
  conn.data.waits = false
  return "slept"
end

function ops.t(conn, number, argument) -- a timer
  local id, due = conn.id, server.now() + argument / 1000
  local text = fit(conn, ("T%d %d:"):format(number, id))
  server.after(argument / 1000, function()
    in_time "a timer"
    if server.now() < due - 1e-6 then bug("a timer fires %g s early", due - server.now()) end
    send(id, text)
  end)
  server.after(argument / 1000, function() bug "a timer fires that was cancelled" end):cancel()
  local fired = false
  server.after(0.001, function() fired = true end)
  server.after(0.001, function()
    if not fired then amiss "a timer overtakes another one" end
  end)
  return ""
end

function ops.p(conn, number, argument) -- by way of another worker
  local text = fit(conn, ("P%d %d:"):format(number, conn.id))
  local target = argument % server.workers + 1
  return tostring(server.post(target, { version.number, target, conn.id, text, kind_of(number) }))
end

function ops.s(conn, number, argument) -- to another client, perhaps gone
  local id = server.shared:get("id" .. argument)
  if not id then return "" end
  send(id, ("S%d %d:%d"):format(number, id, conn.id), kind_of(number))
  return tostring(id)
end

function ops.h(_, _, _) return server.shared:incr("hits", 1, 0) or "full" end -- count

function ops.j(conn, _, argument) return tostring(server.group("room" .. argument):add(conn)) end
function ops.l(conn, _, argument) return tostring(server.group("room" .. argument):remove(conn)) end

local function publish(conn)
  conn.data.published = conn.data.published + 1
  local number = conn.data.published
  return ("G%d %d:"):format(number, conn.id), kind_of(number)
end

function ops.g(conn, _, argument) -- to a group
  local text, kind = publish(conn)
  return tostring(server.group("room" .. argument):broadcast(text .. argument, { kind = kind }))
end

function ops.b(conn, _, argument) -- to all
  local text, kind = publish(conn)
  return tostring(broadcast(text .. ("x"):rep(argument), { except = conn, kind = kind }))
end

function ops.n(_, _, argument) return ("n"):rep(argument) end -- much

function ops.z(conn, _, argument) -- pause
  local id = conn.id
  conn:pause()
  server.after(argument / 1000, function()
    in_time "the end of a pause"
    for other in server.connections() do
      if other.id == id then other:resume() end
    end
  end)
  return ""
end

function ops.i(conn, _, argument) -- its own idle limit
  conn:idle(argument / 1000)
  return ""
end

-- Another worker answers, or it is told why not. What one worker asks another comes in its order.
function ops.c(conn, number, argument)
  local target, begun = argument % server.workers + 1, server.now()
  local generation = server.generation
  state.calls = (state.calls or 0) + 1
  local worker, id, echoed = server.call({ target, timeout = 0.5 }, "echo", number, conn.id,
    version.number, tonumber(argument), server.worker, state.calls)
  if conn.data.gone then bug("connection %d: a call goes on after its end", conn.id) end
  if worker then
    if worker ~= target or id ~= conn.id or echoed ~= number then
      bug("connection %d: %s %s %s answers", conn.id, worker, id, echoed)
    end
    return "answered"
  end
  if id == "timeout" then
    local waited = server.now() - begun
    if waited < 0.5 - 1e-6 then bug("a call is late after %g s", waited) end
  elseif id == "closed" then -- what waits over there goes on in newer code, but not for ever
    if server.generation <= generation + 2 then note("ended early") end
  elseif id ~= "memory" then
    amiss("a call fails: %s %s", id, (tostring(echoed):gsub("\n.*", "")))
  end
  return id
end

-- A channel: requests of even numbers push, the others pop.
function ops.k(conn, number, argument)
  local channel = server.channel("q" .. argument, 3)
  if number % 2 == 0 then
    local what = ("%s %d %d"):format(argument, conn.id, number)
    note("pushes %s", what)
    local fine, code = channel:push({ conn.id, number }, number % 4 == 0 and 0.3 or 0)
    note("%s %s", fine and "pushed" or "unpushed", what)
    return code or "pushed"
  end
  local value, code = channel:pop(number % 3 == 0 and 0 or 0.3)
  if conn.data.gone then bug("connection %d: a value comes after its end", conn.id) end
  if not value then return code end
  note("popped %s %d %d", argument, value[1], value[2])
  return "popped"
end

function ops.d(conn, _, argument) -- ends another, whatever that waits for
  local id = server.shared:get("id" .. argument)
  if not id or id == conn.id then return "" end
  return tostring(server.close(id))
end

function ops.u(_, _, argument) -- wakes, or waits
  if tonumber(argument) % 2 == 0 then return tostring(server.signal("signal", version.number)) end
  local newest, code = server.wait("signal", 0.4)
  return tostring(newest or code)
end

function ops.y(conn, number, _, filler) -- a job
  local asked = version.number
  local echoed, id, runs, size = server.job("work", "echo", number, conn.id, filler)
  if conn.data.gone then bug("connection %d: a job goes on after its end", conn.id) end
  if id == "busy" then return id end
  if not echoed then
    amiss("a job fails: %s %s", id, (tostring(runs):gsub("\n.*", "")))
    return id
  end
  if echoed ~= number or id ~= conn.id or size ~= #filler then
    bug("connection %d: the job of %d answers %d", conn.id, id, number)
  end
  if runs < asked then bug("a job of version %d runs on %d", asked, runs) end
  return "done"
end

function ops.f() return "" end -- see below
function ops.q() return "" end

function ops.x(conn)
  if conn:abort("gone") then conn.data.word = "gone" end
  return ""
end

-- The server is told of it beforehand: what it makes of it depends on which version fails.
local function fail(conn, number)
  note("fails %d %d %d %d", conn.id, number, version.number, server.worker)
  error("on purpose")
end

function ops.r(conn, number) fail(conn, number) end

-- What a version that is broken does not fail with: others count on what these do.
local unbroken = { f = true, h = true, q = true, r = true, x = true }

-- What follows an answer.
local after = {}
function after.q(conn, number)
  if conn:close("bye", number % 2 == 1 and 3000 + number or nil) then conn.data.word = "bye" end
end
function after.f(conn, _, argument)
  local fine, code = conn:framing(argument)
  if not fine and code == "memory" then -- nobody knows what comes next
    if conn:abort("gone") then conn.data.word = "gone" end
    return
  end
  assert(fine)
  conn.data.fixed = tonumber(argument:match("^fixed,size=(%d+)"))
  conn.data.web = argument:find("^websocket") and true or nil
end

on_call = {}
function on_call.echo(number, id, asked, argument, from, count)
  if asked > version.number then bug("a call of version %d", asked) end
  local seen = state.seen or {}
  state.seen = seen
  local last = seen[from] or 0
  if count <= last then bug("call %d of worker %d comes after %d", count, from, last) end
  seen[from] = count
  if argument > 5 then server.sleep(argument > 7 and 1 or 0.05) end
  return server.worker, id, number
end

function on_call.newer(asked)
  if asked > version.number then bug("a call of version %d", asked) end
end

function on_start()
  state.version = version.number
  if version.waits_at_start then server.sleep(0.05) end
end

function on_unload() return { from = version.number } end

function on_load(value)
  if not value or value.from ~= state.version then
    amiss("on_load gets %s", value and value.from)
  end
  state.version = version.number
  if version.number % 2 == 0 then server.post("all", { version.number }) end
  for conn in server.connections() do conn:resume() end -- whose timers have been stopped
  if version.fails_in_load then error("on_load fails, on purpose") end
end

-- What waits goes on in newer code, but not for ever.
server.after(0.1, function()
  local begun = server.generation
  server.sleep(6)
  if server.generation > begun + 3 then bug("what waits since generation %d goes on", begun) end
end)

-- New code reaches no older code.
server.after(0.001, function()
  for worker = 1, server.workers do
    server.call({ worker, timeout = 0.5 }, "newer", version.number)
  end
  local done, _, runs = server.job("work", "echo", 0, 0, "")
  if done and runs < version.number then
    bug("a job of version %d runs on %d", version.number, runs)
  end
end)

-- One timer sees that another one goes on.
local silent = 0
local function watch()
  silent = silent + 1
  if silent > 10 then amiss "the ticks have stopped" end
  server.after(1, watch)
end
server.after(1, watch)

server.every(0.3, function()
  silent = 0
  in_time "a tick"
  state.ticks = (state.ticks or 0) + 1
  if state.ticks % 5 == 0 then server.sleep(0.7) end
end)

-- What only connections that began with a request can: they are refused in other ways, get
-- something while it is not decided, choose a protocol.
local function begin_web(conn, way)
  local request = conn.request
  if request.method ~= "GET" or request.path ~= "/sim" or request.headers.host ~= "sim" then
    bug("connection %d: a request for %s", conn.id, request.target)
  end
  if way == 6 then
    local status = conn.id % 2 == 0 and 418 or 204
    return not conn:refuse(status, "no", { ["X-Sim"] = "yes" })
  end
  if way == 7 then wait(conn, 0.03) end
  if way == 7 or way == 8 then conn:send(("H0 %d:"):format(conn.id)) end
  if way == 7 then wait(conn, 0.03) end
  if way == 9 then return not conn:close("early", 4001) end
  if way == 10 then
    local protocols = request.protocols
    if #protocols > 0 then conn:protocol(protocols[#protocols]) end
  end
  return way ~= 8
end

function on_connect(conn)
  local listener = version.listeners[tonumber(conn.listener:match(":(%d+)$")) - 6999]
  local data, way = conn.data, conn.port % 16
  data.count, data.published = 0, 0
  data.raw = listener == "raw"
  data.web = conn.request ~= nil
  if type(listener) == "number" and listener > 0 then data.fixed = listener end
  if data.web and not begin_web(conn, way) then return way ~= 6 and false or nil end
  if way == 1 then return false end
  if way == 2 then wait(conn, 0.05) end
  if way == 3 then error("refused, on purpose") end
  if way == 4 and not data.raw then conn:send(fit(conn, ("H0 %d:"):format(conn.id))) end
  if way == 5 then
    server.sleep(0.02)
    return false
  end
  note("connected %d", conn.id)
  data.known = true
  server.shared:set("id" .. conn.port, conn.id)
  server.group("all"):add(conn)
end

function on_receive(conn, packet, kind)
  local data = conn.data
  if data.raw then return conn:send(packet) end
  local op, number, argument, filler = packet:match("^(%a)(%d+) ([^:]*):(.*)$")
  data.count = data.count + 1
  if not ops[op] then fail(conn, 0) end
  number = tonumber(number)
  if kind ~= (data.web and (number % 2 == 0 and "binary" or "text") or nil) then
    bug("connection %d: request %d is said to be %s", conn.id, number, kind)
  end
  if data.count ~= number then amiss("request %d comes as number %d", number, data.count) end
  if data.gone then bug("connection %d: a packet after its end", conn.id) end
  if data.waits then amiss("connection %d: a packet while another one waits", conn.id) end
  if version.fails_with_packets and not unbroken[op] then
    if op == "w" or number % 4 == 0 then wait(conn, op == "w" and argument / 1000 or 0.2) end
    fail(conn, number)
  end
  local text = ops[op](conn, number, argument, filler)
  if op == "r" or op == "x" then return end
  answer(conn, op, number, text)
  if after[op] then after[op](conn, number, argument) end
end

function on_drain(conn)
  local data = conn.data
  if data.gone then bug("connection %d: on_drain after its end", conn.id) end
  if data.raw then return end
  data.drains = (data.drains or 0) + 1
  if conn.port % 3 == 0 and data.drains < 20 then -- more than before, perhaps
    conn:send(fit(conn, ("D0 %d:"):format(conn.id) .. ("d"):rep(3000)))
  end
  if conn.port % 5 == 0 then wait(conn, 0.02) end
end

function on_idle(conn, seconds)
  if conn.data.gone then bug("connection %d: on_idle after its end", conn.id) end
  if seconds <= 0 then bug("connection %d: idle for %g s", conn.id, seconds) end
  if conn.port % 5 == 1 then wait(conn, 0.02) end
  return conn.port % 3 == 0
end

function on_disconnect(conn, reason, code)
  if code and not conn.data.web then bug("connection %d ends with code %d", conn.id, code) end
  local word = conn.data.word
  if word and reason ~= word then
    bug("connection %d ends with %s, not %s", conn.id, reason, word)
  end
  if conn.data.gone then bug("connection %d ends twice", conn.id) end
  if conn.data.known then note("disconnected %d", conn.id) end
  conn.data.gone = true
  local key = "id" .. conn.port
  if server.shared:get(key) == conn.id then server.shared:delete(key) end
  if conn.port % 7 == 1 then server.sleep(0.03) end
end

function on_message(value, from)
  -- A sequence: the order of a table's other keys hangs on where the program's functions are.
  local newest, to, id, text, kind = table.unpack(value)
  if newest > version.number then bug("a message of version %d", newest) end
  if not to then return end
  if to ~= server.worker or from < 1 then bug("a message for %d from %d", to, from) end
  send(id, text, kind)
end
