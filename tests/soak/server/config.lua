-- So little of everything that it runs out now and then. Blocks are given by run.sh.
return {
  workers = 2,
  max_packet = "3M",
  memory = "24M",
  soft_mark = "128K",
  hard_mark = "4M",
  idle_timeout = 300,
  drain_timeout = 2,
  handler_timeout = 0.5,
  probation = 0, -- its peers count on it that a failure closes, also after a reload
}
