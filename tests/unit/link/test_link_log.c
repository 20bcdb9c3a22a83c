/* What the log says of connections. */
#include "base/log.h"
#include "capture.h"
#include "offline_talk.h"

static struct seen noted;

/* So many peers, each of which leaves in the middle of a packet. */
static void leave_inside_packets(struct offline *offline, int count)
{
    for (int i = 0; i < count; i++) {
        struct offline_peer *peer = connect_to(offline);
        cr_assert(offline_send(peer, span_text("\7")));
        offline_finish(peer);
        cr_assert(offline_run(offline));
    }
}

Test(link_log, of_peers_that_leave_inside_a_packet_one_a_minute_is_told_and_the_others_are_counted)
{
    struct offline *offline = open_set(&noted, (const char *const[]){"workers", "1", NULL});
    log_set_level(LOG_INFO);
    capture_begin();
    leave_inside_packets(offline, 4);
    const char *first = strstr(capture_end(), "unfinished packet, 1 of 4 bytes");
    cr_assert_not_null(first);
    cr_assert_null(strstr(first + 1, "unfinished"));
    cr_assert_null(strstr(first, "not shown"));
    cr_assert(offline_advance(offline, 60 * SECOND));
    capture_begin();
    leave_inside_packets(offline, 1);
    cr_assert_not_null(strstr(capture_end(), " (3 like it not shown)"));
    offline_close(offline);
}
