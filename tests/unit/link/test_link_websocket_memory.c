/* WebSockets beside others: what is sent to many, and who has to go when there is no memory. */
#include "websocket_desk.h"

#include "link/pressure.h"

static struct frame websocket;

static void begin(void)
{
    websocket = frame_made("websocket", 1 << 20);
    desk_open((const char *const[]){"idle_timeout", "0", "blocks", "128", "max_connections", "8",
                                    "wait_timeout", "0", NULL},
              (const char *const[]){"websocket", "line", "raw", NULL});
}

static void pass(uint64_t ms)
{
    cr_assert(offline_advance(desk.offline, ms * MS));
}

/* ---- sent to many ---- */

static enum send_result broadcast(const char *text, enum packet_kind kind, size_t *count)
{
    enum send_result result = worker_broadcast(desk.worker, span_text(text), kind, NULL, count);
    cr_assert(offline_run(desk.offline));
    return result;
}

Test(link_websocket_memory, each_framing_of_a_broadcast_is_served)
{
    size_t count;
    begin();
    struct offline_peer *one = desk_join(0), *two = desk_join(0), *line = desk_connect(1),
                        *raw = desk_connect(2);
    cr_assert_eq(broadcast("hello", PACKET_PLAIN, &count), SEND_OK);
    cr_assert_eq(count, 4);
    cr_assert_eq(broadcast("bytes", PACKET_BINARY, &count), SEND_OK);
    cr_assert_eq(broadcast("text", PACKET_TEXT, &count), SEND_OK);
    cr_assert_eq(count, 4);
    hears(one, "t:hello b:bytes t:text");
    hears(two, "t:hello b:bytes t:text");
    hears_text(line, "hello\nbytes\ntext\n");
    hears_text(raw, "hellobytestext");
    desk_end();
}

Test(link_websocket_memory, a_text_that_is_none_is_sent_to_those_who_do_not_mind)
{
    size_t count;
    begin();
    struct offline_peer *one = desk_join(0);
    cr_assert_eq(broadcast("\xff", PACKET_TEXT, &count), SEND_BAD_TEXT);
    cr_assert_eq(count, 0);
    struct offline_peer *line = desk_connect(1);
    cr_assert_eq(broadcast("\xff", PACKET_TEXT, &count), SEND_OK);
    cr_assert_eq(count, 1);
    hears(one, "");
    hears_text(line, "\xff\n");
    desk_end();
}

Test(link_websocket_memory, a_group_has_members_of_all_framings)
{
    size_t count;
    begin();
    struct offline_peer *one = desk_join(0), *line = desk_connect(1), *outside = desk_join(0);
    struct group *group = server_group(worker_server(desk.worker), span_text("room"));
    cr_assert_eq(worker_group_add(desk.worker, group, desk.links[0]), SEND_OK);
    cr_assert_eq(worker_group_add(desk.worker, group, desk.links[1]), SEND_OK);
    cr_assert_eq(
        worker_group_broadcast(desk.worker, group, span_text("hello"), PACKET_BINARY, NULL, &count),
        SEND_OK);
    cr_assert_eq(count, 2);
    cr_assert(offline_run(desk.offline));
    hears(one, "b:hello");
    hears_text(line, "hello\n");
    hears(outside, "");
    group_drop(group);
    desk_end();
}

/* The packet is made once for all of them. */
Test(link_websocket_memory, a_packet_to_many_takes_memory_once)
{
    enum { BIG = 200000 };
    static char bytes[BIG];
    struct offline_peer *peers[4];
    size_t count;
    begin();
    for (int i = 0; i < 4; i++) peers[i] = desk_join(0);
    for (int i = 0; i < 4; i++) offline_set_deaf(peers[i], true);
    size_t before = budget_used(&desk_home()->streams.budget);
    cr_assert_eq(worker_broadcast(desk.worker, span_of(bytes, BIG), PACKET_BINARY, NULL, &count),
                 SEND_OK);
    cr_assert_eq(count, 4);
    size_t taken = budget_used(&desk_home()->streams.budget) - before;
    cr_assert(taken >= BIG && taken < 2 * BIG, "%zu", taken);
    for (int i = 0; i < 4; i++) offline_set_deaf(peers[i], false);
    cr_assert(offline_run(desk.offline));
    for (int i = 0; i < 4; i++) hears(peers[i], "b:%00*200000");
    desk_end();
}

Test(link_websocket_memory, who_is_not_welcome_yet_is_sent_nothing)
{
    size_t count;
    begin();
    struct offline_peer *one = desk_join(0), *early = desk_connect(0), *late = desk_connect(1);
    desk.verdict = SCRIPT_WAIT;
    struct offline_peer *waits = desk_connect(0);
    tell_text(early, GET);
    tell_text(waits, REQUEST);
    cr_assert(link_set_frame(desk.links[1], &websocket));
    cr_assert_eq(broadcast("hello", PACKET_PLAIN, &count), SEND_OK);
    cr_assert_eq(count, 1);
    hears(one, "t:hello");
    hears_text(early, "");
    hears_text(waits, "");
    hears_text(late, "");
    link_decide(desk.links[2], SCRIPT_YES);
    cr_assert_eq(broadcast("again", PACKET_PLAIN, &count), SEND_OK);
    cr_assert_eq(count, 2);
    hears_text(waits, WELCOME "\x81\x05"
                              "again");
    tell_text(late, REQUEST);
    cr_assert_eq(broadcast("third", PACKET_PLAIN, &count), SEND_OK);
    cr_assert_eq(count, 3);
    hears_text(late, WELCOME "\x81\x05"
                             "third");
    desk_end();
}

/* ---- kept of messages ---- */

enum { PATIENCE = PRESSURE_PATIENCE_MS, A_WHILE = 1000 };
static struct offline_peer *keeps, *needs;

/* Of the first a message was begun long ago, and there is no memory for that of the other. */
static void run_short(uint64_t kept_ms)
{
    begin();
    keeps = desk_join(0);
    needs = desk_join(0);
    tell(keeps, "b-:k*50000");
    pass(kept_ms);
    limit_memory(0);
    tell(needs, "b-:n*5000");
    cr_assert_eq(desk.disconnected, 0);
}

Test(link_websocket_memory, a_message_that_does_not_end_makes_room_for_others)
{
    run_short(PATIENCE);
    pass(PATIENCE - A_WHILE);
    cr_assert_eq(desk.disconnected, 0);
    tell(keeps, "p: c-:k"); /* it goes on, and is no newer for that */
    pass(2 * A_WHILE);
    cr_assert_eq(desk.disconnected, 1);
    cr_assert(offline_closed(keeps));
    tell(needs, "c:n*5000");
    saw("b:n*10000");
    desk_end();
}

/* It is not its peer who keeps it from ending. */
Test(link_websocket_memory, a_message_that_waits_for_a_handler_is_nobodys_fault)
{
    run_short(0);
    link_hold(desk.links[0]);
    pass(PATIENCE + A_WHILE);
    cr_assert_eq(desk.disconnected, 1);
    cr_assert(offline_closed(needs));
    link_release(desk.links[0]);
    tell(keeps, "c:k");
    saw("b:k*50001");
    desk_end();
}

Test(link_websocket_memory, a_message_goes_on_when_there_is_memory)
{
    run_short(0);
    tell(needs, "c-:n*5000 p:1 c:n");
    hears(needs, "");
    limit_memory(SIZE_MAX);
    pass(A_WHILE);
    saw("b:n*10001");
    hears(needs, "o:1");
    desk_end();
}

/* Nothing more has to come for that, and its frames are not too large to be put together. */
Test(link_websocket_memory, a_small_message_goes_on_by_itself)
{
    begin();
    struct offline_peer *peer = desk_join(0);
    limit_memory(0);
    tell(peer, "t-:a c:b");
    saw("");
    limit_memory(SIZE_MAX);
    pass(A_WHILE);
    saw("t:ab");
    desk_end();
}

/* Its first bytes are unmasked already when they have to wait in pieces. */
Test(link_websocket_memory, a_frame_that_waits_in_pieces_stays_what_it_was)
{
    static struct ws_text text;
    begin();
    struct offline_peer *peer = desk_join(0);
    ws_write(&text, "t:x*20000 t:y");
    limit_memory(0);
    tell_bytes(peer, span_of(text.bytes, 5001));
    tell_bytes(peer, span_of(text.bytes + 5001, 6000));
    limit_memory(SIZE_MAX);
    pass(A_WHILE);
    tell_bytes(peer, span_of(text.bytes + 11001, text.size - 11001));
    saw("t:x*20000 t:y");
    desk_end();
}

Test(link_websocket_memory, a_message_that_was_handled_keeps_nothing)
{
    begin();
    struct offline_peer *peer = desk_join(0);
    size_t before = budget_used(&desk_home()->streams.budget);
    tell(peer, "b-:k*50000 c:k");
    cr_assert_eq(desk.received, 1);
    cr_assert_eq(budget_used(&desk_home()->streams.budget), before);
    desk_end();
}

/* All is given back, whatever it was in the middle of. */
Test(link_websocket_memory, an_end_gives_back_what_was_kept)
{
    begin();
    desk_join(0);
    size_t before = budget_used(&desk_home()->streams.budget);
    keeps = desk_join(0);
    tell(keeps, "b-:k*50000");
    needs = desk_connect(0);
    tell_text(needs, GET);
    offline_reset(keeps);
    offline_reset(needs);
    cr_assert(offline_run(desk.offline));
    cr_assert_eq(budget_used(&desk_home()->streams.budget), before);
    desk_end();
}
