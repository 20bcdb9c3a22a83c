-- What the clients beside it talk to: an echo that obeys a few words and tells what it has seen.
local ends = {}

local function fields(request)
  return table.concat({
    request.method, request.target, request.path, request.query.a or "-",
    request.query["b c"] or "-", request.host, request.origin or "-",
    request.headers["x-test"] or "-", request.cookies.color or "-",
    table.concat(request.protocols, "+"),
  }, "|")
end

function on_connect(conn)
  local request = conn.request
  local path = request.path
  conn.data.fields = fields(request)
  if path == "/refuse" then return conn:refuse(401, "not you\n", { ["X-Why"] = "because" }) end
  if path == "/false" then return false end
  if path == "/error" then error("as it was asked to") end
  if path == "/close" then return conn:close("no") end
  if path == "/choose" then assert(conn:protocol("v1")) end
  if path == "/early" then conn:send("early") end
  if path == "/wait" then
    server.sleep(0.05)
    conn:send("waited")
  end
end

local words = {}

function words.fields(conn) conn:send(conn.data.fields) end

function words.request(conn) conn:send(tostring(conn.request)) end

function words.close(conn, rest)
  local code, reason = rest:match("^(%d*) ?(.*)$")
  conn:close(reason ~= "" and reason or nil, tonumber(code))
end

function words.abort(conn) conn:abort() end

function words.many(conn)
  for i = 1, 100 do conn:send("number " .. i) end
end

function words.all(_, rest) broadcast(rest, { kind = "binary" }) end

function words.badtext(conn)
  local sent, why = conn:send("\xff", "text")
  conn:send(tostring(sent) .. " " .. tostring(why))
end

function words.guess(conn)
  conn:send("\xff")
  conn:send("fine")
end

-- Not that of whoever asks.
function words.ends(conn)
  conn.data.asks = true
  conn:send(table.concat(ends, " "))
  ends = {}
end

function on_receive(conn, packet, kind)
  local word, rest = packet:match("^/(%l+) ?(.*)$")
  if kind == "text" and words[word] then return words[word](conn, rest) end
  conn:send(packet, kind)
end

function on_disconnect(conn, reason, code)
  if not conn.data.asks then ends[#ends + 1] = reason .. ":" .. tostring(code) end
end
