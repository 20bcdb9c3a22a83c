/* Who has to go when blocks run out: it was offered something, and has not read it. */
#include "link_desk.h"

enum { BLOCKS = 32, BLOCK = 1024 };

static void take_most_blocks(struct link *link)
{
    for (int i = 0; i < BLOCKS - 2; i++)
        cr_assert_eq(link_send(link, packet_of(BLOCK - HEADER)), SEND_OK);
}

static const char *const few_blocks[] = {
    "blocks", "32", "block_size", "1024", "workers", "1", "max_connections", "4", NULL};

/* One keeps most of them, the other waits for some. */
static void run_out_of_blocks(struct offline *offline, struct offline_peer *keeps,
                              struct offline_peer *waits, size_t room)
{
    offline_set_room(keeps, room);
    desk.on_packet = take_most_blocks;
    say(offline, keeps, "?");
    desk.on_packet = NULL;
    say(offline, waits, "?");
    cr_assert_eq(desk.received, 1, "there are no blocks for an answer");
}

static void has_ended_slow(const struct link *link)
{
    cr_assert_eq(desk.disconnected, 1);
    cr_assert_eq(desk.ended, link);
    cr_assert_str_eq(desk.reason, "slow");
    cr_assert_eq(desk.received, 2, "who has waited is heard");
}

/* Those who wait for blocks have lost their patience by then. */
Test(pressure, who_was_offered_nothing_does_not_keep_others_from_their_blocks)
{
    struct offline *offline = desk_open(few_blocks);
    struct offline_peer *reads = connect_to(offline), *keeps = connect_to(offline);
    run_out_of_blocks(offline, keeps, connect_to(offline), 0);
    desk.on_timer = say_much_to_the_first;
    worker_timer_start(desk.worker, &desk.timer, 5 * SECOND);
    cr_assert(offline_advance(offline, 6 * SECOND));
    cr_assert_eq(offline_received(reads).size, MANY * FRAMED);
    has_ended_slow(desk.links[1]);
    offline_close(offline);
}

static struct offline_peer *trickles;

static void take_a_little(void)
{
    offline_take(trickles, 10);
}

/* It has taken something in the turn in which patience ends. */
Test(pressure, who_takes_a_little_now_and_then_keeps_others_from_their_blocks)
{
    struct offline *offline = desk_open(few_blocks);
    trickles = connect_to(offline);
    run_out_of_blocks(offline, trickles, connect_to(offline), 100);
    desk.on_timer = take_a_little;
    worker_timer_start(desk.worker, &desk.timer, 5 * SECOND);
    cr_assert(offline_advance(offline, 5 * SECOND));
    has_ended_slow(desk.links[0]);
    offline_close(offline);
}

static void take_some_blocks(void)
{
    offline_set_room(trickles, 12 * BLOCK);
}

static void send_much_to_the_first(struct link *link)
{
    (void)link;
    say_much_to_the_first();
}

/* One of two goes on with the blocks that come back, and takes them for somebody who reads. */
Test(pressure, who_is_about_to_be_offered_something_is_not_said_to_keep_it)
{
    struct offline *offline = desk_open(few_blocks);
    struct offline_peer *reads = connect_to(offline);
    trickles = connect_to(offline);
    struct offline_peer *waits = connect_to(offline), *waits_too = connect_to(offline);
    run_out_of_blocks(offline, trickles, waits, 0);
    say(offline, waits_too, "?");
    desk.on_packet = send_much_to_the_first;
    desk.on_timer = take_some_blocks;
    worker_timer_start(desk.worker, &desk.timer, 5 * SECOND);
    cr_assert(offline_advance(offline, 5 * SECOND));
    cr_assert_eq(desk.disconnected, 1);
    cr_assert_eq(desk.ended, desk.links[1]);
    cr_assert_str_eq(desk.reason, "slow");
    cr_assert_eq(desk.received, 3);
    cr_assert_eq(offline_received(reads).size, 2 * MANY * FRAMED);
    offline_close(offline);
}
