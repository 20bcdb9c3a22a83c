/* link_unread: a script gives back what it has not used of a packet of framing "raw". */
#include "websocket_desk.h"

static size_t given_back, wanted_in_all, packets, largest;
static bool answer;

static void begin_with(const char *framing, const char *packet_max)
{
    desk_open((const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8",
                                    "max_packet", packet_max, NULL},
              (const char *const[]){framing, NULL});
}

static void begin(void)
{
    begin_with("raw", "100K");
}

/* Once. */
static void give_back(struct link *link, struct span packet)
{
    (void)packet;
    if (desk.received == 1) answer = link_unread(link, given_back, wanted_in_all);
}

static struct offline_peer *gives_back(size_t size, size_t wanted, const char *text)
{
    begin();
    given_back = size;
    wanted_in_all = wanted;
    desk.on_packet = give_back;
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, text);
    return peer;
}

Test(link_unread, what_is_given_back_comes_again_with_what_follows)
{
    struct offline_peer *peer = gives_back(2, 3, "hello");
    cr_assert(answer);
    saw("-:hello");
    tell_text(peer, "!");
    saw("-:hello -:lo!");
    tell_text(peer, "?");
    saw("-:hello -:lo! -:?");
    desk_end();
}

Test(link_unread, when_as_much_is_there_as_was_wanted)
{
    struct offline_peer *peer = gives_back(5, 8, "hello");
    tell_text(peer, "12");
    saw("-:hello");
    tell_text(peer, "34");
    saw("-:hello -:hello1234");
    desk_end();
}

Test(link_unread, nothing_may_be_given_back_and_more_be_wanted)
{
    struct offline_peer *peer = gives_back(0, 3, "hello");
    cr_assert(answer);
    tell_text(peer, "12");
    saw("-:hello");
    tell_text(peer, "3");
    saw("-:hello -:123");
    desk_end();
}

Test(link_unread, is_refused_beyond_the_packet_and_its_maximum)
{
    gives_back(6, 7, "hello");
    cr_assert_not(answer);
    cr_assert_not(link_unread(desk.links[0], 1, 2), "no packet is handled");
    desk_end();
}

static void try_much(struct link *link, struct span packet)
{
    (void)packet;
    cr_assert_not(link_unread(link, 1, 1));
    cr_assert_not(link_unread(link, 2, 1));
    cr_assert_not(link_unread(link, 1, 100 * KB + 1));
    cr_assert(link_unread(link, 1, 100 * KB));
    cr_assert_not(link_unread(link, 1, 2), "twice");
}

Test(link_unread, once)
{
    begin();
    desk.on_packet = try_much;
    tell_text(desk_connect(0), "hello");
    desk_end();
}

static void try_late(struct link *link, struct span packet)
{
    cr_assert_not(link_next(link, &packet));
    cr_assert_not(link_unread(link, 1, 2));
}

Test(link_unread, not_when_the_packet_has_gone)
{
    begin();
    desk.on_packet = try_late;
    tell_text(desk_connect(0), "hello");
    desk_end();
}

static void try_held(struct link *link, struct span packet)
{
    (void)packet;
    link_hold(link);
    cr_assert_not(link_unread(link, 1, 2));
    link_release(link);
}

Test(link_unread, not_when_the_handler_has_waited)
{
    begin();
    desk.on_packet = try_held;
    tell_text(desk_connect(0), "hello");
    desk_end();
}

static void try_other(struct link *link, struct span packet)
{
    (void)packet;
    cr_assert_not(link_unread(desk.links[link == desk.links[0]], 1, 2));
}

Test(link_unread, not_of_another_connection)
{
    begin();
    desk.on_packet = try_other;
    struct offline_peer *one = desk_connect(0), *two = desk_connect(0);
    tell_text(one, "hello");
    tell_text(two, "hello");
    desk_end();
}

static void try_closed(struct link *link, struct span packet)
{
    (void)packet;
    link_close(link, NULL);
    cr_assert_not(link_unread(link, 1, 2));
}

Test(link_unread, not_of_one_that_closes)
{
    begin();
    desk.on_packet = try_closed;
    tell_text(desk_connect(0), "hello");
    desk_end();
}

static void try_framed(struct link *link, struct span packet)
{
    (void)packet;
    cr_assert_not(link_unread(link, 1, 2));
}

Test(link_unread, not_of_another_framing)
{
    begin_with("line", "100K");
    desk.on_packet = try_framed;
    tell_text(desk_connect(0), "hello\nhello\n");
    cr_assert_eq(desk.received, 2);
    desk_end();
}

static struct frame lines;

static void switch_and_give_back(struct link *link, struct span packet)
{
    struct error error;
    (void)packet;
    cr_assert(frame_parse(&lines, "line", KB, &error) && frame_finish(&lines, &error));
    cr_assert(link_set_frame(link, &lines));
    cr_assert_not(link_unread(link, 1, 2));
}

Test(link_unread, not_when_the_framing_has_become_another)
{
    begin();
    desk.on_packet = switch_and_give_back;
    tell_text(desk_connect(0), "hello");
    cr_assert_eq(desk.received, 1);
    desk_end();
}

static void give_back_and_switch(struct link *link, struct span packet)
{
    struct error error;
    if (packet.size != 5) return;
    cr_assert(link_unread(link, 4, 100));
    cr_assert(frame_parse(&lines, "line", KB, &error));
    cr_assert(frame_finish(&lines, &error));
    cr_assert(link_set_frame(link, &lines));
    cr_assert_not(link_unread(link, 1, 2));
}

Test(link_unread, is_for_the_next_framing)
{
    begin();
    desk.on_packet = give_back_and_switch;
    struct offline_peer *peer = desk_connect(0);
    tell_text(peer, "hell\n");
    saw("-:hell%0a -:ell");
    tell_text(peer, "two\n");
    saw("-:hell%0a -:ell -:two");
    desk_end();
}

Test(link_unread, an_end_drops_what_was_given_back)
{
    struct offline_peer *peer = gives_back(2, 3, "hello");
    offline_finish(peer);
    cr_assert(offline_run(desk.offline));
    ended_as("eof", 0);
    saw("-:hello");
    desk_end();
}

/* ---- a stream of lines that the script cuts itself ---- */

static struct ws_run lines_seen;

static void cut_lines(struct link *link, struct span packet)
{
    struct span left = packet;
    const uint8_t *end;
    while (left.size > 0 && (end = memchr(left.data, '\n', left.size)) != NULL) {
        size_t size = (size_t)(end - left.data);
        ws_trace(&lines_seen, ":");
        ws_trace_bytes(&lines_seen, span_first(left, size));
        left = span_skip(left, size + 1);
    }
    if (left.size > 0) cr_assert(link_unread(link, left.size, left.size + 1));
}

Test(link_unread, however_the_stream_is_split_the_script_sees_all_of_it)
{
    static const char text[] = "one\ntwo\n\nthree four five\nsix\nseven\n";
    begin();
    desk.on_packet = cut_lines;
    for (size_t i = 1; i < sizeof text - 1; i++)
        for (size_t k = i; k < sizeof text - 1; k++) {
            struct offline_peer *peer = desk_connect(0);
            lines_seen.traced = 0;
            tell_bytes(peer, span_of(text, i));
            tell_bytes(peer, span_of(text + i, k - i));
            tell_bytes(peer, span_of(text + k, sizeof text - 1 - k));
            cr_assert_str_eq(lines_seen.trace, ":one:two::three%20four%20five:six:seven", "%zu %zu",
                             i, k);
            offline_peer_free(peer);
            desk.connected--;
            cr_assert(offline_run(desk.offline));
            desk.released--;
            desk.seen.traced = 0;
        }
    desk_end();
}

static void want_one_more(struct link *link, struct span packet)
{
    packets++;
    largest = packet.size;
    if (packet.size < 50000) cr_assert(link_unread(link, packet.size, packet.size + 1));
}

/* What was given back does not come again for each single byte. */
Test(link_unread, what_is_one_byte_too_short_comes_with_more_than_one)
{
    static char text[50000];
    begin();
    desk.on_packet = want_one_more;
    struct offline_peer *peer = desk_connect(0);
    memset(text, 'x', sizeof text);
    tell_bytes(peer, span_of(text, 10));
    tell_bytes(peer, span_of(text + 10, sizeof text - 10));
    cr_assert_eq(largest, sizeof text);
    cr_assert(packets < 60, "%zu packets", packets);
    desk_end();
}

/* One that knows how much it needs gets it at once. */
static void want_much(struct link *link, struct span packet)
{
    packets++;
    largest = packet.size;
    if (packet.size < 60000) cr_assert(link_unread(link, packet.size, 60000));
}

Test(link_unread, a_known_size_comes_in_one_piece)
{
    static char text[60010];
    begin();
    desk.on_packet = want_much;
    struct offline_peer *peer = desk_connect(0);
    memset(text, 'x', sizeof text);
    tell_bytes(peer, span_of(text, 10));
    for (size_t i = 10; i < sizeof text - 10; i += 1000) tell_bytes(peer, span_of(text + i, 1000));
    cr_assert_eq(packets, 2);
    cr_assert(largest >= 60000 && largest < 60000 + 4096, "%zu", largest);
    desk_end();
}
