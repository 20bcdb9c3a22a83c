/* What a worker owes to some while others keep it busy. */
#include "link_desk.h"

enum { FLOOD = 500 };

static struct offline_peer *flooding;
static int said, said_when_it_fired;

static void say_more(struct link *link)
{
    (void)link;
    if (said == 0) worker_timer_start(desk.worker, &desk.timer, 0);
    if (said++ < FLOOD) put(flooding, span_text("more"));
}

static void note_when(void)
{
    said_when_it_fired = said;
}

Test(worker_turn, a_timer_fires_beside_somebody_who_always_has_more_to_say)
{
    struct offline *offline = desk_open((const char *const[]){"workers", "1", NULL});
    flooding = connect_to(offline);
    cr_assert(offline_advance(offline, SECOND));
    desk.on_packet = say_more;
    desk.on_timer = note_when;
    say(offline, flooding, "first");
    cr_assert_eq(desk.received, FLOOD + 1);
    cr_assert(said_when_it_fired > 0 && said_when_it_fired < 10, "%d", said_when_it_fired);
    offline_close(offline);
}
