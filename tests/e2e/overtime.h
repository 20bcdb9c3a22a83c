/* overtime.h - scripts that loop, for the tests of those. */
#ifndef MOONPORT_E2E_OVERTIME_H
#define MOONPORT_E2E_OVERTIME_H

#include "harness.h"

#define INTERRUPTED "interrupted, it has run for longer than handler_timeout"

/* A loop that every Lua can be interrupted in: LuaJIT compiles none that makes functions, and the
 * thread sanitizer delivers a signal when a thread calls the system. */
#define ROUND "local _ = function() end os.time() "
#define LOOP "local function loop() while true do " ROUND "end end\n"

/* Those that do not loop have to end in time, however busy the machine is. */
static inline struct server begin_hasty(const char *script)
{
    return server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "1", "--handler-timeout", patience() > 1 ? "1" : "0.3"}});
}

#endif
