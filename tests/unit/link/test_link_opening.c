/* A connection whose filter shakes hands: the script knows nothing of it, and it has its time. */
#include "offline_talk.h"
#include "veil.h"

static struct seen noted;
static struct veil_source veils;
static struct offline *offline;

static void begin(const char *const *settings)
{
    veil_source_init(&veils, 11);
    offline = open_filtered(&noted, settings, &veils.source);
}

static void begin_plainly(void)
{
    begin((const char *const[]){"framing", "line", NULL});
}

static void send_record(struct offline_peer *peer, enum veil_type type, struct span payload)
{
    uint8_t record[VEIL_RECORD_MAX];
    cr_assert(offline_send(peer, span_of(record, veil_record(record, type, payload))));
}

static void say_hello(struct offline_peer *peer, uint8_t round, uint8_t rounds, uint8_t flags)
{
    const uint8_t hello[] = {round, rounds, flags};
    send_record(peer, VEIL_HELLO, span_of(hello, sizeof hello));
    cr_assert(offline_run(offline));
}

static void send_covered(struct offline_peer *peer, const char *text)
{
    uint8_t record[VEIL_RECORD_MAX];
    size_t size = veil_cover(record, span_text(text), true);
    cr_assert(offline_send(peer, span_of(record, size)));
    cr_assert(offline_run(offline));
}

/* The type of the first record that the server has sent; takes them all. */
static uint8_t first_record(struct offline_peer *peer)
{
    struct span bytes = offline_received(peer);
    uint8_t type = bytes.size == 0 ? 0 : bytes.data[0];
    offline_take(peer, bytes.size);
    return type;
}

Test(link_opening, the_script_is_told_when_it_is_open)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    cr_assert_eq(noted.connected, 0);
    say_hello(peer, 1, 2, 0);
    cr_assert_eq(first_record(peer), VEIL_ANSWER);
    cr_assert_eq(noted.connected, 0);
    say_hello(peer, 2, 2, 0);
    cr_assert_eq(noted.connected, 1);
    send_covered(peer, "hello\n");
    cr_assert_eq(noted.received, 1);
    offline_finish(peer);
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.disconnected, 1);
    cr_assert_eq(noted.released, 1);
    offline_close(offline);
}

Test(link_opening, packets_behind_the_last_hello_are_handed_on)
{
    const uint8_t hello[] = {1, 1, 0};
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    send_record(peer, VEIL_HELLO, span_of(hello, sizeof hello));
    send_covered(peer, "one\ntwo\nthr");
    cr_assert_eq(noted.received, 2);
    send_covered(peer, "ee\n");
    cr_assert_eq(noted.received, 3);
    offline_close(offline);
}

Test(link_opening, a_handshake_has_its_time_and_no_more)
{
    begin_plainly();
    struct offline_peer *slow = connect_to(offline), *peer = connect_to(offline);
    say_hello(slow, 1, 2, 0);
    say_hello(peer, 1, 1, 0);
    send_covered(peer, "stays\n");
    cr_assert(offline_advance(offline, 9900 * MS));
    cr_assert_not(offline_closed(slow));
    cr_assert(offline_advance(offline, 200 * MS));
    cr_assert(offline_closed(slow));
    cr_assert_not(offline_closed(peer));
    cr_assert_eq(noted.connected, 1);
    cr_assert_eq(noted.disconnected, 0);
    cr_assert_eq(noted.released, 0, "the script has never heard of it");
    offline_close(offline);
}

Test(link_opening, whoever_is_refused_is_told_so_and_the_script_is_not)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    say_hello(peer, 1, 1, VEIL_TURN_AWAY);
    cr_assert_eq(first_record(peer), VEIL_REFUSAL);
    cr_assert(offline_ended(peer));
    offline_finish(peer);
    cr_assert(offline_run(offline));
    cr_assert(offline_closed(peer));
    cr_assert_eq(noted.connected, 0);
    offline_close(offline);
}

Test(link_opening, whoever_leaves_meanwhile_has_gone)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline), *other = connect_to(offline);
    say_hello(peer, 1, 2, 0);
    offline_finish(peer);
    offline_reset(other);
    cr_assert(offline_run(offline));
    cr_assert(offline_closed(peer));
    cr_assert(offline_closed(other));
    cr_assert_eq(noted.connected, 0);
    offline_close(offline);
}

Test(link_opening, an_end_of_the_server_ends_it)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    say_hello(peer, 1, 2, 0);
    server_drain(worker_server(noted.worker));
    cr_assert(offline_run(offline));
    cr_assert(offline_ended(peer));
    cr_assert_eq(noted.disconnected, 0);
    offline_close(offline);
}

Test(link_opening, bytes_that_break_the_rules_end_an_open_one)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    say_hello(peer, 1, 1, 0);
    first_record(peer);
    send_record(peer, (enum veil_type)'?', span_text("?"));
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.disconnected, 1);
    cr_assert_str_eq(noted.reason, "framing");
    cr_assert_eq(first_record(peer), VEIL_REFUSAL);
    offline_close(offline);
}

Test(link_opening, what_a_filter_answers_by_itself_goes_out)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    say_hello(peer, 1, 1, 0);
    first_record(peer);
    send_record(peer, VEIL_QUESTION, (struct span){NULL, 0});
    cr_assert(offline_run(offline));
    cr_assert_eq(first_record(peer), VEIL_PADDING);
    cr_assert_eq(noted.received, 0);
    link_pause(noted.link);
    cr_assert(offline_run(offline));
    offline_close(offline);
}

Test(link_opening, a_farewell_is_the_end)
{
    begin_plainly();
    struct offline_peer *peer = connect_to(offline);
    say_hello(peer, 1, 1, 0);
    send_covered(peer, "last\nunfinished");
    send_record(peer, VEIL_FAREWELL, (struct span){NULL, 0});
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.received, 1);
    cr_assert_eq(noted.disconnected, 1);
    cr_assert_str_eq(noted.reason, "eof");
    offline_close(offline);
}

/* ---- pressure ---- */

enum { HOARD = 5000 };

static struct link *join(struct offline_peer **peer, uint8_t flags)
{
    *peer = connect_to(offline);
    say_hello(*peer, 1, 1, flags);
    offline_take(*peer, offline_received(*peer).size);
    return noted.link;
}

static void queue(struct link *link, struct offline_peer *peer, size_t size)
{
    static const char bytes[HOARD];
    offline_set_deaf(peer, true);
    for (; size >= 60; size -= 60) cr_assert_eq(link_send(link, span_of(bytes, 60)), SEND_OK);
    cr_assert(offline_run(offline));
}

/* Both keep as many blocks unread, but of the one all are sealed. */
Test(link_opening, what_is_sealed_and_unread_is_seen_under_pressure)
{
    struct offline_peer *veiled, *plain, *asking;
    begin((const char *const[]){"workers", "1", "blocks", "64", "block_size", "64", "idle_timeout",
                                "0", "soft_mark", "64K", NULL});
    struct link *sealed = join(&veiled, 0), *other = join(&plain, VEIL_LIFT);
    join(&asking, VEIL_LIFT);
    queue(sealed, veiled, 5 * 60);
    queue(other, plain, 58 * 60);
    cr_assert(list_empty(&sealed->stream.outbox.blocks));
    put(asking, span_text("is there room?"));
    cr_assert(offline_run(offline));
    for (int i = 0; i < 700 && noted.disconnected == 0; i++)
        cr_assert(offline_advance(offline, 10 * MS));
    cr_assert_eq(noted.disconnected, 1);
    cr_assert(offline_closed(veiled), "a large block is many");
    offline_close(offline);
}

enum { BLOCKS = 64, TAKEN_MAX = BLOCKS + 8 };

static struct block *taken[TAKEN_MAX];
static int taken_count;

/* None is left, nor any memory. */
static void use_all_up(struct link_home *home)
{
    struct block *block;
    taken_count = 0;
    home->streams.budget.limit = 0;
    while ((block = block_take(&home->streams.blocks)) != NULL) taken[taken_count++] = block;
    while ((block = block_take(&home->streams.large)) != NULL) taken[taken_count++] = block;
}

static void give_back(struct link_home *home)
{
    while (taken_count > 0) block_give(taken[--taken_count]);
    home->streams.budget.limit = 1 << 20;
}

static struct link *begin_unsealed(struct offline_peer **peer)
{
    begin((const char *const[]){"workers", "1", "blocks", "64", "block_size", "64", "idle_timeout",
                                "0", NULL});
    struct link *link = join(peer, 0);
    cr_assert_eq(link_send(link, span_text("sealed later")), SEND_OK);
    use_all_up(link->home);
    cr_assert(offline_run(offline));
    cr_assert_eq(link_pending(link), 16);
    expect_nothing(*peer);
    return link;
}

Test(link_opening, what_found_no_memory_to_be_sealed_goes_out_when_there_is_some)
{
    struct offline_peer *peer;
    struct link *link = begin_unsealed(&peer);
    cr_assert(offline_advance(offline, 1000 * MS));
    give_back(link->home);
    cr_assert(offline_advance(offline, 100 * MS));
    cr_assert_eq(link_pending(link), 0);
    cr_assert(offline_received(peer).size > 0);
    cr_assert(offline_advance(offline, 3000 * MS));
    /* another time begins anew */
    cr_assert_eq(link_send(link, span_text("sealed later")), SEND_OK);
    use_all_up(link->home);
    cr_assert(offline_advance(offline, 4900 * MS));
    cr_assert_eq(noted.disconnected, 0);
    give_back(link->home);
    offline_close(offline);
}

Test(link_opening, whoever_can_seal_nothing_has_to_go_when_nobody_is_to_blame)
{
    struct offline_peer *peer;
    struct link *link = begin_unsealed(&peer);
    cr_assert(offline_advance(offline, 4900 * MS));
    cr_assert_eq(noted.disconnected, 0);
    cr_assert(offline_advance(offline, 300 * MS));
    cr_assert_eq(noted.disconnected, 1);
    cr_assert_str_eq(noted.reason, "memory");
    give_back(link->home);
    offline_close(offline);
}

/* It has begun a record long ago, and holds nothing else. */
Test(link_opening, what_a_filter_holds_inside_is_seen_under_pressure)
{
    static uint8_t packet[65000];
    struct offline_peer *veiled, *asking;
    begin((const char *const[]){"blocks", "64", "block_size", "64", "memory", "200K", "max_packet",
                                "64K", "workers", "1", "idle_timeout", "0", NULL});
    join(&veiled, 0);
    cr_assert(offline_send(veiled, span_of("M\100\0half of it", 13)));
    cr_assert(offline_run(offline));
    struct link *link = join(&asking, VEIL_LIFT);
    link->home->streams.budget.limit = 20000;
    uint32_t declared = sizeof packet;
    memcpy(packet, &declared, 4);
    cr_assert(offline_send(asking, span_of(packet, sizeof packet - 1)));
    for (int i = 0; i < 700 && noted.disconnected == 0; i++)
        cr_assert(offline_advance(offline, 10 * MS));
    cr_assert_eq(noted.disconnected, 1);
    cr_assert(offline_closed(veiled));
    cr_assert_not(offline_closed(asking));
    offline_close(offline);
}
