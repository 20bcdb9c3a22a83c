/* workers.h - a server with a connection on each of its workers. */
#ifndef MOONPORT_E2E_WORKERS_H
#define MOONPORT_E2E_WORKERS_H

#include "harness.h"

/* A packet is an expression; the answer is what it evaluates to. */
#define EVALUATE \
    "local globals = _ENV or getfenv()\n" \
    "local function join(...)\n" \
    "  local texts = {}\n" \
    "  for i = 1, select('#', ...) do texts[i] = tostring((select(i, ...))) end\n" \
    "  return table.concat(texts, ' ')\n" \
    "end\n" \
    "function raised(call, ...) return not pcall(call, ...) and select(2, pcall(call, ...)) end\n" \
    "function on_receive(conn, packet)\n" \
    "  local code = 'local shared = server.shared return ' .. packet\n" \
    "  conn:send(join(assert(load(code, packet, 't', globals))()))\n" \
    "end\n"

/* Client i is served by worker i + 1: the question is one that the script answers with the number of
 * its worker. There are at most nine. */
struct server begin_workers(const char *script, const char *question, int *clients, int count);
void end_workers(struct server *server, const int *clients, int count);

/* Where packets are evaluated: the error that the call raises has this in it. */
void client_ask_for_error(int client, const char *call, const char *part);

#endif
