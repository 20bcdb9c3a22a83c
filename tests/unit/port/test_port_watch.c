/* The port's contract about a peer's end that is seen without receiving, and about what has not been
 * heard yet, on every backend. */
#include "port/port.h"

#include "port_talk.h"

#include <criterion/criterion.h>

static void await_watch(struct talk *talk, enum port_error error)
{
    AWAIT(talk, talk->watches == 1);
    cr_assert_eq(talk->watch_error, error, "it tells of: %s", port_error_text(talk->watch_error));
    talk->watches = 0;
}

static void tells_nothing_yet(struct talk *talk)
{
    cr_assert(nothing_comes(talk));
    cr_assert_eq(talk->watches, 0);
    cr_assert(talk->socket.watching);
}

static void tells_the_end(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_watch(port, &talk.socket, PORT_WATCH_END);
    tells_nothing_yet(&talk);
    peer_finish(talk.peer);
    await_watch(&talk, PORT_OK);
    cr_assert_eq(port_unread(port, &talk.socket), 0);
    cr_assert(port_idle(&talk.socket));
    finish(&talk);
}

ON_EACH_BACKEND(tells_the_end_without_receiving, tells_the_end)

static void tells_it_behind_bytes(struct port *port)
{
    struct talk talk;
    if (!peer_end_overtakes())
        cr_skip_test("NOT TESTED: Wine sees an end only when the bytes before it were received");
    begin(&talk, port);
    peer_says(&talk, "unread");
    port_watch(port, &talk.socket, PORT_WATCH_END);
    tells_nothing_yet(&talk);
    peer_finish(talk.peer);
    await_watch(&talk, PORT_OK);
    cr_assert_eq(port_unread(port, &talk.socket), strlen("unread"));
    port_recv_start(port, &talk.socket);
    expect_bytes(&talk, "unread");
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_OK);
    finish(&talk);
}

ON_EACH_BACKEND(tells_the_end_behind_bytes_that_nobody_receives, tells_it_behind_bytes)

static void tells_an_end_that_was(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    peer_says(&talk, "so");
    expect_bytes(&talk, "so");
    port_recv_stop(port, &talk.socket);
    AWAIT(&talk, talk.ends == 1);
    peer_finish(talk.peer);
    cr_assert(nothing_comes(&talk));
    port_watch(port, &talk.socket, PORT_WATCH_END);
    await_watch(&talk, PORT_OK);
    finish(&talk);
}

ON_EACH_BACKEND(tells_an_end_that_came_before_the_watch, tells_an_end_that_was)

static void tells_a_reset(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    peer_says(&talk, "unread");
    port_watch(port, &talk.socket, PORT_WATCH_END);
    tells_nothing_yet(&talk);
    peer_reset(talk.peer);
    talk.peer = -1;
    await_watch(&talk, PORT_RESET);
    finish(&talk);
}

ON_EACH_BACKEND(tells_a_reset_behind_bytes_that_nobody_receives, tells_a_reset)

static void tells_a_break_alone(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    peer_finish(talk.peer);
    AWAIT(&talk, talk.ends == 1);
    port_watch(port, &talk.socket, PORT_WATCH_BREAK);
    tells_nothing_yet(&talk);
    peer_reset(talk.peer);
    talk.peer = -1;
    await_watch(&talk, PORT_RESET);
    finish(&talk);
}

ON_EACH_BACKEND(tells_a_break_after_the_end_is_known, tells_a_break_alone)

static void is_cancelled(struct port *port)
{
    struct talk talk;
    for (int what = PORT_WATCH_END; what <= PORT_WATCH_BREAK; what++) {
        begin(&talk, port);
        port_watch(port, &talk.socket, (enum port_watch)what);
        if (what == PORT_WATCH_BREAK) peer_finish(talk.peer);
        tells_nothing_yet(&talk);
        cr_assert_not(port_idle(&talk.socket));
        port_cancel(port, &talk.socket);
        await_watch(&talk, PORT_CANCELLED);
        finish(&talk);
    }
}

ON_EACH_BACKEND(a_watch_that_is_cancelled_completes_once, is_cancelled)

static void goes_beside_a_stream(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_watch(port, &talk.socket, PORT_WATCH_END);
    for (int round = 0; round < 3; round++) {
        port_recv_start(port, &talk.socket);
        peer_says(&talk, "round");
        expect_bytes(&talk, "round");
        port_recv_stop(port, &talk.socket);
        AWAIT(&talk, talk.ends == 1);
        talk.ends = 0;
        tells_nothing_yet(&talk);
    }
    peer_finish(talk.peer);
    await_watch(&talk, PORT_OK);
    finish(&talk);
}

ON_EACH_BACKEND(a_watch_lasts_while_a_stream_is_on_and_off, goes_beside_a_stream)

/* ---- what has not been heard ---- */

/* More of them have spoken than one harvest brings, or there are blocks for. */
static void is_behind(struct port *port)
{
    enum { MANY = 4 * LANDINGS };
    struct talk talks[MANY];
    bool heard[MANY] = {false};
    for (int i = 0; i < MANY; i++) {
        begin(&talks[i], port);
        port_recv_start(port, &talks[i].socket);
    }
    AWAIT(&talks[0], !port_behind(port));
    for (int i = 0; i < MANY; i++) peer_says(&talks[i], "here");
    uint64_t said_ns = port_clock(port);
    do { /* whoever asks for the time does not have to wait */
        turn(&talks[0]);
        for (int i = 0; i < MANY; i++) {
            if (list_empty(&talks[i].arrived)) continue;
            expect_bytes(&talks[i], "here");
            heard[i] = true;
        }
    } while (port_behind(port) || port->asked_ns < said_ns);
    for (int i = 0; i < MANY; i++) {
        cr_assert(heard[i], "the port is not behind, and has not told of %d", i);
        cr_assert_not(port_unheard(&talks[i].socket));
        finish(&talks[i]);
    }
}

ON_EACH_BACKEND(is_behind_until_all_are_heard, is_behind)

/* One that finds no block is not heard, and nobody waits for that. */
static void without_blocks(struct port *port)
{
    struct talk holder, talk;
    struct block *held[LANDINGS];
    begin(&holder, port);
    hold_all(&holder, held);
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    peer_says(&talk, "here");
    cr_assert(nothing_comes(&talk));
    AWAIT(&talk, !port_behind(port));
    cr_assert(port_unheard(&talk.socket), "it has something to say");
    for (int i = 0; i < LANDINGS; i++) port_recv_done(port, held[i]);
    expect_bytes(&talk, "here");
    finish(&talk);
    finish(&holder);
}

ON_EACH_BACKEND(is_not_behind_for_want_of_blocks, without_blocks)

/* ---- beside a flood ---- */

enum { FLOODS = 3, QUIET = 4 * LANDINGS, FLOOD_TURNS = 40 };

static void flood(struct talk *talks, int blocks)
{
    static const char bytes[LANDING_SIZE];
    for (int i = 0; i < FLOODS; i++) {
        drop_arrived(&talks[i]);
        for (int k = 0; k < blocks; k++) peer_send(talks[i].peer, bytes, sizeof bytes);
    }
}

static void take_all(struct talk *talks, bool *heard)
{
    for (int i = 0; i < QUIET; i++) {
        if (list_empty(&talks[i].arrived)) continue;
        expect_bytes(&talks[i], "here");
        heard[i] = true;
    }
}

/* They have more to say at every turn, so that it stays behind. */
static void hears_all(struct port *port)
{
    struct talk floods[FLOODS], talks[QUIET];
    bool heard[QUIET] = {false};
    int turns = 0;
    if (port->operations->name[0] == 'i')
        cr_skip_test(
            "NOT TESTED: a stream that finds no block is not waited for, and on Windows each wants "
            "its own: here are too few");
    for (int i = 0; i < FLOODS; i++) begin(&floods[i], port);
    for (int i = 0; i < QUIET; i++) begin(&talks[i], port);
    for (int i = 0; i < FLOODS; i++) port_recv_start(port, &floods[i].socket);
    for (int i = 0; i < QUIET; i++) port_recv_start(port, &talks[i].socket);
    AWAIT(&talks[0], !port_behind(port));
    flood(floods, 16);
    for (int i = 0; i < QUIET; i++) peer_says(&talks[i], "here");
    uint64_t said_ns = port_clock(port);
    while (port_heard(port) < said_ns && turns++ < FLOOD_TURNS) {
        flood(floods, 1);
        turn(&floods[0]);
        take_all(talks, heard);
    }
    cr_assert(turns < FLOOD_TURNS, "what has come is heard, whoever floods it");
    for (int i = 0; i < QUIET; i++)
        cr_assert(heard[i], "it has heard all that had come, and has not told of %d", i);
    for (int i = 0; i < FLOODS; i++) finish(&floods[i]);
    for (int i = 0; i < QUIET; i++) finish(&talks[i]);
}

ON_EACH_BACKEND(hears_all_that_has_come_beside_a_flood, hears_all)
