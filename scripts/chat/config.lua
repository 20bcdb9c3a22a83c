return {
  framing = "line",
  max_packet = "4K", -- the longest line
  idle_timeout = 0, -- people may be silent
}
