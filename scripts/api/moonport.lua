---@meta

-- All that scripts can call, for editors: names, arguments, results. Nothing loads this file.
--
-- With the Lua language server (in VS Code: the extension "Lua" by sumneko), name this directory in
-- the file .luarc.json beside your main.lua:
--
--     { "workspace.library": ["/path/to/moonport/scripts/api"] }
--
-- and annotate the parameters of your handlers, so that the editor knows their types:
--
--     ---@param conn Conn
--     ---@param packet string
--     function on_receive(conn, packet)
--
-- Run-time failures return nil, code, and so do sizes and numbers that a peer may have sent;
-- sometimes
-- a third value says what is wrong. Wrong types raise an error. Times are in seconds, 0 to 1e9, and
-- may
-- have a fraction; sizes are bytes.

---Why a connection ended: one of these, or the word given to `conn:close`.
---* `eof`: the peer closed it
---* `reset`: the peer, or the network, broke it
---* `idle`: nothing was received for `idle_timeout`
---* `timeout`: the network did not deliver what was sent
---* `framing`: its bytes do not fit the framing
---* `oversize`: it announced, or sent, a packet larger than `max_packet`
---* `slow`: it did not read what it was offered, up to `hard_mark`
---* `memory`: `memory` is used up
---* `script`: the script closed or refused it, without a word of its own
---* `error`: a handler failed on it; the log says how
---* `shutdown`: the server stops
---* `truncated`: it spoke TLS, and ended without saying so: bytes may have been cut off
---@alias Reason
---| "eof"
---| "reset"
---| "idle"
---| "timeout"
---| "framing"
---| "oversize"
---| "slow"
---| "memory"
---| "script"
---| "error"
---| "shutdown"
---| "truncated"
---| string

---Why a packet was not sent.
---* `closed`: there is no such connection, or no longer
---* `full`: the queue is at `hard_mark` and the peer takes no more, or was and has not drained
---since
---* `toobig`: the packet is larger than `max_packet`
---* `badsize`: the framing cannot carry a packet of this size
---* `badtext`: it was to be sent as text, and is not UTF-8
---* `nopackets`: the framing is "http", where `conn:respond` answers
---* `memory`: `memory` is used up
---@alias SendError "closed"|"full"|"toobig"|"badsize"|"badtext"|"nopackets"|"memory"

---What a packet is, where the framing tells: "websocket". Others send both alike. Without a kind, a
---packet is sent as text if it is UTF-8, and as binary if not.
---@alias PacketKind "text"|"binary"

-- ---- handlers: globals of main.lua, or fields of the table that it returns ----

---Once in each worker, before its first connection. An error stops the start. It is not called
---after a reload: start timers in main.lua itself, or in on_load, and let on_load set the variables
---that it
---sets. It may sleep.
function on_start() end

---A new connection. `false` refuses it: its queue is flushed, it is closed, and no on_disconnect
---follows. Nothing is received until the handler has returned.
---@param conn Conn
---@return boolean? accept
function on_connect(conn) end

---One complete packet, without its header or delimiter. While the handler sleeps, the next packets
---of this connection wait.
---@param conn Conn
---@param packet string of framing "http" a HttpRequest instead
---@param kind? PacketKind
function on_receive(conn, packet, kind) end

---The send queue was above `soft_mark`, or refused a packet, and is below the mark again.
---@param conn Conn
function on_drain(conn) end

---Nothing was received for `idle_timeout`, or for the limit that `conn:idle` has set. `true` keeps
---the connection; anything else closes it with the reason "idle".
---@param conn Conn
---@param seconds number for how long nothing was received
---@return boolean? keep
function on_idle(conn, seconds) end

---The end: exactly once for each connection that on_connect did not refuse. Sending to it now
---returns nil, "closed".
---@param conn Conn
---@param reason Reason
---@param code? integer of a WebSocket: the code that was heard or said (1000, 1001 ...); 1006: none
function on_disconnect(conn, reason, code) end

---A value that a worker, perhaps this one, has posted with `server.post`.
---@param value any a copy
---@param from integer the worker's number
function on_message(value, from) end

---What `server.call` of other workers, and of this one, may ask for, by name. The functions may
---sleep; what they return goes back to the caller. Called by a connection's id, they get its conn
---first.
---@type table<string, fun(...): ...>
on_call = {}

---Before newer scripts take over: the last call of the old ones. What it returns is passed to the
---new on_load. It cannot sleep.
---@return any value
function on_unload() end

---After a reload: the first call of the newer scripts. It is not called at the start, and cannot
---sleep.
---@param value any what on_unload returned, or nil
function on_load(value) end

---The worker is about to end; its connections are closed. It cannot sleep.
function on_stop() end

-- ---- sending ----

---Frames a packet and queues it: all of it, or nothing. For a connection of another worker, `true`
---means that the packet is on its way there.
---@param to Conn|integer a connection, or the id of one, of any worker
---@param packet string
---@param kind? PacketKind
---@return true? sent
---@return SendError? code
function send(to, packet, kind) end

---Sends a packet to every connection of every worker.
---@param packet string
---@param options? BroadcastOptions
---@return integer? count how many of this worker's connections it was queued on
---@return SendError? code
function broadcast(packet, options) end

---@class BroadcastOptions
---@field except? Conn the connection that does not get it
---@field kind? PacketKind

-- ---- a connection ----

---One connection. It belongs to one worker for life. After its end, its methods return
---nil, "closed".
---@class Conn
---@field id integer unique while the server runs, never used again; below 2^53
---@field ip string the peer's address
---@field port integer the peer's port
---@field listener string where it arrived: "127.0.0.1:7000"
---@field data table the script's own; it survives reloads. No other field can be assigned
---@field connected_at number seconds, on the clock of `server.now`
---@field request Request? of a WebSocket, in on_connect: what it asks for; later nil. Of framing
---"http": the request that is not answered yet, without its body
---@field tls? Tls of an encrypted connection; nil: it is plain
local Conn = {}

---Frames a packet and queues it: all of it, or nothing.
---@param packet string
---@param kind? PacketKind
---@return true? sent
---@return SendError? code
function Conn:send(packet, kind) end

---Closes it when its queue is flushed, after `drain_timeout` at the latest. No more packets are
---received.
---@param reason? string what on_disconnect is told, 31 bytes of it, the rest is cut; "script" if
---missing
---@param code? integer of a WebSocket: 1000 to 1003, 1007 to 1014, 3000 to 4999 (1000)
---@return true? closed
---@return "closed"? code it has ended already
function Conn:close(reason, code) end

---Closes it at once; what is queued is lost.
---@param reason? string what on_disconnect is told, 31 bytes of it, the rest is cut; "script" if
---missing
---@return true? closed
---@return "closed"? code
function Conn:abort(reason) end

---Bytes that are queued and not sent yet.
---@return integer? bytes
---@return "closed"? code
function Conn:pending() end

---Stops receiving from it, until `resume`. The idle limit still applies.
---@return true? paused
---@return "closed"? code
function Conn:pause() end

---Receives from it again.
---@return true? resumed
---@return "closed"? code
function Conn:resume() end

---Sets a limit of its own instead of `idle_timeout`, counted from now.
---@param seconds number 0: no limit
---@return true? set
---@return "closed"|"badnumber"? code
---@return string? why
function Conn:idle(seconds) end

---Sets a framing of its own from the next packet on, in both directions. Unknown names in a spec
---raise an
---error; a value that does not fit is `badframing`. `full`: the connections of this worker
---have 64 different framings already.
---@param spec Framing|FramingInLua|FramingName|string
---@return true? set
---@return "closed"|"badframing"|"full"|"memory"? code
---@return string? why
function Conn:framing(spec) end

---With the framing "raw", in its on_receive before that has slept: the last n bytes of the packet
---were not used. They are the front of the next packet, which comes as one string when there are
---`wanted` bytes in all.
---@param n integer
---@param wanted? integer (n + 1)
---@return true? given_back
---@return "closed"|"toobig"? code `wanted` is more than `max_packet`
function Conn:unread(n, wanted) end

---Answers the request of a WebSocket with something else, and closes. Only in on_connect, or as
---long as it sleeps, and before anything is sent.
---@param status integer 403, 404, 503 ...
---@param text? string
---@param headers? table<string, string> { ["Retry-After"] = "5" }
---@return true? refused
---@return "closed"|"answered"|"memory"|"toobig"? code
function Conn:refuse(status, text, headers) end

---Answers the request that on_receive got last, with framing "http"; at once or later. The next
---request of the connection is handed on after that. Without a Content-Type it is text.
---@param status integer 200 to 599
---@param headers? table<string, string|string[]> Content-Length, Date and Connection are the
---server's
---@param body? string at most `max_packet` bytes
---@return true? answered
---@return "closed"|"answered"|"full"|"toobig"|"memory"? code
function Conn:respond(status, headers, body) end

---Chooses one of the protocols that the request of a WebSocket asks for. By default it is the first
---one that is in the setting `protocols`, or none. Only in on_connect.
---@param name string
---@return true? chosen
---@return "closed"|"answered"|"notasked"? code
function Conn:protocol(name) end

---What is known of an encrypted connection. Each read of `conn.tls` makes it anew.
---@class Tls
---@field version string "TLSv1.2", "TLSv1.3"
---@field cipher string
---@field server_name? string the name that the client asked for
---@field protocol? string what was agreed on (ALPN): "game/1"
---@field resumed boolean its session was resumed
---@field peer? TlsPeer the client's certificate, if it has shown one

---@class TlsPeer
---@field subject string "/CN=name"
---@field issuer string
---@field names? string[] "DNS:name", "IP:address", "email:name", "URI:name"
---@field serial string in hexadecimal digits
---@field fingerprint string SHA-256, in hexadecimal digits
---@field not_before integer seconds since 1970
---@field not_after integer

---The HTTP request that a WebSocket begins with. Each read of `conn.request` makes it anew.
---@class Request
---@field method string "GET"
---@field target string as it was sent: "/chat?room=a%20b"
---@field path string decoded: "/chat"
---@field query table<string, string> decoded; of a name that is there twice, the first
---@field headers table<string, string> by names in lower case; several of a name joined by ", "
---@field cookies table<string, string>
---@field host string "example.com:7000"
---@field origin string? the page's: "https://example.com"; programs send none
---@field protocols string[] that it asks for

---What on_receive gets with framing "http".
---@class HttpRequest: Request
---@field body string "" if there is none

-- ---- framing ----

---@alias FramingName
---| "length" # a length in front of each packet: 4 bytes, little-endian, that count themselves
---| "line" # text up to "\n" or "\r\n"
---| "fixed" # every packet is exactly `size` bytes long
---| "raw" # each piece of the stream is a packet as it arrives
---| "delimiter" # up to any of several delimiters: `{ "delimiter", "\r\n", "\n" }`
---| "netstring" # `12:hello world!,`
---| "erlang" # {packet, 4} of Erlang, or {packet, size}
---| "skynet" # a length of 2 bytes, big-endian, that counts only what follows
---| "mqtt" # control packets: the first byte and what follows the remaining length
---| "hpsocket" # the PACK model of HP-Socket
---| "websocket" # messages of browsers, after their handshake in HTTP
---| "http" # requests, which `conn:respond` answers

---How packets are cut: `{ "length", size = 2, order = "big" }`. As text: "length,size=2,order=big".
---@class Framing
---@field [1]? FramingName
---@field [integer] string "delimiter": what ends a packet, from [2] on; sent ones end in the first
---@field size? integer|"varint" bytes of the length, 1 2 3 4 8 (4), or of a "fixed" packet
---@field order? "little"|"big" "length": the byte order of the length ("little")
---@field offset? integer "length": bytes before the length, which are part of the packet (0)
---@field adjustment? integer "length": a number that is added to the length (0)
---@field counts_header? boolean "length": the length counts itself and the bytes before it (true)
---@field delimiter? string "line": what ends a packet, at most 8 bytes ("\n", or "\r\n" as well)
---@field strip? boolean "line", "delimiter": the delimiter is not part of the packet (true)
---@field by? string "delimiter": the list as text, "\r\n|\n"
---@field flag? integer "hpsocket": of the header, 0 to 1023; received ones must have it, or 0 (0)
---@field max? integer|string the largest packet, at most `max_packet`: bytes, or "64K", "1M"
---@field path? string "websocket": where it is; other paths get 404 (any path)
---@field origins? string|string[] "websocket": pages that may connect (all): "https://example.com"
---@field protocols? string|string[] "websocket": those that it speaks (none)
---@field ping? integer "websocket": seconds of silence until a peer is pinged; 0: never (30)
---@field public? string "websocket": a directory of files that it serves over HTTP, too
---@field healthz? boolean "websocket": GET /healthz gets 200 (false)
---@field compress? boolean|"takeover" "websocket": compress messages, if the client can (false)
---@field compress_level? integer "websocket": 1, fast, to 9, small (1)
---@field compress_window? integer "websocket": 9 to 15, bits of the window (12)

---A framing in Lua, only for `conn:framing`: `length` gets the first `header` bytes of a packet and
---returns the length of the whole packet. It cannot sleep. The packets are handed on as they come,
---and sent as they are. Of these functions a worker keeps 64, so define them once, outside of
---handlers. A connection has the function it was given, over reloads too.
---@class FramingInLua
---@field header integer bytes, 1 to 256
---@field length fun(header: string): integer
---@field max? integer the largest packet, at most `max_packet`

-- ---- server ----

---@class Server
---@field state table a table of this worker; it survives reloads
---@field shared Shared one dictionary for all workers
---@field worker integer the number of this worker, from 1
---@field workers integer how many there are
---@field generation integer of the scripts: 1 at first, one more with each reload
---@field version string of moonport
server = {}

---Calls a function once, later. A timer ends with the generation of scripts that made it. A timer
---started by code of an older generation, which slept over a reload, never fires.
---@param seconds number
---@param action fun() may sleep
---@return Timer? timer
---@return "badnumber"? code
---@return string? why
function server.after(seconds, action) end

---Calls a function repeatedly. It is not called while its last call still runs or sleeps; missed
---calls are not made up for. A timer ends with the generation of scripts that made it.
---@param seconds number less than 0.001 is 0.001
---@param action fun() may sleep
---@return Timer? timer
---@return "badnumber"? code
---@return string? why
function server.every(seconds, action) end

---Sleeps, in a handler, a timer, on_start or on_message. The next packets of the handler's
---connection wait meanwhile, other connections go on. If the connection breaks meanwhile, the
---handler is stopped where it is; if its peer has ended the stream, it has `drain_timeout` to
---finish.
---
---It raises an error where nothing can sleep: in main.lua itself, on_unload, on_load and on_stop,
---in a coroutine of the script's own, inside table.sort and the like.
---@param seconds number
---@return true? slept
---@return "badnumber"? code it has not waited
---@return string? why
function server.sleep(seconds) end

---Monotonic time in seconds, the same in all workers; it stands still while a handler runs.
---@return number seconds
function server.now() end

---Counters of the whole server, and of each worker.
---@return Stats
function server.stats() end

---Iterates over this worker's connections as they are now.
---@return fun(): Conn?
function server.connections() end

---The group of that name, which all workers share. The first call makes it.
---@param name string at most 255 bytes
---@return Group? group
---@return "badname"|"memory"? code `badname`: it is longer
function server.group(name) end

---Runs `on_call[name](...)` on another worker, or this one, and waits for what it returns.
---Arguments and results are copied as server.post does. Called by a connection's id it runs on that
---connection's worker, gets the conn before the other arguments, and ends with it.
---
---Codes: "unknown" (on_call has no such function), "error" (it failed; the third result is the
---text with its traceback), "timeout" (of 5 seconds, or what is given), "closed" (no such worker or
---connection, or it ended meanwhile), "busy" (10000 calls of this worker are out), "memory",
---"toobig" and "toodeep" (the arguments).
---
---    local fine, code = server.call(server.owner(room), "join", room, conn.id)
---    local score = server.call({ 2, timeout = 0.5 }, "score", name)
---@param target integer|{ [1]: integer, timeout: number? } a worker's number, a connection's id
---@param name string
---@param ... any nil, booleans, numbers, strings, tables of those
---@return any ... what it returned, or nil, code[, text]
function server.call(target, name, ...) end

---The number of the worker that owns a key: the same on all workers, over reloads, and over
---restarts with the same number of workers. Of n workers, one more takes over one key in n + 1.
---@param key string|integer 5 and "5" are one key
---@return integer worker
function server.owner(key) end

---Closes a connection of any worker after its queue is sent. `true` for one of another worker means
---that it was asked to.
---@param conn Conn|integer
---@param reason? string for on_disconnect
---@return true? closed
---@return string? code "closed"
function server.close(conn, reason) end

---Runs a function of a module of the directory on a thread beside the workers, where it may block:
---a database, files, password hashes. Only the handler that asked waits. The module is loaded once
---a thread and generation and keeps its variables; its functions on_job_start and on_job_stop, if
---it has them, open and close what it needs.
---
---Codes: "error" (the third result is the text with its traceback), "timeout" (it ran longer than
---job_timeout), "unknown" (no such function), "busy" (job_queue jobs wait), "memory", "toobig",
---"toodeep".
---
---    local user, code = server.job("store", "login", name, password)
---@param module string as for require
---@param name string a function in the table that the module returns
---@param ... any nil, booleans, numbers, strings, tables of those
---@return any ... what it returned, or nil, code[, text]
function server.job(module, name, ...) end

---The queue of that name, on which handlers of all workers pass values in order.
---@param name string 255 bytes at most
---@param size? integer values at most, when this one pushes (1000)
---@return Channel? channel
---@return string? code "badname", "badnumber"
function server.channel(name, size) end

---Waits for the next server.signal of that name.
---@param name string 255 bytes at most
---@param timeout? number seconds; nil: for ever
---@return any value that was signalled, or true; nil if there was none in time
---@return string? code "timeout", "memory", "badname", "badnumber"
function server.wait(name, timeout) end

---Wakes all handlers and timers, of all workers, that wait for that name at this moment.
---@param name string 255 bytes at most
---@param value? any a copy for each of them
---@return integer? woken how many
---@return string? code "memory", "toobig", "toodeep", "badname"
function server.signal(name, value) end

---Passes a copy of a value to on_message of another worker. Values that one worker posts to
---another arrive in order; a reload does not wait for what was posted before it, and what a worker
---has
---not read when the server stops is lost. A function, a userdata or a coroutine raises an error.
---@param worker integer|"all" its number; "all": every worker, this one too
---@param value any nil, a boolean, a number, a string, or a table of those
---@return true? posted
---@return "closed"|"memory"|"toobig"|"toodeep"? code `closed`: there is no such worker, or it has
---ended; `toobig`: it is more than 16 MiB; `toodeep`: tables more than 32 deep, or in a circle
---@return string? why
function server.post(worker, value) end

---Writes a line to the log, unless the setting `log` excludes its level. With arguments behind it,
---the text
---is a format; alone it is written as it stands. Control bytes are written as \xNN.
---@param level "error"|"warn"|"info"|"debug"
---@param format string as string.format takes it, or the text
---@param ... any
function server.log(level, format, ...) end

-- ---- groups ----

---Connections of any worker that can be sent to together. Closed connections leave by themselves.
---@class Group
local Group = {}

---@param conn Conn
---@return true? added also if it was a member already
---@return "closed"|"memory"? code
function Group:add(conn) end

---@param conn Conn
---@return boolean removed `false`: it was not a member
function Group:remove(conn) end

---Sends a packet to all members.
---@param packet string
---@param options? BroadcastOptions
---@return integer? count how many of this worker's connections it was queued on
---@return SendError? code
function Group:broadcast(packet, options) end

---How many members it has, of all workers.
---@return integer
function Group:count() end

-- ---- what all workers share ----

---@alias SharedValue string|number|boolean

---One dictionary for all workers, of at most `shared_memory` bytes. Each call is atomic.
---Keys are strings of 1 to 256 bytes, others are `badkey`; a time to live that is not above 0 is
---`badnumber`.
---@class Channel
local Channel = {}

---Adds a copy of a value; waits while the channel is full. If nobody pops before the timeout, or
---its connection ends, it was not pushed.
---@param value any booleans, numbers, strings, tables of those
---@param timeout? number seconds, 0: does not wait; nil: for ever
---@return true? pushed
---@return string? code "timeout", "full" (timeout 0), "memory", "toobig", "toodeep"
function Channel:push(value, timeout) end

---Takes the oldest value; waits while there is none. Handlers that wait are served in turn.
---@param timeout? number seconds, 0: does not wait; nil: for ever
---@return any value
---@return string? code "timeout", "memory"
function Channel:pop(timeout) end

---Takes the oldest value, if there is one.
---@return any value
---@return string? code "empty"
function Channel:try_pop() end

---@return integer count of values that are queued
function Channel:count() end

---@class Shared
local Shared = {}

---@param key string
---@return SharedValue? value
---@return "list"|"badkey"|"memory"? code `list`: there is a list of values; `memory`: there is a
---value, but no memory to copy it
---@return string? why
function Shared:get(key) end

---@param key string
---@param value SharedValue? nil deletes it
---@param ttl? number seconds until it expires; nil: never
---@return true? set
---@return "badkey"|"badnumber"|"full"|"memory"? code `full`: `shared_memory` is used up; the old
---value is kept
---@return string? why
function Shared:set(key, value, ttl) end

---Sets a value only if there is none.
---@param key string
---@param value SharedValue
---@param ttl? number seconds until it expires; nil: never
---@return true? added
---@return "exists"|"badkey"|"badnumber"|"full"|"memory"? code
---@return string? why
function Shared:add(key, value, ttl) end

---Sets a value only if the present one equals `old`, as `==` has it; a list equals nothing.
---@param key string
---@param old SharedValue? nil: there is none
---@param new SharedValue? nil deletes it
---@param ttl? number seconds until it expires; nil: never
---@return true? done
---@return "changed"|"badkey"|"badnumber"|"full"|"memory"? code
---@return string? why
function Shared:compare_and_set(key, old, new, ttl) end

---Adds to a number, which may be a string: a decimal number of at most 64 bytes, without blanks.
---@param key string
---@param by? number 1 if missing
---@param init? number the value to begin with if there is none; the result is then init + by
---@param ttl? number seconds until a value that begins with init expires
---@return number? sum
---@return "missing"|"notnumber"|"overflow"|"badkey"|"badnumber"|"full"|"memory"? code
---@return string? why
function Shared:incr(key, by, init, ttl) end

---@param key string
---@return boolean? deleted `false`: there was none
---@return "badkey"? code
---@return string? why
function Shared:delete(key) end

---Changes how long a value or a list lives.
---@param key string
---@param ttl number? seconds from now until it expires; nil: never
---@return true? done
---@return "missing"|"badkey"|"badnumber"|"full"|"memory"? code
---@return string? why
function Shared:expire(key, ttl) end

---How long a value or a list still lives.
---@param key string
---@return number|false|nil seconds `false`: until it is deleted
---@return "missing"|"badkey"? code
---@return string? why
function Shared:ttl(key) end

---Adds a value to the end of a list. Where nothing is, a list begins, without a time to live.
---@param key string
---@param value SharedValue
---@return integer? length how many are in it now
---@return "notlist"|"badkey"|"full"|"memory"? code
---@return string? why
function Shared:push(key, value) end

---Takes the oldest value out of a list. A list that has no more is gone.
---@param key string
---@return SharedValue? value
---@return "missing"|"notlist"|"badkey"|"memory"? code `memory`: it is still there
---@return string? why
function Shared:pop(key) end

---@param key string
---@return integer? length of the list; 0 if there is none
---@return "notlist"|"badkey"? code
---@return string? why
function Shared:length(key) end

---Looks at all keys; they are returned in no order.
---@param prefix? string only those that begin with it
---@param most? integer return at most so many
---@return string[]? keys
---@return "badnumber"|"memory"? code
---@return string? why
---@overload fun(self: Shared, most: integer): string[]?, "badnumber"|"memory"?, string?
function Shared:keys(prefix, most) end

-- ---- timers ----

---@class Timer
local Timer = {}

---Cancels it. A call that is running, or sleeping, finishes.
function Timer:cancel() end

-- ---- figures ----

---What was short when a connection was refused.
---* `full`: `max_connections` is reached
---* `blocks`: blocks have run low
---* `memory`: there was no memory for it
---@alias Refusal
---| "full"
---| "blocks"
---| "memory"

---@class WorkerStats
---@field workers integer threads
---@field connections integer now
---@field connections_max integer as configured
---@field connections_free integer places that are left
---@field accepted integer connections since the start
---@field refused integer connections since the start that there was no room for
---@field refused_by table<Refusal, integer> the same, by what was short
---@field closed table<Reason, integer> connections by reason; words of the script count as "script"
---@field closed_words table<string, integer> those words; a worker's first 32, all others are ""
---@field handlers table<Called, HandlerStats> each of them, whether the script has it or not
---@field lua_memory integer bytes that Lua holds, garbage included; as of each worker's last call
---@field lua_collections integer how often Lua has gone through all that it holds, to find garbage
---@field blocks integer I/O blocks that were allocated at the start
---@field blocks_used integer of them
---@field blocks_free integer of them
---@field blocks_lowest integer of them that were free at any time: each worker's fewest
---@field block_bytes integer memory that the blocks take
---@field fixed_bytes integer memory set aside beside them: receive and send buffers, connections
---@field memory_used integer bytes, beyond the blocks
---@field memory_max integer bytes: the setting `memory`
---@field bytes_received integer
---@field bytes_sent integer
---@field packets_received integer
---@field packets_sent integer
---@field queued_bytes integer that wait on connections to be sent
---@field mailbox integer messages between workers that are not read yet
---@field turns integer how often a worker looked for something to do
---@field events integer how many events it found, in total
---@field turn Times how long what it found to do took
---@field receives_late integer receives that completed out of order
---@field starved integer how often blocks or memory ran out
---@field uptime number seconds since the start
---@field busy number seconds in which workers did not wait, in total

---Half of them took no longer than p50, 99 of 100 no longer than p99. Both are at most a quarter
---too high.
---@class Times
---@field p50 number seconds
---@field p99 number seconds
---@field max number seconds

---What the server calls of a script.
---@alias Called
---| "on_start"
---| "on_connect"
---| "on_receive"
---| "on_drain"
---| "on_idle"
---| "on_disconnect"
---| "on_message"
---| "on_unload"
---| "on_load"
---| "on_stop"
---| "timer"
---| "on_call"

---Times are in seconds in which a call kept its worker: one that sleeps is timed from one sleep to
---the next. Of many calls of on_receive some are timed, at random, and all that are slow.
---@class HandlerStats
---@field calls integer since the start; those that could not be made for want of memory, too
---@field failed integer of them
---@field interrupted integer of those that failed: they ran for longer than `handler_timeout`
---@field p50 number half of the calls took no longer
---@field p99 number 99 of 100 calls took no longer
---@field max number the longest

---@class JobStats
---@field threads integer that run jobs, or wait for some
---@field busy integer jobs that run
---@field queued integer jobs that wait for a thread
---@field lost integer threads that do not return
---@field done integer jobs of all time
---@field failed integer of those
---@field seconds number that they ran

---@class ListenerStats
---@field address string "0.0.0.0:7000", as in conn.listener
---@field framing string "length"
---@field open boolean whether it accepts connections
---@field accepted integer connections since the start
---@field refused integer connections since the start that there was no room for
---@field connections integer now

---@class Stats: WorkerStats
---@field jobs JobStats
---@field listeners ListenerStats[] in the order of config.lua
---@field generation integer of the scripts
---@field by_worker WorkerStats[] the same of each worker; `refused` there: for want of memory

-- ---- config.lua ----

---The table that config.lua returns: put `---@type Config` above its `return`. The file can use
---only plain values and call nothing. Sizes are bytes, or "64K", "16M", "1G". All amounts are for
---the whole server. Those marked * change with a reload; the others need a restart.
---@class Config
---@field listen? string|Listener|(string|Listener)[] ("0.0.0.0:7000"), "[::]:7000", "unix:PATH"
---@field framing? Framing|FramingName|string how packets are cut ("length")
---@field max_packet? integer|string the largest packet, in both directions ("16M")
---@field workers? integer threads; 0: one per processor (0)
---@field max_connections? integer further connections are refused (3000)
---@field blocks? integer I/O blocks, allocated at the start (10000)
---@field block_size? integer|string data bytes of a block (2048)
---@field recv_depth? 1|2|4|8|16 receives posted at once per connection, on Windows (4)
---@field memory? integer|string * for large packets and long queues, beyond the blocks ("512M")
---@field idle_timeout? number * seconds without a packet until on_idle; 0: never (60)
---@field opening_timeout? number * seconds for what comes before on_connect (10)
---@field handshakes_at_once? integer * of TLS, in one worker; others wait (500)
---@field drain_timeout? number * seconds to send what is queued, at a close and at a stop (10)
---@field wait_timeout? number * seconds a handler may sleep, then its connection is closed (0)
---@field on_end? "finish"|"close" * may a handler that sleeps when its peer ends finish? ("finish")
---@field soft_mark? integer|string * with more bytes queued, receiving pauses ("64K")
---@field hard_mark? integer|string * with more, a send is refused; 0: twice max_packet, or 4M (0)
---@field on_full? "close"|"refuse" what a refused send does to its connection ("close")
---@field handler_timeout? number * seconds after which a handler is interrupted; 0: never (1)
---@field on_error? "close"|"keep" * what a handler that fails does to its connection ("close")
---@field slow_handler? number * seconds; a call that takes longer is logged; 0: none (0.1)
---@field lua_memory? integer|string * of each worker's Lua; what needs more fails ("256M")
---@field shared_memory? integer|string memory for server.shared ("64M")
---@field jobs? integer threads that run what scripts ask for with server.job (4)
---@field job_queue? integer jobs that wait for a thread, at most (1000)
---@field job_timeout? number seconds; a job that runs longer is interrupted, 0: never (30)
---@field sandbox? boolean scripts have no io, os.execute, debug, C modules and the like (false)
---@field reload? "watch"|"signal" load scripts again as files change, or on HUP only ("watch")
---@field probation? number * seconds in which new scripts that fail are taken back; 0: no (10)
---@field reload_tests? boolean * a reload runs the tests first, which must pass (false)
---@field admin? string|boolean where it is watched and commanded, or false ("127.0.0.1:7001")
---@field admin_token? string 16 to 64 characters that admin commands present; else one is made
---@field admin_names? string names under which a browser may open the page: "box.example, box"
---@field admin_mode? string|integer of admin as a unix socket, octal ("0600")
---@field backend? "auto"|"uring"|"epoll"|"iocp" the I/O interface of the system ("auto")
---@field log? "error"|"warn"|"info"|"debug" * the lowest level to log ("info")

---@class Listener
---@field address string "0.0.0.0:7000"; "[::]:7000" is IPv6 only; "unix:/run/x.sock"
---@field framing? Framing|FramingName|string by default the server's
---@field detect? (Framing|FramingName|string)[] { "websocket", "length" }: as a peer begins
---@field path? string this and what follows: of its framing "websocket", as in Framing
---@field origins? string|string[]
---@field protocols? string|string[]
---@field ping? integer
---@field public? string
---@field healthz? boolean
---@field compress? boolean|"takeover"
---@field compress_level? integer
---@field compress_window? integer
---@field on_full? "close"|"refuse" by default the server's
---@field mode? string|integer of a unix socket, octal: "0660"; by default the umask's
---@field tls? TlsSettings|"self-signed" its connections are encrypted

---Paths are relative to the directory of the scripts.
---@class TlsSettings
---@field certificate string|string[] PEM: the server's, then each with its issuer behind it;
---or "self-signed"
---@field key? string|string[] PEM: of the certificate in the same place
---@field key_password_file? string its first line opens encrypted keys
---@field client_ca? string PEM: who may vouch for clients
---@field client_auth? "required"|"optional"|"none" "required" if there is a client_ca
---@field ocsp? string|string[] DER: what is said of the revocation of a certificate
---@field ticket_keys? string where the keys of session tickets are kept, so that others share them
---@field alpn? table<string, Framing|FramingName|string> protocols, and how packets are cut then
---@field min_version? "1.2"|"1.3" ("1.2")
---@field ciphers? string of TLS 1.2, as OpenSSL names them

-- ---- tests: files called *_test.lua, which `moonport test` runs ----

---Only *_test.lua files have it. Each test has its own server with one worker, which only its
---clients reach, and a clock that only `test.advance` moves. An error in a handler fails the test.
---@class Test
---@overload fun(name: string, body: fun())
test = {}

---A client connects, and on_connect runs.
---@param options? ConnectOptions
---@return TestConn
function test.connect(options) end

---Each test of this file has a server with so many workers; connections go to them in turn. Call it
---outside of tests, which run in the first worker: `conn` of a TestConn is that worker's only.
---@param count integer 1 to 16
function test.workers(count) end

---server.job("module", "function", ...) of all workers calls fn instead, on the first worker, where
---it may sleep; nil: the job itself again. Other jobs run for real, and are done when server.job
---waits for them. on_start has run before.
---@param name string "module.function"
---@param fn function?
function test.job(name, fn) end

---@class ConnectOptions
---@field ip? string the address it comes from (127.0.0.1)
---@field port? integer (50000)
---@field listener? integer the number of the listener in `listen` (1)
---@field path? string of a WebSocket, with its query ("/", or the listener's)
---@field headers? table<string, string> more of the request of a WebSocket
---@field protocols? string|string[] that a WebSocket asks for, the best first
---@field origin? string of the page that opens a WebSocket (none)

---Advances the clock, and everything due happens: timers, server.sleep, on_idle.
---@param seconds number
function test.advance(seconds) end

---Fails the test if the two are not equal; tables are compared by their contents.
---@param actual any
---@param expected any
function test.equal(actual, expected) end

---The first error of a handler, or nil. An error that was fetched does not fail the test.
---@return string?
function test.error() end

---A client of a test. Its calls return when the server has handled everything that follows.
---@class TestConn
---@field id integer as conn.id
---@field conn Conn? that handlers are given; nil: it was refused, or is another worker's
---@field worker integer whose it is
---@field sent string[] the packets the server has sent it (of a framing in Lua: what came at once)
---@field closed boolean the server has closed the connection
---@field kinds? ("text"|"binary")[] of a WebSocket: what each of `sent` is
---@field protocol? string of a WebSocket: that the server has chosen
---@field refused? integer of a WebSocket: the status with which it was refused
---@field refused_text? string the first line of the text that came with it, or its words
---@field close_code? integer of a WebSocket: with which the server has closed; 1005: with none
---@field close_reason? string and its words
local TestConn = {}

---The client sends a packet; the server receives it.
---@param packet string
---@param kind? "text"|"binary" of a message of a WebSocket; by default text if it is UTF-8
function TestConn:receive(packet, kind) end

---The client sends bytes as they are, perhaps half a packet.
---@param bytes string
function TestConn:receive_bytes(bytes) end

---The client closes its sending side; that of a WebSocket says goodbye.
---@param code? integer of a WebSocket: 1000, 3000 to 4999 and others; by default none
---@param reason? string
function TestConn:close(code, reason) end

---The client resets the connection.
function TestConn:reset() end

---The client stops reading, so that the server's queue grows; or reads again.
---@param deaf boolean
function TestConn:deaf(deaf) end

---Returns the packets in `sent` and empties it.
---@return string[]
function TestConn:take() end
