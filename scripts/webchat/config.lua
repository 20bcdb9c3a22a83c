return {
  listen = {
    -- For browsers: http://127.0.0.1:7000/ is the page, which opens ws://127.0.0.1:7000/chat.
    { address = "127.0.0.1:7000", framing = "websocket", path = "/chat", public = "public" },
    -- For terminals: nc 127.0.0.1 7002
    { address = "127.0.0.1:7002", framing = "line" },
  },
  max_packet = "64K", -- the list of who is here; what people say is shorter
  idle_timeout = 0, -- people may be silent; pings find browsers that are gone
}
