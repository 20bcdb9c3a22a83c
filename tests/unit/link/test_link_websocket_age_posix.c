/* How old a message is that keeps memory from others. On Windows receives end at other places, so that the one that waits
 * gets the memory between the two messages. */
#include "websocket_desk.h"

#include "link/pressure.h"

enum { PATIENCE = PRESSURE_PATIENCE_MS, A_WHILE = 1000 };

static void pass(uint64_t ms)
{
    cr_assert(offline_advance(desk.offline, ms * MS));
}

Test(link_websocket_memory, a_message_counts_from_when_it_was_begun)
{
    desk_open((const char *const[]){"idle_timeout", "0", "blocks", "128", "max_connections", "8",
                                    "wait_timeout", "0", NULL},
              (const char *const[]){"websocket", NULL});
    struct offline_peer *keeps = desk_join(0), *needs = desk_join(0);
    tell(keeps, "b-:k*50000");
    pass(PATIENCE);
    limit_memory(0);
    tell(needs, "b-:n*5000");
    pass(PATIENCE - A_WHILE);
    tell(keeps, "c:k b-:k*50000");
    saw("b:k*50001");
    pass(2 * A_WHILE);
    cr_assert_eq(desk.disconnected, 1);
    cr_assert(offline_closed(needs), "the other one has just begun");
    desk_end();
}
