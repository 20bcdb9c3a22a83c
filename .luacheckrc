-- Scripts run in an environment with these names; a handler is a global that the script defines.
std = "lua54"
max_line_length = 100
unused_args = false -- a handler is given more than it may need
read_globals = {
  "send",
  "broadcast",
  server = {
    other_fields = true,
    fields = { state = { read_only = false, other_fields = true } },
  },
}
globals = {
  "on_start", "on_connect", "on_receive", "on_drain", "on_idle", "on_disconnect",
  "on_message", "on_call", "on_unload", "on_load", "on_stop",
}

-- Tests have one name more.
files["**/*_test.lua"] = { read_globals = { "test" } }

-- The annotations define what scripts only use.
files["scripts/api"] = { globals = { "server", "send", "broadcast", "test" }, ignore = { "2.." } }
