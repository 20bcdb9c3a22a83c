/* What a script may rely on while it handles packets, and how many of one connection it is given at once. */
#include "link_desk.h"

enum { ASKED = 7, SAID = 8 }; /* bytes of which packets are made */

/* Sends bytes of its own into memory that may just have come free. */
static void abort_and_talk(struct link *link)
{
    uint8_t said[SIZE];
    memset(said, SAID, sizeof said);
    link_abort(link, NULL);
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(link_send(desk.links[1], span_of(said, sizeof said)), SEND_OK);
    for (size_t i = 0; i < desk.packet.size; i++)
        cr_assert_eq(desk.packet.data[i], ASKED, "byte %zu of %zu", i, desk.packet.size);
}

/* In two parts, so that it is put together first. */
static void abort_in_packet(size_t size)
{
    uint8_t bytes[LARGEST], header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count;
    desk = (struct desk){.on_packet = abort_and_talk};
    struct offline *offline = desk_open((const char *const[]){"workers", "1", NULL});
    struct offline_peer *peer = connect_to(offline);
    connect_to(offline);
    memset(bytes, ASKED, size);
    cr_assert_eq(frame_wrap(offline_frame(peer), span_of(bytes, size), header, parts, &count),
                 FRAME_NO_FAULT);
    cr_assert(offline_send(peer, parts[0]));
    cr_assert(offline_send(peer, span_first(parts[1], size / 2)));
    cr_assert(offline_run(offline));
    cr_assert_eq(desk.received, 0);
    cr_assert(offline_send(peer, span_skip(parts[1], size / 2)));
    cr_assert(offline_run(offline));
    cr_assert_eq(desk.received, 1);
    cr_assert_eq(desk.packet.size, size);
    offline_close(offline);
}

Test(link_turn, a_packet_stays_where_it_is_while_its_handler_runs_whatever_that_does)
{
    abort_in_packet(SIZE);
    abort_in_packet(LARGEST / 2);
}

static struct link *order[2 * MANY];

static void note_order(struct link *link)
{
    order[desk.received - 1] = link;
}

/* As long as that takes no time; how they take turns when it does is in test_worker_turn.c. */
Test(link_turn, packets_that_came_together_are_handled_together)
{
    desk.on_packet = note_order;
    struct offline *offline = desk_open((const char *const[]){"workers", "1", NULL});
    struct offline_peer *first = connect_to(offline), *second = connect_to(offline);
    for (int i = 0; i < MANY; i++) put(first, packet_of(1));
    put(second, packet_of(1));
    cr_assert(offline_run(offline));
    cr_assert_eq(desk.received, MANY + 1);
    for (int i = 0; i < MANY; i++) cr_assert_eq(order[i], desk.links[0], "packet %d", i);
    cr_assert_eq(order[MANY], desk.links[1]);
    offline_close(offline);
}
