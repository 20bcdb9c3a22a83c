/* Whether somebody is silent, does not read, or neither. */
#include "offline_talk.h"
#include "server/worker.h"

/* When all of it is over, and not before. */
static void ends_after_the_limit(const struct seen *seen, struct offline *offline,
                                 const char *reason)
{
    cr_assert(offline_advance(offline, 60 * SECOND - 1));
    cr_assert_eq(seen->disconnected, 0);
    cr_assert(offline_advance(offline, 1));
    cr_assert_eq(seen->disconnected, 1);
    cr_assert_str_eq(seen->reason, reason);
}

/* It asks a lot at once, and then takes the answers in its own time. */
static struct offline_peer *ask_a_lot(struct seen *seen, struct offline **offline)
{
    enum { QUESTIONS = 100, SIZE = 100 };
    uint8_t bytes[SIZE] = {0};
    *offline = open_set(seen, (const char *const[]){"soft_mark", "1K", "idle_timeout", "60", NULL});
    struct offline_peer *peer = connect_to(*offline);
    offline_set_room(peer, SIZE);
    for (int i = 0; i < QUESTIONS; i++) put(peer, span_of(bytes, sizeof bytes));
    cr_assert(offline_run(*offline));
    cr_assert(link_pending(seen->link) > 1024);
    cr_assert(seen->received < QUESTIONS, "it is not heard any more");
    return peer;
}

Test(link_idle, who_takes_its_answers_and_says_nothing_is_not_slow)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline;
    struct offline_peer *peer = ask_a_lot(&seen, &offline);
    for (int i = 0; i < 10; i++) {
        cr_assert(offline_advance(offline, 59 * SECOND));
        offline_take(peer, 50);
        cr_assert(offline_run(offline));
        cr_assert_eq(seen.disconnected, 0, "closed as %s after %d answers", seen.reason, i);
    }
    ends_after_the_limit(&seen, offline, "slow");
    offline_close(offline);
}

Test(link_idle, who_takes_nothing_is_slow_when_the_limit_is_over)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline;
    ask_a_lot(&seen, &offline);
    ends_after_the_limit(&seen, offline, "slow");
    offline_close(offline);
}

/* Nothing has been sent to it for long, for it had asked nothing. */
Test(link_idle, who_has_just_asked_has_all_of_the_limit_to_read)
{
    struct seen seen = {.idle_answer = SCRIPT_YES};
    struct offline *offline =
        open_set(&seen, (const char *const[]){"soft_mark", "1K", "idle_timeout", "60", NULL});
    struct offline_peer *peer = connect_to(offline);
    uint8_t bytes[2000] = {0};
    offline_set_deaf(peer, true);
    cr_assert(offline_advance(offline, 50 * SECOND));
    put(peer, span_of(bytes, sizeof bytes));
    put(peer, span_of(bytes, sizeof bytes));
    ends_after_the_limit(&seen, offline, "slow");
    offline_close(offline);
}

/* The settings change; what one connection has set does not, even if it was set to what they said. */
Test(link_idle, a_limit_of_its_own_stays_when_the_settings_change)
{
    struct seen seen = {.idle_answer = SCRIPT_YES};
    struct offline *offline = open_with(&seen, "idle_timeout", "60");
    connect_to(offline);
    struct link *as_before = seen.link;
    connect_to(offline);
    struct link *own = seen.link;
    connect_to(offline);
    struct link *follower = seen.link;
    link_set_idle(as_before, 60 * SECOND);
    link_set_idle(own, 80 * SECOND);
    struct link_limits limits = own->home->limits;
    limits.idle_ns = 100 * SECOND;
    worker_set_limits(offline_worker(offline), &limits, own->home->streams.budget.limit);
    cr_assert_eq(as_before->idle_limit_ns, 60 * SECOND);
    cr_assert_eq(own->idle_limit_ns, 80 * SECOND);
    cr_assert_eq(follower->idle_limit_ns, 100 * SECOND);
    cr_assert(offline_advance(offline, 60 * SECOND));
    cr_assert_eq(seen.idle, 1);
    cr_assert(offline_advance(offline, 20 * SECOND));
    cr_assert_eq(seen.idle, 2);
    cr_assert(offline_advance(offline, 20 * SECOND - 1));
    cr_assert_eq(seen.idle, 2);
    cr_assert(offline_advance(offline, 1));
    cr_assert_eq(seen.idle, 3);

    limits.idle_ns = 0;
    worker_set_limits(offline_worker(offline), &limits, own->home->streams.budget.limit);
    cr_assert_eq(follower->idle_limit_ns, 0);
    cr_assert_eq(own->idle_limit_ns, 80 * SECOND);
    limits.idle_ns = 70 * SECOND;
    worker_set_limits(offline_worker(offline), &limits, own->home->streams.budget.limit);
    cr_assert_eq(follower->idle_limit_ns, 70 * SECOND);
    offline_close(offline);
}

Test(link_idle, who_has_been_silent_for_just_the_limit_is_idle)
{
    struct seen seen = {.idle_answer = SCRIPT_NO};
    struct offline *offline = open_with(&seen, "idle_timeout", "60");
    connect_to(offline);
    ends_after_the_limit(&seen, offline, "idle");
    offline_close(offline);
}

/* It is not read from since it has said too much: that it spoke then counts, not when it was offered what
 * it does not take. */
Test(link_idle, who_has_spoken_later_than_it_was_offered_something_has_the_limit_from_then_on)
{
    struct seen seen = {.idle_answer = SCRIPT_YES};
    struct offline *offline =
        open_set(&seen, (const char *const[]){"soft_mark", "1K", "idle_timeout", "60", NULL});
    struct offline_peer *peer = connect_to(offline);
    uint8_t bytes[2000] = {0};
    offline_set_deaf(peer, true);
    put(peer, span_of(bytes, 1));
    cr_assert(offline_advance(offline, 50 * SECOND));
    put(peer, span_of(bytes, sizeof bytes));
    put(peer, span_of(bytes, sizeof bytes));
    ends_after_the_limit(&seen, offline, "slow");
    offline_close(offline);
}

static size_t held; /* by the system, for a peer to whom a send waits */

static size_t say_held(const struct port_socket *socket)
{
    (void)socket;
    return held;
}

/* It takes so little that no room is told of. */
Test(link_idle, who_takes_little_of_what_the_system_holds_is_not_slow)
{
    enum { MINUTES = 5 };
    struct seen seen = {.worker = NULL};
    struct offline *offline;
    ask_a_lot(&seen, &offline);
    struct port *port = seen.link->home->streams.port;
    static struct port_operations operations;
    operations = *port->operations;
    operations.unsent = say_held;
    port->operations = &operations;
    held = 1000;
    for (int second = 0; second < MINUTES * 60; second++) {
        cr_assert(offline_advance(offline, SECOND));
        cr_assert_eq(seen.disconnected, 0, "closed as %s after %d s", seen.reason, second);
        held--;
    }
    cr_assert(offline_advance(offline, 60 * SECOND - 1));
    cr_assert_eq(seen.disconnected, 0);
    cr_assert(offline_advance(offline, 15 * SECOND + 1)); /* four looks within the limit */
    cr_assert_str_eq(seen.reason, "slow");
    offline_close(offline);
}
