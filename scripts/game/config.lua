return {
  framing = "line",
  max_packet = "4K", -- the longest line, and the largest map
  idle_timeout = 0, -- players may be silent
  jobs = 1, -- SQLite has one writer at a time
}
