/* The contract of the port, on every backend that this platform has. Whatever order a backend
 * yields receives in, their numbers put them right. */
#include "port/port.h"

#include "port_talk.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void numbers_go_on(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    peer_says(&talk, "one");
    expect_bytes(&talk, "one");
    peer_says(&talk, "two");
    expect_bytes(&talk, "two");

    port_recv_stop(port, &talk.socket);
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_CANCELLED);
    cr_assert_eq(talk.reorder.next, talk.socket.sequence_next, "no number is missing");
    peer_says(&talk, "three");
    cr_assert(nothing_comes(&talk), "a stopped stream yields nothing");
    talk.ends = 0;
    port_recv_start(port, &talk.socket);
    expect_bytes(&talk, "three");
    finish(&talk);
}

ON_EACH_BACKEND(numbers_what_it_receives_over_stop_and_start, numbers_go_on)

static void end_is_told_once(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    peer_says(&talk, "last words");
    peer_finish(talk.peer);
    expect_bytes(&talk, "last words");
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_OK);
    cr_assert(port_idle(&talk.socket));
    cr_assert(nothing_comes(&talk));
    finish(&talk);
}

ON_EACH_BACKEND(tells_the_end_of_a_stream_once_and_after_its_bytes, end_is_told_once)

/* A connection that is silent keeps no block from the others. */
static void many_share_few_blocks(struct port *port)
{
    enum { MANY = 4 * LANDINGS, ROUNDS = 3 };
    struct talk talks[MANY];
    for (int i = 0; i < MANY; i++) {
        begin(&talks[i], port);
        port_recv_start(port, &talks[i].socket);
    }
    for (int i = 0; i < ROUNDS * MANY; i++) {
        peer_says(&talks[i % MANY], "my turn");
        expect_bytes(&talks[i % MANY], "my turn");
    }
    for (int i = 0; i < MANY; i++) finish(&talks[i]);
}

ON_EACH_BACKEND(lets_many_connections_share_few_blocks, many_share_few_blocks)

/* Those who always have more to say than there are blocks for. */
static void hear_beside(struct port *port, int count)
{
    enum { FLOODS_MAX = 3 * LANDINGS, BLOCKS = 12 };
    static const char bytes[BLOCKS * LANDING_SIZE];
    struct talk floods[FLOODS_MAX], talk;
    size_t come = 0, all = (size_t)count * sizeof bytes;
    for (int i = 0; i < count; i++) {
        begin(&floods[i], port);
        peer_send(floods[i].peer, bytes, sizeof bytes);
        port_recv_start(port, &floods[i].socket);
    }
    begin(&talk, port);
    peer_says(&talk, "me too");
    port_recv_start(port, &talk.socket);
    while (list_empty(&talk.arrived) && come < all) {
        turn(&talk);
        for (int i = 0; i < count; i++) {
            const struct list *head = &floods[i].arrived;
            for (const struct list *node = head->next; node != head; node = node->next)
                come += block_bytes(block_of((struct list *)node)).size;
            drop_arrived(&floods[i]);
        }
    }
    cr_assert(come < all, "it had to wait for all that the others have sent");
    expect_bytes(&talk, "me too");
    for (int i = 0; i < count; i++) finish(&floods[i]);
    finish(&talk);
}

static void floods_leave_room(struct port *port)
{
    hear_beside(port, LANDINGS - 1);
}

/* Not all of them are reached in one harvest. */
static void many_floods_leave_room(struct port *port)
{
    hear_beside(port, 3 * LANDINGS);
}

ON_EACH_BACKEND(hears_one_beside_others_that_fill_all_blocks, floods_leave_room)
ON_EACH_BACKEND(hears_one_beside_more_than_there_are_blocks_for, many_floods_leave_room)

static void waits_for_blocks(struct port *port)
{
    struct talk talk;
    struct block *held[LANDINGS];
    begin(&talk, port);
    hold_all(&talk, held);
    peer_says(&talk, "more");
    cr_assert(nothing_comes(&talk), "there is no block to receive into");
    cr_assert(talk.socket.receiving, "but the stream is not over");
    port_recv_done(port, held[2]);
    expect_bytes(&talk, "more");
    port_recv_done(port, held[0]);
    port_recv_done(port, held[1]);
    port_recv_done(port, held[3]);
    finish(&talk);
}

ON_EACH_BACKEND(holds_a_stream_without_blocks_and_goes_on_by_itself, waits_for_blocks)

/* One harvest is enough to hear of it, if that may wait for as long as it likes. */
static void silent_ones_hold_nobody_up(struct port *port)
{
    enum { MANY = 4 * LANDINGS };
    struct talk holder, talks[MANY];
    struct block *held[LANDINGS];
    begin(&holder, port);
    hold_all(&holder, held);
    for (int i = 0; i < MANY; i++) {
        begin(&talks[i], port);
        port_recv_start(port, &talks[i].socket);
    }
    cr_assert(nothing_comes(&holder), "there is no block to receive into");
    peer_says(&talks[MANY - 1], "my turn");
    for (int i = 0; i < LANDINGS; i++) port_recv_done(port, held[i]);

    struct port_event event;
    uint64_t deadline_ns = port_clock(port) + 500 * TICK_NS;
    int count = 0;
    while (count == 0 && port_clock(port) < deadline_ns)
        count = port_harvest(port, &event, 1, deadline_ns);
    cr_assert_eq(count, 1, "it waits behind others who have nothing to say");
    take(&event);
    expect_bytes(&talks[MANY - 1], "my turn");
    for (int i = 0; i < MANY; i++) finish(&talks[i]);
    finish(&holder);
}

ON_EACH_BACKEND(hears_one_among_many_that_found_no_block, silent_ones_hold_nobody_up)

static void stops_while_waiting(struct port *port)
{
    struct talk talk;
    struct block *held[LANDINGS];
    begin(&talk, port);
    hold_all(&talk, held);
    peer_says(&talk, "more");
    cr_assert(nothing_comes(&talk));
    port_recv_stop(port, &talk.socket);
    AWAIT(&talk, talk.ends == 1);
    cr_assert(list_empty(&talk.arrived));
    for (int i = 0; i < LANDINGS; i++) port_recv_done(port, held[i]);
    finish(&talk);
}

ON_EACH_BACKEND(ends_a_stream_that_waits_for_a_block, stops_while_waiting)

static void sends_parts(struct port *port)
{
    struct talk talk;
    char bytes[16];
    struct span parts[] = {span_text("one"), span_text("two"), span_text("three")};
    begin(&talk, port);
    port_send(port, &talk.socket, parts, 3);
    cr_assert(talk.socket.sending, "it completes in a harvest, not in the call");
    AWAIT(&talk, talk.sends == 1);
    cr_assert_eq(talk.sent, 11);
    peer_receive_all(talk.peer, bytes, 11);
    cr_assert_eq(memcmp(bytes, "onetwothree", 11), 0);
    finish(&talk);
}

ON_EACH_BACKEND(sends_gathered_parts_in_order, sends_parts)

static void goes_on_when_read(struct port *port)
{
    enum { SIZE = 1 << 24 };
    struct talk talk;
    uint8_t *bytes = malloc(SIZE), *read_bytes = malloc(SIZE);
    size_t received = 0;
    begin(&talk, port);
    peer_set_blocking(talk.peer, false);
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 31 >> 3);
    while (received < SIZE) {
        if (!talk.socket.sending && talk.sent < SIZE) {
            struct span rest = span_of(bytes + talk.sent, SIZE - talk.sent);
            port_send(port, &talk.socket, &rest, 1);
        }
        struct port_event event;
        if (port_harvest(port, &event, 1, port_clock(port) + TICK_NS / 10) == 1) take(&event);
        cr_assert_eq(talk.send_error, PORT_OK);
        ptrdiff_t size;
        while ((size = peer_receive(talk.peer, read_bytes + received, SIZE - received)) > 0)
            received += (size_t)size;
    }
    AWAIT(&talk, talk.sent == SIZE);
    cr_assert_eq(memcmp(bytes, read_bytes, SIZE), 0);
    finish(&talk);
    free(bytes);
    free(read_bytes);
}

ON_EACH_BACKEND(goes_on_sending_when_a_full_peer_reads, goes_on_when_read)

static void goes_on_by_itself(struct port *port)
{
    enum { SIZE = 1 << 22, PIECE = 1 << 16 };
    struct talk talk;
    uint8_t *bytes = calloc(1, SIZE);
    struct span part = span_of(bytes, SIZE);
    begin(&talk, port);
    do { /* until one finds no room */
        port_send(port, &talk.socket, &part, 1);
        for (int turns = 0; turns < 10 && talk.socket.sending; turns++) turn(&talk);
    } while (!talk.socket.sending);
    int sends = talk.sends;
    for (size_t left = talk.sent; left > 0;) {
        size_t size = left < PIECE ? left : PIECE;
        peer_receive_all(talk.peer, bytes, size);
        left -= size;
    }
    AWAIT(&talk, talk.sends == sends + 1);
    cr_assert_eq(talk.send_error, PORT_OK);
    finish(&talk);
    free(bytes);
}

ON_EACH_BACKEND(says_when_there_is_room_for_a_send_again, goes_on_by_itself)

static void many_bytes_in_order(struct port *port)
{
    enum { SIZE = 1 << 20, PIECE = 1 << 12 };
    struct talk talk;
    uint8_t *bytes = malloc(SIZE);
    size_t said = 0, heard = 0;
    begin(&talk, port);
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 37 >> 2);
    port_recv_start(port, &talk.socket);
    while (heard < SIZE) {
        for (size_t pieces = said % 7; said < SIZE && pieces < 9; pieces++) {
            size_t size = SIZE - said < PIECE ? SIZE - said : PIECE - said % 13;
            peer_send(talk.peer, bytes + said, size);
            said += size;
        }
        turn(&talk);
        while (!list_empty(&talk.arrived)) {
            struct block *block = next_block(&talk);
            cr_assert_eq(memcmp(block->data, bytes + heard, block->end), 0);
            heard += block->end;
            port_recv_done(port, block);
        }
    }
    finish(&talk);
    free(bytes);
}

ON_EACH_BACKEND(receives_a_megabyte_in_its_order, many_bytes_in_order)

static void cancels_both_ways(struct port *port)
{
    enum { SIZE = 1 << 22 };
    struct talk talk;
    uint8_t *bytes = calloc(1, SIZE);
    struct span part = span_of(bytes, SIZE);
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    do { /* until one does not go through any more */
        port_send(port, &talk.socket, &part, 1);
        for (int turns = 0; turns < 10 && talk.socket.sending; turns++) turn(&talk);
    } while (!talk.socket.sending);
    int sends = talk.sends;
    port_cancel(port, &talk.socket);
    AWAIT(&talk, port_idle(&talk.socket));
    cr_assert_eq(talk.ends, 1);
    cr_assert_eq(talk.sends, sends + 1);
    cr_assert(nothing_comes(&talk));
    finish(&talk);
    free(bytes);
}

ON_EACH_BACKEND(completes_everything_that_was_cancelled_exactly_once, cancels_both_ways)

static void reset_is_an_error(struct port *port)
{
    struct talk talk;
    struct span part = span_text("into the void");
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    peer_says(&talk, "so");
    expect_bytes(&talk, "so");
    peer_reset(talk.peer);
    talk.peer = -1;
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_RESET);
    port_send(port, &talk.socket, &part, 1);
    AWAIT(&talk, talk.sends == 1);
    cr_assert_eq(talk.send_error, PORT_RESET);
    finish(&talk);
}

ON_EACH_BACKEND(tells_a_reset_in_its_own_words, reset_is_an_error)

/* Any port for 0, which is then known. */
static void listen_on(struct port *port, struct port_acceptor *acceptor, uint16_t *number)
{
    struct error error = {.text = ""};
    struct address address;
    cr_assert(address_parse("127.0.0.1:0", &address, &error));
    address.port = *number;
    acceptor->handle = port->operations->listen(&address, 16, &error);
    cr_assert(acceptor->handle >= 0, "%s", error.text);
    cr_assert(port->operations->local_address(acceptor->handle, &address));
    *number = address.port;
}

/* The third time on another socket. */
static void accepts(struct port *port)
{
    struct port_acceptor acceptor = {.handle = -1};
    uint16_t number = 0;
    listen_on(port, &acceptor, &number);
    cr_assert(number != 0);
    for (int round = 0; round < 3; round++) {
        if (round == 2) {
            port_accept_close(port, &acceptor);
            cr_assert_eq(acceptor.handle, -1);
            cr_assert_eq(peer_try_to_connect(number), -1);
            listen_on(port, &acceptor, &number);
        }
        port_accept_start(port, &acceptor);
        for (int i = 0; i < 40; i++) {
            intptr_t client = peer_connect(number);
            struct port_event event = next(port);
            struct address peer, here;
            cr_assert_eq(event.kind, PORT_ACCEPTED);
            cr_assert(event.handle >= 0);
            cr_assert_not(event.last);
            cr_assert(port->operations->peer_address(&event, &peer));
            cr_assert_eq(peer.family, ADDRESS_IPV4);
            cr_assert(port->operations->local_address(client, &here));
            cr_assert_eq(peer.port, here.port, "it is this client's");
            port->operations->close_handle(event.handle);
            peer_close(client);
        }
        port_accept_stop(port, &acceptor);
        struct port_event event = next(port);
        cr_assert_eq(event.kind, PORT_ACCEPTED);
        cr_assert(event.last);
        cr_assert_eq(event.handle, -1);
        cr_assert_not(acceptor.accepting);
    }
    port_accept_close(port, &acceptor);
}

ON_EACH_BACKEND(accepts_until_it_is_told_to_stop, accepts)

/* More than both systems hold; then a little of it is taken, which makes no room yet. */
static void says_what_it_holds(struct port *port)
{
    enum { SIZE = 32 << 20, LITTLE = 64 << 10 };
    uint8_t *bytes = calloc(1, SIZE);
    struct talk talk;
    begin(&talk, port);
    cr_assert_eq(port_unsent(port, &talk.socket), 0);
    do {
        struct span part = span_skip(span_of(bytes, SIZE), talk.sent);
        if (!talk.socket.sending) port_send(port, &talk.socket, &part, 1);
    } while (!nothing_comes(&talk));
    cr_assert(port_send_waits(&talk.socket));
    size_t before = port_unsent(port, &talk.socket);
    if (before > 0) {
        peer_receive_all(talk.peer, bytes, LITTLE);
        AWAIT(&talk, port_unsent(port, &talk.socket) < before);
    }
    port_cancel(port, &talk.socket);
    AWAIT(&talk, port_idle(&talk.socket));
    finish(&talk);
    free(bytes);
}

ON_EACH_BACKEND(says_what_the_system_holds_for_the_peer, says_what_it_holds)
