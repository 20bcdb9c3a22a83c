/* Handshakes of a filter: what is agreed on in them decides the framing, and only so many go on at once. */
#include "server/worker.h"
#include "veil.h"
#include "websocket_desk.h"

static struct veil_source veils;

static void begin(const char *framing, const char *alpn, const char *at_once)
{
    veil_source_init(&veils, 11);
    desk.filter = &veils.source;
    desk.alpn = alpn;
    desk_open((const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8",
                                    "opening_timeout", "10", "handshakes_at_once", at_once, NULL},
              (const char *const[]){framing, NULL});
}

static void say_hello(struct offline_peer *peer, uint8_t round, uint8_t rounds, uint8_t flags)
{
    const uint8_t hello[] = {round, rounds, flags};
    uint8_t record[VEIL_RECORD_MAX];
    tell_bytes(peer,
               span_of(record, veil_record(record, VEIL_HELLO, span_of(hello, sizeof hello))));
}

static void tell_covered(struct offline_peer *peer, const char *text)
{
    for (struct span rest = span_text(text); rest.size > 0;) {
        uint8_t record[VEIL_RECORD_MAX];
        struct span part = span_first(rest, 100);
        tell_bytes(peer, span_of(record, veil_cover(record, part, true)));
        rest = span_skip(rest, part.size);
    }
}

/* How many records of this type have come from the server; takes them all. */
static int heard(struct offline_peer *peer, enum veil_type type)
{
    struct span bytes = offline_received(peer);
    int count = 0;
    for (struct span rest = bytes; rest.size >= VEIL_HEAD;) {
        count += rest.data[0] == type;
        rest = span_skip(rest, VEIL_HEAD + rest.data[1] + 256u * rest.data[2]);
    }
    offline_take(peer, bytes.size);
    return count;
}

/* ---- protocols ---- */

static void agrees_on_line(const char *framing)
{
    begin(framing, "game/1=line;http/1.1=websocket", "8");
    struct offline_peer *game = desk_connect(0);
    say_hello(game, 1, 1, VEIL_GAME);
    cr_assert_eq(desk.connected, 1);
    tell_covered(game, "one\ntwo\n");
    saw("-:one -:two");
    desk_end();
}

Test(link_shake, a_protocol_has_its_framing)
{
    agrees_on_line("fixed,size=3");
}

Test(link_shake, in_place_of_a_websocket)
{
    agrees_on_line("websocket");
}

Test(link_shake, in_place_of_two_to_choose_from)
{
    agrees_on_line("websocket;raw");
}

Test(link_shake, a_protocol_may_be_a_websocket)
{
    begin("line", "game/1=raw;http/1.1=websocket", "8");
    struct offline_peer *web = desk_connect(0);
    say_hello(web, 1, 1, VEIL_WEB);
    cr_assert_eq(desk.connected, 0, "it asks for something first");
    tell_covered(web, REQUEST);
    cr_assert_eq(desk.connected, 1);
    struct ws_text text;
    uint8_t record[VEIL_RECORD_MAX];
    ws_write(&text, "t:one");
    tell_bytes(web, span_of(record, veil_cover(record, span_of(text.bytes, text.size), false)));
    saw("t:one");
    desk_end();
}

Test(link_shake, without_a_protocol_or_with_another_it_is_the_listeners)
{
    begin("line", "http/1.1=websocket", "8");
    struct offline_peer *none = desk_connect(0), *game = desk_connect(0);
    say_hello(none, 1, 1, 0);
    tell_covered(none, "one\n");
    say_hello(game, 1, 1, VEIL_GAME);
    tell_covered(game, "two\n");
    saw("-:one -:two");
    desk_end();
}

/* What has come with the last of the handshake is cut as it was agreed. */
Test(link_shake, bytes_behind_the_handshake_have_the_new_framing)
{
    static const uint8_t hello[] = {1, 1, VEIL_GAME};
    uint8_t records[2 * VEIL_RECORD_MAX];
    begin("fixed,size=3", "game/1=line", "8");
    struct offline_peer *game = desk_connect(0);
    size_t size = veil_record(records, VEIL_HELLO, span_of(hello, sizeof hello));
    size += veil_cover(records + size, span_text("one\ntwo\nthr"), true);
    tell_bytes(game, span_of(records, size));
    saw("-:one -:two");
    desk_end();
}

/* ---- at once ---- */

Test(link_shake, others_wait_until_a_handshake_has_ended)
{
    begin("line", NULL, "2");
    struct offline_peer *peers[5];
    for (int i = 0; i < 5; i++) peers[i] = desk_connect(0);
    for (int i = 0; i < 5; i++) say_hello(peers[i], 1, 2, 0);
    cr_assert_eq(heard(peers[0], VEIL_ANSWER), 1);
    cr_assert_eq(heard(peers[1], VEIL_ANSWER), 1);
    cr_assert_eq(heard(peers[2], VEIL_ANSWER), 0);
    say_hello(peers[0], 2, 2, 0);
    cr_assert_eq(desk.connected, 1);
    cr_assert_eq(heard(peers[2], VEIL_ANSWER), 1, "who waits longest is next");
    cr_assert_eq(heard(peers[3], VEIL_ANSWER), 0);
    offline_reset(peers[1]);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(heard(peers[3], VEIL_ANSWER), 1);
    say_hello(peers[2], 2, 2, VEIL_TURN_AWAY);
    offline_finish(peers[2]);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(heard(peers[4], VEIL_ANSWER), 1);
    say_hello(peers[3], 2, 2, 0);
    say_hello(peers[4], 2, 2, 0);
    cr_assert_eq(desk.connected, 3);
    tell_covered(peers[4], "hello\n");
    saw("-:hello");
    cr_assert_eq(desk_home()->shaking, 0);
    cr_assert(list_empty(&desk_home()->queued));
    desk_end();
}

Test(link_shake, who_has_said_nothing_takes_no_place)
{
    begin("line", NULL, "1");
    struct offline_peer *silent = desk_connect(0), *peer = desk_connect(0);
    say_hello(peer, 1, 1, 0);
    cr_assert_eq(desk.connected, 1);
    say_hello(silent, 1, 1, 0);
    cr_assert_eq(desk.connected, 2);
    desk_end();
}

Test(link_shake, a_filter_that_removes_itself_frees_its_place)
{
    begin("line", NULL, "1");
    struct offline_peer *lifts = desk_connect(0), *peer = desk_connect(0);
    say_hello(lifts, 1, 1, VEIL_LIFT);
    say_hello(peer, 1, 1, 0);
    cr_assert_eq(desk.connected, 2);
    cr_assert_eq(desk_home()->shaking, 0);
    desk_end();
}

Test(link_shake, who_waits_has_its_time_and_no_more)
{
    begin("line", NULL, "1");
    struct offline_peer *slow = desk_connect(0);
    say_hello(slow, 1, 2, 0);
    cr_assert(offline_advance(desk.offline, 5 * SECOND));
    struct offline_peer *waits = desk_connect(0);
    say_hello(waits, 1, 1, 0);
    cr_assert_eq(desk.connected, 0);
    cr_assert(offline_advance(desk.offline, 5100 * MS));
    cr_assert(offline_closed(slow));
    cr_assert_eq(desk.connected, 1, "its place is free");
    struct offline_peer *first = desk_connect(0), *second = desk_connect(0);
    say_hello(first, 1, 2, 0);
    say_hello(second, 1, 1, 0);
    cr_assert(offline_advance(desk.offline, 10100 * MS));
    cr_assert(offline_closed(first));
    cr_assert(offline_closed(second));
    cr_assert_eq(desk.connected, 1);
    cr_assert_eq(desk_home()->shaking, 0);
    cr_assert(list_empty(&desk_home()->queued));
    desk_end();
}

Test(link_shake, more_places_let_more_in)
{
    begin("line", NULL, "1");
    struct offline_peer *slow = desk_connect(0), *waits = desk_connect(0), *open = desk_connect(0);
    say_hello(open, 1, 1, 0);
    struct link_home *home = desk_home();
    say_hello(slow, 1, 2, 0);
    say_hello(waits, 1, 1, 0);
    cr_assert_eq(desk.connected, 1);
    struct link_limits limits = home->limits;
    limits.handshakes = 2;
    worker_set_limits(desk.worker, &limits, home->streams.budget.limit);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(desk.connected, 2);
    desk_end();
}

/* ---- in a turn ---- */

static const struct filter_kind *veil_kind;
static struct filter_kind slow_kind;
static int steps, steps_before_packet;

/* A step takes 0.3 ms. */
static struct filter_step take_slowly(struct filter *filter, struct span wire, uint8_t *room,
                                      size_t size)
{
    uint64_t now_ns = offline_now(desk.offline) + 3 * MS / 10;
    port_memory_set_clock(desk.worker->control, now_ns);
    port_memory_set_clock(desk.worker->home.streams.port, now_ns);
    desk.worker->home.streams.port->now_ns = now_ns; /* within a turn, too */
    if (filter->state == FILTER_OPENING) steps++;
    return veil_kind->take(filter, wire, room, size);
}

static struct filter *open_slow(const struct filter_source *source, struct budget *budget)
{
    (void)source;
    struct filter *filter = veils.source.open(&veils.source, budget);
    veil_kind = filter->kind;
    slow_kind = *veil_kind;
    slow_kind.take = take_slowly;
    filter->kind = &slow_kind;
    return filter;
}

static void note_steps(struct link *link, struct span packet)
{
    (void)link, (void)packet;
    steps_before_packet = steps;
}

static void send_hello(struct offline_peer *peer)
{
    const uint8_t hello[] = {1, 1, 0};
    uint8_t record[VEIL_RECORD_MAX];
    size_t size = veil_record(record, VEIL_HELLO, span_of(hello, sizeof hello));
    cr_assert(offline_send(peer, span_of(record, size)));
}

/* The others' turn is the next one. */
Test(link_shake, who_is_open_waits_for_a_few_handshakes_only)
{
    static const struct filter_source slow = {.open = open_slow};
    uint8_t record[VEIL_RECORD_MAX];
    struct offline_peer *peers[6];
    veil_source_init(&veils, 11);
    desk.filter = &slow;
    desk.on_packet = note_steps;
    desk_open(
        (const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8", NULL},
        (const char *const[]){"line", NULL});
    struct offline_peer *open = desk_connect(0);
    say_hello(open, 1, 1, 0);
    for (int i = 0; i < 6; i++) peers[i] = desk_connect(0);
    steps = 0;
    for (int i = 0; i < 6; i++) send_hello(peers[i]);
    cr_assert(offline_send(open, span_of(record, veil_cover(record, span_text("a\n"), true))));
    cr_assert(offline_run(desk.offline));
    saw("-:a");
    cr_assert_eq(steps_before_packet, 2);
    cr_assert_eq(steps, 6);
    cr_assert_eq(desk.connected, 7);
    desk_end();
}

/* The protocol's framing needs memory of its own. */
Test(link_shake, without_memory_for_a_protocol_the_connection_is_closed)
{
    begin("line", "game/1=websocket", "8");
    struct offline_peer *game = desk_connect(0);
    struct budget *budget = &desk.worker->home.streams.budget;
    budget->limit = budget_used(budget);
    say_hello(game, 1, 1, VEIL_GAME);
    cr_assert_eq(desk.connected, 0);
    cr_assert(offline_closed(game));
    cr_assert_eq(desk.worker->home.shaking, 0);
    desk_end();
}
