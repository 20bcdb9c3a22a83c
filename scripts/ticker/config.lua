return {
  framing = "line",
  idle_timeout = 0,
}
