/* What is queued for a connection is offered to its peer before anything is made of that. */
#include "link_desk.h"

/* ---- the hard mark ---- */

enum { MARK = 4096 };

#define AT_4K "max_packet", "1K", "soft_mark", "2K", "hard_mark", "4K", "workers", "1"

static const char *const close_at_4k[] = {AT_4K, NULL};
static const char *const refuse_at_4k[] = {AT_4K, "on_full", "refuse", NULL};

static void send_many(struct link *link)
{
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(link_send(link, packet_of(SIZE)), SEND_OK, "packet %d", i);
        cr_assert(link_pending(link) <= MARK);
    }
}

static void sends_all_of_it(const char *const *settings, void (*on_packet)(struct link *link))
{
    struct offline *offline = desk_open(settings);
    struct offline_peer *peer = connect_to(offline);
    desk.on_packet = on_packet;
    say(offline, peer, "?");
    cr_assert_eq(offline_received(peer).size, MANY * FRAMED);
    cr_assert_eq(desk.disconnected, 0);
    cr_assert_eq(desk.drained, 1, "its queue was long");
    say(offline, peer, "?");
    cr_assert_eq(desk.received, 2, "it is listened to");
    cr_assert_eq(offline_received(peer).size, 2 * MANY * FRAMED);
    offline_close(offline);
}

Test(link_output, who_reads_is_sent_more_than_the_hard_mark_in_one_turn)
{
    sends_all_of_it(close_at_4k, send_many);
}

Test(link_output, who_reads_is_refused_nothing)
{
    sends_all_of_it(refuse_at_4k, send_many);
}

static void say_much_to_all(struct link *link)
{
    size_t count;
    (void)link;
    for (int i = 0; i < MANY; i++) {
        cr_assert_eq(worker_broadcast(desk.worker, packet_of(SIZE), PACKET_PLAIN, NULL, &count),
                     SEND_OK);
        cr_assert_eq(count, (size_t)desk.connected, "packet %d", i);
    }
}

Test(link_output, who_reads_hears_all_that_is_said_to_all)
{
    sends_all_of_it(close_at_4k, say_much_to_all);
}

static int sent;
static enum send_result last_result;

/* It does not end before it is refused. */
static void fill(struct link *link)
{
    for (sent = 0; (last_result = link_send(link, packet_of(SIZE))) == SEND_OK; sent++)
        cr_assert(sent < MANY);
}

Test(link_output, who_takes_nothing_is_closed_at_the_hard_mark)
{
    struct offline *offline = desk_open(close_at_4k);
    struct offline_peer *peer = connect_to(offline);
    desk.on_packet = fill;
    offline_set_deaf(peer, true);
    say(offline, peer, "?");
    cr_assert_eq(sent, MARK / FRAMED);
    cr_assert_eq(last_result, SEND_FULL);
    cr_assert_str_eq(desk.reason, "slow");
    offline_close(offline);
}

Test(link_output, what_has_room_counts_before_the_hard_mark)
{
    enum { ROOM = 7 * FRAMED + 10 };
    struct offline *offline = desk_open(refuse_at_4k);
    struct offline_peer *peer = connect_to(offline);
    desk.on_packet = fill;
    offline_set_room(peer, ROOM);
    say(offline, peer, "?");
    cr_assert_eq(sent, (ROOM + MARK) / FRAMED, "what it took, and what may wait");
    cr_assert_eq(last_result, SEND_FULL);
    cr_assert_eq(offline_received(peer).size, ROOM);
    cr_assert_eq(link_pending(desk.links[0]), (size_t)sent * FRAMED - ROOM);
    cr_assert_eq(desk.drained, 0);
    offline_set_room(peer, SIZE_MAX);
    cr_assert(offline_run(offline));
    cr_assert_eq(offline_received(peer).size, (size_t)sent * FRAMED);
    cr_assert_eq(desk.drained, 1);
    cr_assert_eq(desk.disconnected, 0);
    offline_close(offline);
}

/* What is in flight is judged, however much was taken before. */
Test(link_output, who_has_stopped_reading_is_closed_at_the_hard_mark)
{
    struct offline *offline = desk_open(close_at_4k);
    struct offline_peer *peer = connect_to(offline);
    desk.on_packet = send_many;
    say(offline, peer, "?");
    offline_set_deaf(peer, true);
    desk.on_packet = fill;
    say(offline, peer, "?");
    cr_assert_eq(sent, MARK / FRAMED);
    cr_assert_str_eq(desk.reason, "slow");
    offline_close(offline);
}

static void fill_first(struct link *link)
{
    (void)link;
    fill(desk.links[0]);
    cr_assert_not(link_is_open(desk.links[0]));
}

/* It is paused, so that nobody has heard of its reset yet. */
Test(link_output, who_is_found_gone_meanwhile_is_not_said_to_be_slow)
{
    struct offline *offline = desk_open(close_at_4k);
    struct offline_peer *gone = connect_to(offline), *peer = connect_to(offline);
    link_pause(desk.links[0]);
    cr_assert(offline_run(offline));
    offline_reset(gone);
    desk.on_packet = fill_first;
    say(offline, peer, "?");
    cr_assert_eq(last_result, SEND_CLOSED);
    cr_assert_eq(desk.disconnected, 1);
    cr_assert_str_eq(desk.reason, "reset");
    offline_close(offline);
}

/* ---- memory ---- */

#define LITTLE_MEMORY "max_packet", "150000", "memory", "400K", "soft_mark", "2K", "workers", "1"

static const char *const little_memory[] = {LITTLE_MEMORY, NULL};
static const char *const refuse_with_little_memory[] = {LITTLE_MEMORY, "on_full", "refuse", NULL};

static void send_large(struct link *link)
{
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(link_send(link, packet_of(LARGEST)), SEND_OK, "packet %d", i);
}

Test(link_output, what_waits_to_be_sent_makes_room_for_the_next_packet)
{
    struct offline *offline = desk_open(little_memory);
    struct offline_peer *peer = connect_to(offline);
    desk.on_packet = send_large;
    say(offline, peer, "?");
    cr_assert_eq(desk.disconnected, 0, "%s", desk.reason);
    cr_assert_eq(offline_received(peer).size, MANY * (HEADER + LARGEST));
    offline_close(offline);
}

/* Its queue was long, so that on_drain is owed; then a packet finds no memory although all has been sent. */
static void send_too_much(struct link *link)
{
    for (int i = 0; i < 3; i++) cr_assert_eq(link_send(link, packet_of(SIZE)), SEND_OK);
    last_result = link_send(link, packet_of(LARGEST));
}

static void take_memory(struct link *link)
{
    for (int i = 0; i < 2; i++) cr_assert_eq(link_send(link, packet_of(LARGEST)), SEND_OK);
}

Test(link_output, who_was_refused_with_nothing_queued_is_heard_again)
{
    struct offline *offline = desk_open(refuse_with_little_memory);
    struct offline_peer *peer = connect_to(offline), *deaf = connect_to(offline);
    offline_set_deaf(deaf, true);
    desk.on_packet = take_memory;
    say(offline, deaf, "?");
    desk.on_packet = send_too_much;
    say(offline, peer, "?");
    cr_assert_eq(last_result, SEND_NO_MEMORY);
    cr_assert_eq(offline_received(peer).size, 3 * FRAMED);
    cr_assert_eq(desk.drained, 1);
    desk.on_packet = NULL;
    say(offline, peer, "?");
    cr_assert_eq(desk.received, 3);
    offline_close(offline);
}

/* ---- time ---- */

/* The script's timer is due when it has been silent for its limit, and fires first. */
Test(link_output, who_has_just_been_sent_much_has_not_read_nothing_for_long)
{
    struct offline *offline = desk_open((const char *const[]){"soft_mark", "2K", NULL});
    desk.on_timer = say_much_to_the_first;
    worker_timer_start(desk.worker, &desk.timer, 60 * SECOND);
    struct offline_peer *peer = connect_to(offline);
    desk.keeps_idle = true;
    cr_assert(offline_advance(offline, 60 * SECOND));
    cr_assert_eq(desk.disconnected, 0, "%s", desk.reason);
    cr_assert_eq(offline_received(peer).size, MANY * FRAMED);
    offline_set_deaf(peer, true);
    worker_timer_start(desk.worker, &desk.timer, SECOND);
    cr_assert(offline_advance(offline, 61 * SECOND - 1));
    cr_assert_eq(desk.disconnected, 0, "%s", desk.reason);
    cr_assert(offline_advance(offline, 60 * SECOND));
    cr_assert_str_eq(desk.reason, "slow");
    offline_close(offline);
}

static void answer_and_close(struct link *link)
{
    cr_assert_eq(link_send(link, packet_of(SIZE)), SEND_OK);
    link_close(link, NULL);
}

Test(link_output, without_time_to_drain_what_is_queued_is_still_offered)
{
    struct offline *offline = desk_open((const char *const[]){"drain_timeout", "0", NULL});
    struct offline_peer *peer = connect_to(offline);
    desk.on_packet = answer_and_close;
    say(offline, peer, "?");
    cr_assert_eq(offline_received(peer).size, FRAMED);
    cr_assert_str_eq(desk.reason, "script");
    offline_close(offline);
}

/* ---- what is said to many ---- */

Test(link_output, what_is_said_to_all_is_said_when_one_hears_it)
{
    size_t count;
    struct offline *offline = desk_open(refuse_at_4k);
    struct offline_peer *full = connect_to(offline), *other = connect_to(offline);
    offline_set_deaf(full, true);
    offline_set_deaf(other, true);
    fill(desk.links[0]);
    cr_assert_eq(worker_broadcast(desk.worker, packet_of(SIZE), PACKET_PLAIN, NULL, &count),
                 SEND_OK);
    cr_assert_eq(count, 1);
    fill(desk.links[1]);
    cr_assert_eq(worker_broadcast(desk.worker, packet_of(SIZE), PACKET_PLAIN, NULL, &count),
                 SEND_FULL);
    cr_assert_eq(count, 0);
    offline_close(offline);
}

/* Its queue is still flushed; for scripts it has gone. */
Test(link_output, who_is_closing_is_found_by_nobody)
{
    struct offline *offline = desk_open(close_at_4k);
    struct offline_peer *peer = connect_to(offline);
    struct link *link = desk.links[0];
    offline_set_deaf(peer, true);
    cr_assert_eq(link_send(link, packet_of(SIZE)), SEND_OK);
    cr_assert_eq(worker_find(desk.worker, link_id(link)), link);
    cr_assert_eq(worker_next(desk.worker, NULL), link);
    link_close(link, NULL);
    cr_assert_null(worker_find(desk.worker, link_id(link)));
    cr_assert_null(worker_next(desk.worker, NULL));
    offline_set_deaf(peer, false);
    cr_assert(offline_run(offline));
    cr_assert_eq(offline_received(peer).size, FRAMED);
    offline_close(offline);
}
