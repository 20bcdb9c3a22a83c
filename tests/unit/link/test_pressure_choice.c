/* Who has to go when blocks or memory have run out: who keeps the most of what is wanted, and is to blame
 * for it. */
#include "offline_talk.h"

enum { PEERS = 16, BLOCK = 64 };

static struct seen noted;
static struct offline *offline;
static struct offline_peer *peers[PEERS];
static struct link *links[PEERS];
static int connected;

static void begin_framed(const char *framing, const char *blocks, const char *memory)
{
    offline = open_set(&noted, (const char *const[]){"workers", "1", "blocks", blocks, "block_size",
                                                     "64", "framing", framing, "max_packet", "64K",
                                                     "memory", memory, "idle_timeout", "0",
                                                     "soft_mark", "64K", NULL});
}

static void begin(const char *blocks, const char *memory)
{
    begin_framed("length,size=4,order=little", blocks, memory);
}

static int join(void)
{
    peers[connected] = connect_to(offline);
    links[connected] = noted.link;
    return connected++;
}

static bool is_there(int peer)
{
    return !offline_ended(peers[peer]) && !offline_closed(peers[peer]);
}

/* Its queue keeps so many blocks. */
static void hoard(int peer, int blocks)
{
    uint8_t bytes[BLOCK - 4] = {0};
    offline_set_deaf(peers[peer], true);
    for (int i = 0; i < blocks; i++) put(peers[peer], span_of(bytes, sizeof bytes));
    cr_assert(offline_run(offline));
    cr_assert_eq(link_pending(links[peer]), (size_t)blocks * BLOCK);
}

static void send_bytes(int peer, const void *bytes, size_t size)
{
    cr_assert(offline_send(peers[peer], span_of(bytes, size)));
    cr_assert(offline_run(offline));
}

/* It has begun a packet of that size and sent so much of it. */
static void begin_packet(int peer, uint32_t size, uint32_t sent)
{
    static uint8_t bytes[1 << 16];
    uint32_t declared = size + 4;
    memcpy(bytes, &declared, 4);
    send_bytes(peer, bytes, sent);
}

/* Time passes until the first has to go. */
static void await_first_end(void)
{
    int before = noted.disconnected;
    for (int i = 0; i < 1000 && noted.disconnected == before; i++)
        cr_assert(offline_advance(offline, 10 * MS));
    cr_assert_eq(noted.disconnected, before + 1, "one at a time");
}

static void expect_gone(int peer)
{
    for (int i = 0; i < connected; i++)
        cr_assert_eq(is_there(i), i != peer, "peer %d, when %d should be the one", i, peer);
}

Test(pressure, whose_queue_keeps_the_most_blocks_goes_first)
{
    begin("64", "512M");
    for (int i = 0; i < 3; i++) join();
    int asking = join();
    hoard(0, 14);
    hoard(1, 28);
    hoard(2, 15);
    say(offline, peers[asking], "is there room?");
    expect_nothing(peers[asking]);
    await_first_end();
    expect_gone(1);
    cr_assert_str_eq(noted.reason, "slow");
    cr_assert(offline_run(offline));
    expect(peers[asking], span_text("is there room?"));
    offline_close(offline);
}

Test(pressure, nobody_is_closed_for_a_queue_of_one_block_or_before_its_time)
{
    begin("64", "512M");
    int small = join(), large = join(), asking = join();
    hoard(small, 1);
    hoard(large, 56);
    say(offline, peers[asking], "is there room?");
    cr_assert(offline_advance(offline, 5000 * MS - 1));
    cr_assert_eq(noted.disconnected, 0);
    cr_assert(offline_advance(offline, 1));
    cr_assert_eq(noted.disconnected, 1);
    expect_gone(large);
    offline_close(offline);
}

/* Each keeps one block for the beginning of a packet. */
static void all_begin(void)
{
    begin("16", "512M");
    for (int i = 0; i < PEERS - 1; i++) {
        join();
        begin_packet(i, 40, 10);
    }
}

Test(pressure, who_is_paused_does_not_dawdle)
{
    enum { DAWDLER = 9 };
    all_begin();
    for (int i = 0; i < connected; i++)
        if (i != DAWDLER) link_pause(links[i]);
    say(offline, peers[join()], "is there room?");
    await_first_end();
    expect_gone(DAWDLER);
    cr_assert_str_eq(noted.reason, "memory");
    offline_close(offline);
}

/* ... nor who has begun only now, or waits for us. */
Test(pressure, who_has_begun_a_moment_ago_does_not_dawdle)
{
    enum { DAWDLER = 9 };
    all_begin();
    int asking = join();
    say(offline, peers[asking], "is there room?");
    cr_assert(offline_advance(offline, 4000 * MS));
    for (int i = 0; i < asking; i++) {
        if (i == DAWDLER) continue;
        link_hold(links[i]); /* a handler of its waits */
    }
    await_first_end();
    expect_gone(DAWDLER);
    offline_close(offline);
}

Test(pressure, whose_packet_keeps_the_most_memory_goes_first)
{
    begin("64", "200K");
    for (int i = 0; i < 3; i++) join();
    begin_packet(0, 40000, 39000);
    begin_packet(1, 60000, 59000);
    begin_packet(2, 50000, 49000);
    cr_assert(offline_advance(offline, 4000 * MS));
    int asking = join();
    begin_packet(asking, 65000, 64000);
    await_first_end();
    expect_gone(1);
    cr_assert_str_eq(noted.reason, "memory");
    offline_close(offline);
}

/* All that it has sent waits for us: what it begins behind that, it begins when we go on. */
Test(pressure, who_was_held_up_by_us_has_begun_only_now)
{
    all_begin();
    for (int i = 1; i < connected; i++) link_pause(links[i]);
    link_hold(links[0]);
    noted.silent = true;
    begin_packet(0, 40, 34); /* ends the packet that it has begun, */
    begin_packet(0, 40, 10); /* and begins another */
    int asking = join();
    say(offline, peers[asking], "is there room?");
    cr_assert(offline_advance(offline, 4900 * MS));
    link_release(links[0]);
    await_first_end();
    expect_gone(asking);
    offline_close(offline);
}

/* What lay behind the end of its packet is the beginning of another. */
Test(pressure, a_peer_that_ends_a_packet_and_begins_another_has_begun_only_now)
{
    static char line[64000];
    memset(line, 'a', sizeof line);
    begin_framed("line", "64", "200K");
    noted.silent = true;
    send_bytes(join(), line, 39000);
    for (int i = 0; i < 2; i++) {
        int paused = join();
        send_bytes(paused, line, 55000);
        link_pause(links[paused]);
    }
    int asking = join();
    send_bytes(asking, line, sizeof line);
    cr_assert(offline_advance(offline, 4000 * MS));
    send_bytes(0, "\nanother", 8);
    cr_assert_eq(counter_get(&links[0]->home->counters.packets_received), 1);
    await_first_end();
    expect_gone(asking);
    offline_close(offline);
}

/* Only when all that can be received into is kept there is no time to lose: what was kept before does not
 * count. */
Test(pressure, who_finds_no_memory_has_all_of_the_time_whatever_came_before)
{
    static uint8_t bytes[40];
    begin("64", "200K");
    int asking = join();
    for (int i = 0; i < 100; i++) say(offline, peers[asking], "another");
    offline_take(peers[asking], offline_received(peers[asking]).size);
    for (int i = 0; i < 3; i++) begin_packet(join(), 50000, 49000);
    begin_packet(asking, 65000, 64000);
    put(peers[asking], span_of(bytes, sizeof bytes));
    cr_assert(offline_advance(offline, 4999 * MS));
    cr_assert_eq(noted.disconnected, 0);
    await_first_end();
    offline_close(offline);
}

/* A queue of one block is no hoard: then the first in the line has to go. */
Test(pressure, who_has_waited_longest_goes_when_nobody_is_to_blame)
{
    begin("16", "512M");
    for (int i = 0; i < PEERS; i++) join();
    int asking = PEERS - 1;
    for (int i = 0; i < asking; i++) hoard(i, 1);
    say(offline, peers[asking], "is there room?");
    await_first_end();
    expect_gone(asking);
    cr_assert_str_eq(noted.reason, "memory");
    offline_close(offline);
}

Test(pressure, who_begins_while_others_wait_for_memory_does_not_dawdle_yet)
{
    begin("64", "200K");
    for (int i = 0; i < 3; i++) {
        begin_packet(join(), 50000, 48000);
        link_pause(links[i]);
    }
    int asking = join(), late = join();
    begin_packet(asking, 65000, 64000);
    cr_assert(offline_advance(offline, 4000 * MS));
    begin_packet(late, 200, 150);
    await_first_end();
    expect_gone(asking);
    offline_close(offline);
}

/* Blocks run out and come back. */
static void run_short(int hoarder, int asking)
{
    hoard(hoarder, 57);
    say(offline, peers[asking], "is there room?");
    cr_assert_eq(offline_received(peers[asking]).size, 0);
    offline_set_deaf(peers[hoarder], false);
    cr_assert(offline_run(offline));
    expect(peers[asking], span_text("is there room?"));
}

Test(pressure, many_shortages_in_a_second_are_one)
{
    begin("64", "512M");
    int hoarder = join(), asking = join();
    const counter *starved = &links[hoarder]->home->counters.starved;
    for (int i = 0; i < 5; i++) {
        run_short(hoarder, asking);
        cr_assert_eq(counter_get(starved), 1);
        cr_assert(offline_advance(offline, 900 * MS));
    }
    cr_assert(offline_advance(offline, 1200 * MS));
    run_short(hoarder, asking);
    cr_assert_eq(counter_get(starved), 2);
    offline_close(offline);
}

/* A packet for which there was no memory, and whose end will never come, keeps what it has from nobody. */
Test(pressure, a_peer_that_leaves_an_unfinished_packet_without_memory_for_it_ends_at_once)
{
    begin("64", "200K");
    for (int i = 0; i < 3; i++) begin_packet(join(), 50000, 48000);
    int leaves = join();
    begin_packet(leaves, 65000, 64000);
    cr_assert(links[leaves]->gates & GATE_STARVED);
    offline_finish(peers[leaves]);
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.disconnected, 1);
    cr_assert_str_eq(noted.reason, "eof");
    cr_assert_eq(links[leaves]->stream.inbox.gather.capacity, 0);
    offline_close(offline);
}

/* ... but a whole packet is handed on when there is memory. */
Test(pressure, a_peer_that_leaves_a_whole_packet_without_memory_for_it_is_heard)
{
    static const char rest[1004];
    begin("64", "200K");
    for (int i = 0; i < 3; i++) begin_packet(join(), 50000, 48000);
    int leaves = join();
    begin_packet(leaves, 65000, 64000);
    send_bytes(leaves, rest, sizeof rest);
    offline_finish(peers[leaves]);
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.disconnected, 0);
    cr_assert(links[leaves]->gates & GATE_STARVED);
    for (int i = 0; i < 3; i++) offline_reset(peers[i]);
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.disconnected, 4);
    cr_assert_eq(counter_get(&links[leaves]->home->counters.packets_received), 1);
    offline_close(offline);
}
