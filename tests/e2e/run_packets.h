/* run_packets.h - a script of which a packet is code that runs in the worker of its connection, as a handler of it;
 * tell(...) answers there. */
#ifndef MOONPORT_E2E_RUN_PACKETS_H
#define MOONPORT_E2E_RUN_PACKETS_H

#include "workers.h"

#define RUN_PACKETS \
    "local globals = _ENV or getfenv()\n" \
    "local pack = table.pack or function(...) return { n = select('#', ...), ... } end\n" \
    "function on_receive(conn, packet)\n" \
    "  function tell(...)\n" \
    "    local values = pack(...)\n" \
    "    for i = 1, values.n do values[i] = tostring(values[i]) end\n" \
    "    conn:send(table.concat(values, ' '))\n" \
    "  end\n" \
    "  globals.conn = conn\n" \
    "  assert(load('local tell, conn = tell, conn ' .. packet, packet, 't', globals))()\n" \
    "end\n"
#define WHICH "tell(server.worker)"

#endif
