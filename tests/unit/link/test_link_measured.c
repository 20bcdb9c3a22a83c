/* Packets whose length the script computes from their header. */
#include "websocket_desk.h"

enum { HEADER = 3 };

static struct frame measured, lines;
static int asked;

/* "x12" and 12 bytes. */
static uint64_t number(struct link *link, struct span header)
{
    (void)link;
    asked++;
    cr_assert_eq(header.size, HEADER);
    return (uint64_t)(header.data[1] - '0') * 10 + header.data[2] - '0' + HEADER;
}

static void measure_all(struct link *link)
{
    cr_assert(link_set_frame(link, &measured));
}

static struct offline_peer *begin(uint64_t (*measure)(struct link *link, struct span header))
{
    struct error error;
    desk_open((const char *const[]){"idle_timeout", "0", "blocks", "64", "max_connections", "8",
                                    "max_packet", "50K", NULL},
              (const char *const[]){"raw", NULL});
    measured = frame_default(50 * KB);
    frame_set_scripted(&measured, HEADER, 7);
    measured.max = 60;
    measured.given = 1u << FRAME_MAX;
    cr_assert(frame_finish(&measured, &error));
    cr_assert(frame_parse(&lines, "line", KB, &error) && frame_finish(&lines, &error));
    desk.on_connect = measure_all;
    desk.on_measure = measure;
    return desk_connect(0);
}

Test(link_measured, packets_come_with_their_header)
{
    struct offline_peer *peer = begin(number);
    tell_text(peer, "x05helloy00z01!x0");
    saw("-:x05hello -:y00 -:z01!");
    tell_text(peer, "2");
    saw("-:x05hello -:y00 -:z01!");
    tell_text(peer, "abc");
    saw("-:x05hello -:y00 -:z01! -:x02ab");
    cr_assert_eq(asked, 4, "once for each packet, not %d times", asked);
    cr_assert_eq(link_send(desk.links[0], span_text("as it is")), SEND_OK);
    cr_assert(offline_run(desk.offline));
    hears_text(peer, "as it is");
    desk_end();
}

Test(link_measured, however_they_are_split)
{
    static const char text[] = "x05helloy00z01!x10abcdefghij";
    struct offline_peer *peer = begin(number);
    for (size_t i = 1; i < sizeof text - 1; i++) {
        desk.seen.traced = 0;
        desk.seen.trace[0] = '\0';
        asked = 0;
        tell_bytes(peer, span_of(text, i));
        tell_bytes(peer, span_of(text + i, sizeof text - 1 - i));
        saw("-:x05hello -:y00 -:z01! -:x10abcdefghij");
        cr_assert_eq(asked, 4);
    }
    for (size_t i = 0; i < sizeof text - 1; i++) tell_bytes(peer, span_of(text + i, 1));
    desk_end();
}

Test(link_measured, a_length_that_is_smaller_than_the_header_ends_it)
{
    struct offline_peer *peer = begin(number);
    tell_text(peer, "x0/"); /* 2 */
    ended_as("framing", 0);
    desk_end();
}

Test(link_measured, and_so_does_one_beyond_the_maximum)
{
    struct offline_peer *peer = begin(number);
    tell_text(peer, "x57");
    cr_assert_eq(desk.disconnected, 0);
    for (int i = 0; i < 57; i++) tell_text(peer, "a");
    cr_assert_eq(desk.received, 1);
    tell_text(peer, "x58");
    ended_as("oversize", 0);
    desk_end();
}

static uint64_t nothing(struct link *link, struct span header)
{
    (void)link, (void)header;
    return 0;
}

Test(link_measured, and_so_does_none)
{
    struct offline_peer *peer = begin(nothing);
    tell_text(peer, "x05");
    ended_as("framing", 0);
    desk_end();
}

static uint64_t close_it(struct link *link, struct span header)
{
    (void)header;
    link_close(link, "enough");
    return 0;
}

Test(link_measured, one_that_the_script_closes_meanwhile_is_closed_by_it)
{
    struct offline_peer *peer = begin(close_it);
    tell_text(peer, "x05hello");
    ended_as("enough", 0);
    cr_assert_eq(desk.received, 0);
    desk_end();
}

static uint64_t switch_it(struct link *link, struct span header)
{
    (void)header;
    cr_assert(link_set_frame(link, &lines));
    return 5;
}

Test(link_measured, another_framing_that_it_sets_begins_with_the_header)
{
    struct offline_peer *peer = begin(switch_it);
    tell_text(peer, "one\ntwo\n");
    saw("-:one -:two");
    desk_end();
}

static uint64_t pause_it(struct link *link, struct span header)
{
    if (asked == 0) link_pause(link);
    return number(link, header);
}

Test(link_measured, one_that_is_paused_meanwhile_goes_on_later)
{
    struct offline_peer *peer = begin(pause_it);
    tell_text(peer, "x05hello");
    cr_assert_eq(desk.received, 0);
    link_resume(desk.links[0]);
    cr_assert(offline_run(desk.offline));
    saw("-:x05hello");
    desk_end();
}

static void take_next(struct link *link, struct span packet)
{
    struct span next = packet;
    cr_assert_not(link_next(link, &next), "the script is not called by itself");
}

Test(link_measured, the_script_is_not_called_when_it_takes_the_next)
{
    struct offline_peer *peer = begin(number);
    desk.on_packet = take_next;
    tell_text(peer, "x05helloy00z01!");
    saw("-:x05hello -:y00 -:z01!");
    desk_end();
}

static void switch_to_lines(struct link *link, struct span packet)
{
    if (packet.size == HEADER) cr_assert(link_set_frame(link, &lines));
    if (packet.size == 4) cr_assert(link_set_frame(link, &measured));
}

Test(link_measured, switches_lose_no_bytes)
{
    static const char text[] = "x05hellox00one\nback\nx01!x00lines\ntwo\n";
    begin(number);
    desk.on_packet = switch_to_lines;
    for (size_t i = 0; i < sizeof text - 1; i++) {
        struct offline_peer *peer = desk_connect(0);
        desk.seen.traced = 0;
        desk.seen.trace[0] = '\0';
        tell_bytes(peer, span_of(text, i));
        tell_bytes(peer, span_of(text + i, sizeof text - 1 - i));
        saw("-:x05hello -:x00 -:one -:back -:x01! -:x00 -:lines -:two");
        offline_peer_free(peer);
        cr_assert(offline_run(desk.offline));
        desk.connected--, desk.released--;
    }
    desk_end();
}

Test(link_measured, an_end_amid_a_packet_is_one)
{
    struct offline_peer *peer = begin(number);
    tell_text(peer, "x05hell");
    offline_finish(peer);
    cr_assert(offline_run(desk.offline));
    ended_as("eof", 0);
    cr_assert_eq(desk.received, 0);
    desk_end();
}
