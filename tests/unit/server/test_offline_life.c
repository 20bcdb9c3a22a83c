/* How a server without a network starts and ends, and its connections. */
#include "offline_talk.h"

Test(offline, waits_for_a_start_that_takes_its_time)
{
    struct seen seen = {.start_waits = true, .start_ns = 1800 * SECOND};
    struct offline *offline = open_with(&seen, NULL, NULL);
    cr_assert(seen.started);
    cr_assert(offline_is_active(offline));
    struct server_stats stats;
    server_stats(worker_server(seen.worker), &stats);
    cr_assert_eq(stats.uptime_ns, 1800 * SECOND, "at once for us, but not for the script");
    struct offline_peer *peer = connect_to(offline);
    say(offline, peer, "hello");
    expect(peer, span_text("hello"));
    offline_close(offline);
    cr_assert_eq(seen.stopped, 1);
}

Test(offline, fails_with_the_error_of_a_start)
{
    struct seen seen = {.start_fails = true};
    fails_to_open(&seen, "it does not want to");
    cr_assert_eq(seen.stopped, 0, "it has no state");

    seen = (struct seen){.start_fails = true, .start_waits = true, .start_ns = SECOND};
    fails_to_open(&seen, "the database does not answer");
    cr_assert_eq(seen.stopped, 1);
    cr_assert_not(seen.started);
}

Test(offline, gives_up_a_start_that_does_not_end)
{
    struct seen seen = {.start_waits = true, .start_ns = 7200 * SECOND};
    fails_to_open(&seen, "within an hour");
    cr_assert_eq(seen.stopped, 1);

    seen = (struct seen){.start_waits = true};
    fails_to_open(&seen, "within an hour");
    cr_assert_eq(seen.stopped, 1);
    cr_assert_not(seen.started);
}

Test(offline, ends_an_idle_connection_exactly_in_time)
{
    struct seen seen = {.idle_answer = SCRIPT_YES};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    cr_assert(offline_advance(offline, 40 * SECOND));
    say(offline, peer, "still here");
    cr_assert(offline_advance(offline, 60 * SECOND - 1));
    cr_assert_eq(seen.idle, 0);
    cr_assert(offline_advance(offline, 1));
    cr_assert_eq(seen.idle, 1);
    cr_assert(offline_advance(offline, 60 * SECOND));
    cr_assert_eq(seen.idle, 2);
    cr_assert_not(offline_ended(peer));
    seen.idle_answer = SCRIPT_NO;
    uint64_t asked_ns = offline_now(offline);
    cr_assert(offline_advance(offline, 3600 * SECOND));
    cr_assert_eq(seen.idle, 3);
    cr_assert_str_eq(seen.reason, "idle");
    cr_assert_eq(seen.disconnected_ns, asked_ns + 60 * SECOND);
    cr_assert(offline_closed(peer));
    offline_close(offline);
}

Test(offline, flushes_before_it_closes_and_waits_for_the_clients_end)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    say(offline, peer, "bye");
    expect(peer, span_text("farewell"));
    cr_assert_str_eq(seen.reason, "asked to");
    cr_assert(offline_ended(peer));
    cr_assert_not(offline_closed(peer));
    offline_finish(peer);
    cr_assert(offline_run(offline));
    cr_assert(offline_closed(peer));
    offline_peer_free(peer);

    peer = connect_to(offline);
    say(offline, peer, "bye");
    cr_assert(offline_advance(offline, LINK_LINGER_MS * MS - 1));
    cr_assert_not(offline_closed(peer));
    cr_assert(offline_advance(offline, 1));
    cr_assert(offline_closed(peer), "it waits for no client longer than that");
    offline_close(offline);
}

Test(offline, tells_why_a_connection_ended)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, "max_packet", "1K");
    struct offline_peer *peer = connect_to(offline);
    put(peer, span_text("one"));
    offline_finish(peer);
    cr_assert(offline_run(offline));
    expect(peer, span_text("one"));
    cr_assert_str_eq(seen.reason, "eof");
    cr_assert(offline_closed(peer));

    peer = connect_to(offline);
    put(peer, span_text("two"));
    offline_reset(peer);
    cr_assert(offline_run(offline));
    cr_assert_eq(seen.received, 2);
    cr_assert_str_eq(seen.reason, "reset");
    cr_assert(offline_closed(peer));

    peer = connect_to(offline);
    say(offline, peer, "abort");
    expect_nothing(peer);
    cr_assert_str_eq(seen.reason, "script");
    cr_assert(offline_closed(peer));

    peer = connect_to(offline);
    cr_assert(offline_send(peer, span_of("\1\0\0\0", 4)));
    cr_assert(offline_run(offline));
    cr_assert_str_eq(seen.reason, "framing");
    cr_assert(offline_ended(peer));

    peer = connect_to(offline);
    cr_assert(offline_send(peer, span_of("\0\0\1\0", 4)));
    cr_assert(offline_run(offline));
    cr_assert_str_eq(seen.reason, "oversize");
    cr_assert_eq(seen.disconnected, 5);

    seen.refuses = true;
    peer = connect_to(offline);
    cr_assert(offline_ended(peer), "the script does not want it");
    cr_assert_neq(offline_peer_id(peer), 0);
    offline_close(offline);
    cr_assert_eq(seen.disconnected, 5);
    cr_assert_eq(seen.released, 6);
}

/* Whatever comes while it is closed. */
Test(offline, tells_the_first_reason_for_which_a_connection_ends)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    connect_to(offline);
    link_close(seen.link, "first");
    link_close(seen.link, "second");
    link_abort(seen.link, "third");
    cr_assert(offline_run(offline));
    cr_assert_str_eq(seen.reason, "first");

    struct offline_peer *peer = connect_to(offline);
    offline_set_deaf(peer, true);
    say(offline, peer, "not read");
    link_close(seen.link, NULL);
    cr_assert(offline_run(offline));
    offline_reset(peer);
    cr_assert(offline_run(offline));
    cr_assert_str_eq(seen.reason, "script");
    cr_assert(offline_closed(peer));
    offline_close(offline);
}

Test(offline, lets_go_of_clients_that_nobody_wants_any_more)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    offline_peer_free(peer);
    cr_assert(offline_run(offline));
    cr_assert_eq(seen.disconnected, 1);
    cr_assert_str_eq(seen.reason, "reset");

    seen.pauses = true; /* nothing is received, and the reset is seen */
    peer = connect_to(offline);
    offline_peer_free(peer);
    cr_assert(offline_run(offline));
    cr_assert_eq(seen.disconnected, 2);
    cr_assert_str_eq(seen.reason, "reset");
    offline_close(offline);
}

Test(offline, gives_a_deaf_client_up_at_the_end)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    offline_set_deaf(peer, true);
    say(offline, peer, "hello");
    cr_assert_eq(link_pending(seen.link), 9);
    uint64_t begun_ns = offline_now(offline);
    offline_close(offline);
    cr_assert_str_eq(seen.reason, "shutdown");
    cr_assert_eq(seen.disconnected_ns, begun_ns + 10 * SECOND, "the drain timeout, of its time");
}

Test(offline, ends_when_a_script_asks_for_it)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    cr_assert(offline_is_active(offline));
    say(offline, peer, "stop");
    cr_assert_str_eq(seen.reason, "shutdown");
    cr_assert(offline_ended(peer));
    cr_assert_null(offline_connect(offline, 0, NULL));
    cr_assert(offline_is_active(offline), "the client has not closed its end");
    cr_assert(offline_advance(offline, 2 * SECOND));
    cr_assert_not(offline_is_active(offline));
    cr_assert_eq(seen.stopped, 1);
    cr_assert(offline_closed(peer));
    uint64_t now_ns = offline_now(offline);
    cr_assert(offline_advance(offline, SECOND));
    cr_assert_eq(offline_now(offline), now_ns + SECOND);
    cr_assert_null(offline_connect(offline, 0, NULL));
    offline_close(offline);
    cr_assert_eq(seen.stopped, 1);
}

/* What finds no memory to be gathered in is kept in pieces, each shorter than what the codec had looked
 * through before. */
Test(offline, goes_on_with_a_line_that_had_to_be_kept_in_pieces)
{
    enum { PEERS = 6, GATHERED = 4, SIZE = 45000 };
    static uint8_t line[SIZE];
    const char *const settings[] = {"framing", "line",    "max_packet", "50000", "memory",
                                    "200K",    "workers", "1",          NULL};
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_set(&seen, settings);
    struct offline_peer *peers[PEERS];
    memset(line, 'x', sizeof line);
    for (int i = 0; i < PEERS; i++) {
        peers[i] = connect_to(offline);
        cr_assert(offline_send(peers[i], span_of(line, sizeof line)));
        cr_assert(offline_run(offline));
    }
    struct server_stats stats;
    server_stats(worker_server(seen.worker), &stats);
    cr_assert_eq(stats.starved, 1, "there was no memory for the last ones");
    for (int i = 0; i < GATHERED; i++) offline_reset(peers[i]);
    cr_assert(offline_advance(offline, SECOND));
    for (int i = GATHERED; i < PEERS; i++) {
        cr_assert(offline_send(peers[i], span_text("\n")));
        cr_assert(offline_run(offline));
        expect(peers[i], span_of(line, sizeof line));
    }
    offline_close(offline);
}
