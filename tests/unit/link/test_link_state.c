/* What a list of connections tells of each. */
#include "../veil.h"
#include "offline_talk.h"

static struct seen noted;

static void expect_state(const struct link *link, const char *state)
{
    cr_assert_str_eq(link_state_text(link), state);
}

Test(link_state, silence_is_counted_from_the_last_byte_whatever_the_idle_limit_is_counted_from)
{
    struct offline *offline = open_with(&noted, "idle_timeout", "0");
    struct offline_peer *peer = connect_to(offline);
    cr_assert_eq(link_silent_ns(noted.link), 0);
    cr_assert(offline_advance(offline, 5 * SECOND));
    cr_assert_eq(link_silent_ns(noted.link), 5 * SECOND, "it has not said anything yet");
    cr_assert(offline_send(peer, span_text("\x09"))); /* the beginning of a packet */
    cr_assert(offline_run(offline));
    cr_assert_eq(link_silent_ns(noted.link), 0);
    cr_assert(offline_advance(offline, 2 * SECOND));
    link_set_idle(noted.link, 60 * SECOND);
    link_hold(noted.link);
    link_release(noted.link);
    cr_assert(offline_advance(offline, 3 * SECOND));
    cr_assert_eq(link_silent_ns(noted.link), 5 * SECOND);
    offline_close(offline);
}

Test(link_state, a_handler_that_waits_and_a_pause_are_two_things)
{
    struct offline *offline = open_with(&noted, NULL, NULL);
    connect_to(offline);
    cr_assert_not(link_is_held(noted.link));
    cr_assert_not(link_is_paused(noted.link));
    link_hold(noted.link);
    cr_assert(link_is_held(noted.link));
    cr_assert_not(link_is_paused(noted.link));
    link_pause(noted.link);
    link_release(noted.link);
    cr_assert_not(link_is_held(noted.link));
    cr_assert(link_is_paused(noted.link));
    link_resume(noted.link);
    cr_assert_not(link_is_paused(noted.link));
    offline_close(offline);
}

Test(link_state, each_state_has_a_word)
{
    struct offline *offline = open_with(&noted, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    struct link *link = noted.link;
    expect_state(link, "open");
    offline_set_deaf(peer, true);
    put(peer, span_text("bye"));
    cr_assert(offline_run(offline));
    expect_state(link, "flushing");
    offline_set_deaf(peer, false);
    cr_assert(offline_run(offline));
    expect_state(link, "lingering");
    link_fail(link, LINK_RESET);
    expect_state(link, "closing");
    offline_close(offline);
}

/* Its handshake goes on: the script does not know of it. */
Test(link_state, all_are_there_to_be_listed_also_those_that_open_and_end)
{
    struct veil_source veil;
    veil_source_init(&veil, 1);
    struct offline *offline = open_filtered(&noted, (const char *const[]){NULL}, &veil.source);
    struct worker *worker = offline_worker(offline);
    cr_assert_null(worker_next_any(worker, NULL));
    connect_to(offline);
    connect_to(offline);
    struct link *first = worker_next_any(worker, NULL);
    cr_assert_not_null(first);
    expect_state(first, "opening");
    struct link *second = worker_next_any(worker, first);
    cr_assert_not_null(second);
    cr_assert_null(worker_next_any(worker, second));
    cr_assert_null(worker_next(worker, NULL));
    link_fail(first, LINK_RESET);
    cr_assert_eq(worker_next_any(worker, NULL), first);
    expect_state(first, "closing");
    offline_close(offline);
}
