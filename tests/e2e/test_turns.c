/* Nobody waits until all that others have asked for is done. */
#include "harness.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { HEADER = 4, MANY = 600 };

/* `work` takes a while, until it was midway when somebody asked: how much of it has been done is the answer. */
#define WORKS \
    "local done, heard = 0, false\n" \
    "local function work()\n" \
    "  local till = os.clock() + 0.03\n" \
    "  while not heard and os.clock() < till do end\n" \
    "  done = done + 1\n" \
    "end\n" \
    "local function how_much()\n" \
    "  heard = done > 0\n" \
    "  return tostring(done)\n" \
    "end\n"

static int ask_how_much(int client)
{
    size_t size;
    client_put_text(client, "how much?");
    char *answer = (char *)client_take(client, &size);
    int much = atoi(answer);
    free(answer);
    return much;
}

/* Somebody else's question is answered while it goes on. */
static void expect_answer_midway(struct server *server, int working)
{
    int client = client_connect(server), much = 0;
    while (much == 0) much = ask_how_much(client);
    cr_assert_lt(much, MANY, "it had to wait for all of it");
    while (much < MANY) {
        int more = ask_how_much(client);
        cr_assert_geq(more, much);
        much = more;
    }
    close(client);
    close(working);
    server_end(server);
}

Test(turns, packets_that_take_long_let_others_be_heard)
{
    static char packets[MANY * (HEADER + 4)];
    struct server server =
        server_begin_script(WORKS "function on_receive(conn, packet)\n"
                                  "  if packet == 'work' then return work() end\n"
                                  "  conn:send(how_much())\n"
                                  "end\n");
    int working = client_connect(&server);
    for (int i = 0; i < MANY; i++) memcpy(packets + i * (HEADER + 4), "\x08\0\0\0work", HEADER + 4);
    client_send(working, packets, sizeof packets);
    expect_answer_midway(&server, working);
}

Test(turns, timers_that_take_long_let_others_be_heard)
{
    struct server server =
        server_begin_script(WORKS "function on_receive(conn, packet)\n"
                                  "  if packet == 'work' then\n"
                                  "    for i = 1, 600 do server.after(0.01, work) end\n"
                                  "  else\n"
                                  "    conn:send(how_much())\n"
                                  "  end\n"
                                  "end\n");
    int working = client_connect(&server);
    client_put_text(working, "work");
    expect_answer_midway(&server, working);
}
