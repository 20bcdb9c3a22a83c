---@meta

-- What scripts find, for editors: names, arguments, answers. Nothing loads this file.
--
-- With the Lua language server (in VS Code: the extension "Lua" by sumneko), name this directory in
-- the file .luarc.json beside your main.lua:
--
--     { "workspace.library": ["/path/to/moonport/scripts/api"] }
--
-- and write above a handler what it is given, so that the editor knows it inside, too:
--
--     ---@param conn Conn
--     ---@param packet string
--     function on_receive(conn, packet)
--
-- What can go wrong at run time is answered nil, code, and so are sizes and numbers that a peer may
-- have sent; sometimes a third value says what is wrong. Wrong types raise an error. Times are
-- seconds and may have a fraction, 0 to 1e9; sizes are bytes.

---Why a connection ended: one of these, or the word given to `conn:close`.
---* `eof`: the peer closed it
---* `reset`: the peer, or the network, broke it
---* `idle`: nothing was received for `idle_timeout`
---* `timeout`: what was sent last did not get through
---* `framing`: its bytes are no packets
---* `oversize`: it announced, or sent, a packet larger than `max_packet`
---* `slow`: it did not read what it was sent, up to `hard_mark`
---* `memory`: `memory` is used up
---* `script`: the script closed or refused it, without a word of its own
---* `error`: a handler failed on it; the log says how
---* `shutdown`: the server stops
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
---| string

---What is wrong with a packet to send, or with whom it is for.
---* `closed`: there is no such connection, any more
---* `full`: its queue has reached `hard_mark`, or has and was not drained since
---* `toobig`: the packet is larger than `max_packet`
---* `badsize`: it is not of a size that the framing carries
---* `memory`: `memory` is used up
---@alias SendError "closed"|"full"|"toobig"|"badsize"|"memory"

-- ---- handlers: globals of main.lua, or fields of the table that it returns ----

---Once in each worker, before its first connection. An error stops the start. It is not called
---again when the scripts are loaded anew: timers belong in main.lua itself, or in on_load. It may
---wait.
function on_start() end

---A new connection. `false` refuses it: it is closed when what was sent to it has gone, and no
---on_disconnect follows. Until it has answered nothing is received.
---@param conn Conn
---@return boolean? accept
function on_connect(conn) end

---One complete packet, without its header or delimiter. While it waits, the next packets of this
---connection wait, too.
---@param conn Conn
---@param packet string
function on_receive(conn, packet) end

---The queue was above `soft_mark`, or refused a packet, and is below the mark again.
---@param conn Conn
function on_drain(conn) end

---Nothing was received for `idle_timeout`, or for the limit that `conn:idle` has set. `true` keeps
---the connection; anything else closes it with the reason "idle".
---@param conn Conn
---@param seconds number since when
---@return boolean? keep
function on_idle(conn, seconds) end

---The end: exactly once for each connection that on_connect did not refuse. What is sent to it now
---is answered nil, "closed".
---@param conn Conn
---@param reason Reason
function on_disconnect(conn, reason) end

---What a worker, this one perhaps, has posted with `server.post`.
---@param value any a copy
---@param from integer the worker's number
function on_message(value, from) end

---Before newer scripts take over: the last call of the old ones. Its answer goes to the newer
---on_load. It cannot wait.
---@return any value
function on_unload() end

---After a reload: the first call of the newer scripts. It is not called at the start, and cannot
---wait.
---@param value any what on_unload has answered, or nil
function on_load(value) end

---The worker is about to end; its connections have gone. It cannot wait.
function on_stop() end

-- ---- sending ----

---Frames a packet and queues it: all of it, or nothing. For a connection of another worker `true`
---means that it is on its way there.
---@param to Conn|integer a connection, or the id of one, of any worker
---@param packet string
---@return true? sent
---@return SendError? code
function send(to, packet) end

---Sends a packet to every connection of every worker.
---@param packet string
---@param options? BroadcastOptions
---@return integer? count how many of this worker's connections it was queued on
---@return SendError? code
function broadcast(packet, options) end

---@class BroadcastOptions
---@field except? Conn who does not get it

-- ---- a connection ----

---One connection. It belongs to one worker for life. One that is kept longer than that is answered
---nil, "closed".
---@class Conn
---@field id integer unique while the server runs, never used again; below 2^53
---@field ip string the peer's address
---@field port integer the peer's port
---@field listener string where it arrived: "127.0.0.1:7000"
---@field data table the script's own; it survives reloads. No other field can be assigned
---@field connected_at number seconds, on the clock of `server.now`
local Conn = {}

---Frames a packet and queues it: all of it, or nothing.
---@param packet string
---@return true? sent
---@return SendError? code
function Conn:send(packet) end

---Ends it when what is queued has gone, after `drain_timeout` at the latest. No more packets come.
---@param reason? string what on_disconnect is told, cut at 31 bytes; "script" if missing
---@return true? closed
---@return "closed"? code it has ended already
function Conn:close(reason) end

---Ends it at once; what is queued is lost.
---@param reason? string what on_disconnect is told, cut at 31 bytes; "script" if missing
---@return true? closed
---@return "closed"? code
function Conn:abort(reason) end

---Bytes that are queued on it and have not gone yet.
---@return integer? bytes
---@return "closed"? code
function Conn:pending() end

---Stops receiving from it, until `resume`. It still becomes idle.
---@return true? paused
---@return "closed"? code
function Conn:pause() end

---Receives from it again.
---@return true? resumed
---@return "closed"? code
function Conn:resume() end

---Its own limit in the place of `idle_timeout`, counted from now.
---@param seconds number 0: it is never idle
---@return true? set
---@return "closed"|"badnumber"? code
---@return string? why
function Conn:idle(seconds) end

---Its own framing from the next packet on, both ways. Unknown names in a spec raise an error; a
---value that does not fit is `badframing`. `full`: it would be the 65th different framing of this
---worker.
---@param spec Framing|FramingName|string
---@return true? set
---@return "closed"|"badframing"|"full"|"memory"? code
---@return string? why
function Conn:framing(spec) end

-- ---- framing ----

---@alias FramingName
---| "length" # a length in front of each packet: 4 bytes, little-endian, that count themselves
---| "line" # text up to "\n" or "\r\n"
---| "fixed" # every packet has `size` bytes
---| "raw" # whatever has arrived is a packet

---How packets are cut: `{ "length", size = 2, order = "big" }`. As text: "length,size=2,order=big".
---@class Framing
---@field [1]? FramingName
---@field size? integer|"varint" of "length": bytes of it, 1 2 3 4 8 (4); of "fixed": of a packet
---@field order? "little"|"big" of "length": of its bytes ("little")
---@field offset? integer of "length": bytes in front of it, which are part of the packet (0)
---@field adjustment? integer of "length": is added to it (0)
---@field counts_header? boolean of "length": it counts itself and the bytes in front of it (true)
---@field delimiter? string of "line": what ends a packet, at most 8 bytes ("\n", or "\r\n" as well)
---@field strip? boolean of "line": the delimiter is no part of the packet (true)
---@field max? integer|string the largest packet, at most `max_packet`: bytes, or "64K", "1M"

-- ---- server ----

---@class Server
---@field state table this worker's own; it survives reloads
---@field shared Shared one dictionary for all workers
---@field worker integer the number of this worker, from 1
---@field workers integer how many there are
---@field generation integer of the scripts: 1 at first, one more with each reload
---@field version string of moonport
server = {}

---Calls a function once, later. A timer ends with the generation of scripts that has made it;
---one that code starts which has waited over a reload never fires.
---@param seconds number
---@param action fun() may wait
---@return Timer? timer
---@return "badnumber"? code
---@return string? why
function server.after(seconds, action) end

---Calls a function again and again. It is not called while it still runs, or waits; what it has
---missed is not made up for. A timer ends with the generation of scripts that has made it.
---@param seconds number less than 0.001 is 0.001
---@param action fun() may wait
---@return Timer? timer
---@return "badnumber"? code
---@return string? why
function server.every(seconds, action) end

---Waits: in a handler, a timer, on_start or on_message. The next packets of the handler's
---connection wait, too, all others go on. If the connection ends meanwhile, the handler ends where
---it is.
---
---It raises an error where nothing can wait: in main.lua itself, on_unload, on_load and on_stop,
---in a coroutine of the script's own, inside table.sort and the like.
---@param seconds number
---@return true? slept
---@return "badnumber"? code it has not waited
---@return string? why
function server.sleep(seconds) end

---Monotonic time in seconds, the same in all workers; it stands still while a handler runs.
---@return number seconds
function server.now() end

---Figures of the whole server, and of each worker.
---@return Stats
function server.stats() end

---Iterates over this worker's connections as they are now.
---@return fun(): Conn?
function server.connections() end

---The group of that name, which all workers share. It is made when it is first asked for.
---@param name string at most 255 bytes
---@return Group? group
---@return "badname"|"memory"? code `badname`: it is longer
function server.group(name) end

---Hands a copy of a value to on_message of another worker. What one worker posts to another
---arrives in order. A function, a userdata or a coroutine raise an error.
---@param worker integer|"all" its number; "all": every worker, this one too
---@param value any nil, a boolean, a number, a string, or a table of those
---@return true? posted
---@return "closed"|"memory"|"toobig"|"toodeep"? code `closed`: there is no such worker, or it has
---ended; `toobig`: it is more than 16 MiB; `toodeep`: tables more than 32 deep, or in a circle
---@return string? why
function server.post(worker, value) end

---Writes a line to the log, if the setting `log` does not leave it out. With arguments behind it,
---the text is a format; alone it is written as it stands. Control bytes are written as \xNN.
---@param level "error"|"warn"|"info"|"debug"
---@param format string as string.format takes it, or the text
---@param ... any
function server.log(level, format, ...) end

-- ---- groups ----

---Connections of any worker that are spoken to together. One that has ended has left.
---@class Group
local Group = {}

---@param conn Conn
---@return true? added also if it is a member already
---@return "closed"|"memory"? code
function Group:add(conn) end

---@param conn Conn
---@return boolean removed `false`: it was no member
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

---One dictionary for all workers, of at most `shared_memory` bytes. Each call is one step that no
---other worker comes between. Keys are strings of 1 to 256 bytes, others are `badkey`; a time to
---live that is not above 0 is `badnumber`.
---@class Shared
local Shared = {}

---@param key string
---@return SharedValue? value
---@return "badkey"|"memory"? code `memory`: there is a value, and no memory to copy it
---@return string? why
function Shared:get(key) end

---@param key string
---@param value SharedValue? nil deletes it
---@param ttl? number seconds until it expires; nil: never
---@return true? set
---@return "badkey"|"badnumber"|"full"|"memory"? code `full`: `shared_memory` is used up; what was
---there is as it was
---@return string? why
function Shared:set(key, value, ttl) end

---Sets it only if there is none.
---@param key string
---@param value SharedValue
---@param ttl? number seconds until it expires; nil: never
---@return true? added
---@return "exists"|"badkey"|"badnumber"|"full"|"memory"? code
---@return string? why
function Shared:add(key, value, ttl) end

---Adds to a number.
---@param key string
---@param by? number 1 if missing
---@param init? number what it begins with if it is not there; the answer is then init + by
---@param ttl? number seconds until one that begins with init expires
---@return number? sum
---@return "missing"|"notnumber"|"overflow"|"badkey"|"badnumber"|"full"|"memory"? code
---@return string? why
function Shared:incr(key, by, init, ttl) end

---@param key string
---@return boolean? deleted `false`: it was not there
---@return "badkey"? code
---@return string? why
function Shared:delete(key) end

---@param most? integer no more than so many
---@return string[]? keys in no order
---@return "badnumber"|"memory"? code
---@return string? why
function Shared:keys(most) end

-- ---- timers ----

---@class Timer
local Timer = {}

---It is not called again. While it runs, it comes to its end.
function Timer:cancel() end

-- ---- figures ----

---@class WorkerStats
---@field workers integer threads
---@field connections integer now
---@field connections_max integer as configured
---@field connections_free integer places that are left
---@field accepted integer connections since the start
---@field refused integer connections since the start, for want of a place
---@field blocks integer I/O blocks that were allocated at the start
---@field blocks_used integer of them
---@field blocks_free integer of them
---@field block_bytes integer memory that the blocks take
---@field memory_used integer bytes, beyond the blocks
---@field memory_max integer bytes: the setting `memory`
---@field bytes_received integer
---@field bytes_sent integer
---@field packets_received integer
---@field packets_sent integer
---@field turns integer how often a worker looked for what there is to do
---@field events integer what it then found, all added up
---@field receives_late integer receives that were completed out of order
---@field starved integer how often blocks or memory ran out
---@field uptime number seconds since the start
---@field busy number seconds that workers did not wait, all added up
---@field closed table<Reason, integer> that ended, by reason; own words count as "script"

---@class Stats: WorkerStats
---@field generation integer of the scripts
---@field by_worker WorkerStats[] the same of each worker; `refused` is 0 there

-- ---- config.lua ----

---The table that config.lua returns: `---@type Config` above its `return`. It has only plain
---values, and calls nothing. Sizes are bytes, or "64K", "16M", "1G". All figures are for the whole
---server. Those marked * change with a reload; the others need a restart.
---@class Config
---@field listen? string|Listener|(string|Listener)[] ("0.0.0.0:7000"), "[::]:7000", "unix:PATH"
---@field framing? Framing|FramingName|string how packets are cut ("length")
---@field max_packet? integer|string the largest packet, both ways ("16M")
---@field workers? integer threads; 0: one per processor (0)
---@field max_connections? integer more are refused (3000)
---@field blocks? integer I/O blocks, allocated at the start (10000)
---@field block_size? integer|string data bytes of a block (2048)
---@field recv_depth? 1|2|4|8|16 receives posted at once per connection, on Windows (4)
---@field memory? integer|string * for large packets and long queues, beyond the blocks ("512M")
---@field idle_timeout? number * seconds without a packet until on_idle; 0: never (60)
---@field drain_timeout? number * seconds to send what is queued, at a close and at the end (10)
---@field soft_mark? integer|string * with more queued a connection is not received from ("64K")
---@field hard_mark? integer|string * beyond it a send is refused; 0: twice max_packet, or 4M (0)
---@field on_full? "close"|"refuse" what a send beyond hard_mark does to its connection ("close")
---@field handler_timeout? number * seconds after which a handler is interrupted; 0: never (1)
---@field lua_memory? integer|string * of each worker's Lua; what needs more fails ("256M")
---@field shared_memory? integer|string what server.shared may hold ("64M")
---@field sandbox? boolean scripts have no io, os.execute, debug, C modules and the like (false)
---@field reload? "watch"|"signal" scripts are loaded anew as files change, or on HUP only ("watch")
---@field admin? string|boolean where `moonport reload` reaches it, or false ("127.0.0.1:7001")
---@field backend? "auto"|"uring"|"epoll"|"iocp" the system's interface to use ("auto")
---@field log? "error"|"warn"|"info"|"debug" * the least important lines to write ("info")

---@class Listener
---@field address string "0.0.0.0:7000"
---@field framing? Framing|FramingName|string the server's, if missing
---@field on_full? "close"|"refuse" the server's, if missing

-- ---- tests: files called *_test.lua, which `moonport test` runs ----

---Only *_test.lua files have it. Each test has a server of its own that nobody else sees, with one
---worker, and whose time stands still but for `test.advance`. A handler that fails fails the test.
---@class Test
---@overload fun(name: string, body: fun())
test = {}

---A client connects, and on_connect runs.
---@param options? ConnectOptions
---@return TestConn
function test.connect(options) end

---@class ConnectOptions
---@field ip? string as which it comes (127.0.0.1)
---@field port? integer (50000)
---@field listener? integer the number of the listener in `listen` (1)

---So much time passes, and what is due in it happens: timers, server.sleep, on_idle.
---@param seconds number
function test.advance(seconds) end

---Fails the test if the two are not the same.
---@param actual any
---@param expected any
function test.equal(actual, expected) end

---What the first handler that failed has said, or nil; the test does not fail for it then.
---@return string?
function test.error() end

---A client of a test. Its calls return when the server has done all that follows from them.
---@class TestConn
---@field id integer as conn.id
---@field conn Conn? what the handlers are given; nil: it was refused
---@field sent string[] the packets that the server has sent it
---@field closed boolean the server has ended the connection
local TestConn = {}

---It sends a packet.
---@param packet string
function TestConn:receive(packet) end

---It sends bytes as they are, perhaps half a packet.
---@param bytes string
function TestConn:receive_bytes(bytes) end

---It will send no more.
function TestConn:close() end

---It breaks the connection.
function TestConn:reset() end

---It reads no more, so that the server's queue grows; or does again.
---@param deaf boolean
function TestConn:deaf(deaf) end

---What `sent` has, which is empty then.
---@return string[]
function TestConn:take() end
