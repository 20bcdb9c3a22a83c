/* port_talk.h - a port of each backend to try, and one connection of it: what came of it, whatever
 * order its blocks were yielded in. For test_port.c and its kin. */
#ifndef MOONPORT_PORT_TALK_H
#define MOONPORT_PORT_TALK_H

#include "peer.h"
#include "port/port.h"
#include "stream/reorder.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

enum { LANDINGS = 4, LANDING_SIZE = 4096, DEPTH = 4 };
#define TICK_NS UINT64_C(10000000)

static inline void on_backend(enum port_backend wanted, void (*test)(struct port *port))
{
    struct error error;
    enum port_backend chosen;
    char why[256];
    const struct port_options options = {
        .landing_blocks = LANDINGS, .landing_size = LANDING_SIZE, .recv_depth = DEPTH};
    if (!port_choose(wanted, &chosen, why, sizeof why)) cr_skip_test("%s", why);
    struct port *port = port_open(chosen, &options, &error);
    cr_assert_not_null(port, "%s", error.text);
    cr_assert_str_eq(port->operations->name, port_backend_name(chosen));
    test(port);
    port_close(port);
}

/* The contract is one: every test is run on each backend. */
#define ON_BACKEND(suite, backend, name, test) \
    Test(suite, name) \
    { \
        on_backend(backend, test); \
    }

#ifdef _WIN32
static inline void shuffled(void (*test)(struct port *port))
{
    for (int seed = 1; seed <= 20; seed++) {
        char setting[32];
        snprintf(setting, sizeof setting, "MOONPORT_SHUFFLE=%d", seed);
        cr_assert_eq(putenv(setting), 0);
        on_backend(PORT_IOCP, test);
    }
    putenv("MOONPORT_SHUFFLE=");
}
#define ON_EACH_BACKEND(name, test) \
    ON_BACKEND(port_iocp, PORT_IOCP, name, test) \
    Test(port_iocp_shuffled, name) \
    { \
        shuffled(test); \
    }
#else
#define ON_EACH_BACKEND(name, test) \
    ON_BACKEND(port_epoll, PORT_EPOLL, name, test) \
    ON_BACKEND(port_uring, PORT_URING, name, test)
#endif

/* One connection of the port's, and what has come of it. */
struct talk {
    struct port *port;
    struct port_socket socket;
    intptr_t peer;
    struct reorder reorder;
    struct block *early[DEPTH];
    struct list arrived; /* blocks with bytes, in order */
    int ends, sends;     /* events */
    uint8_t error;       /* of the last event of the stream */
    uint8_t send_error;
    size_t sent;
    int watches; /* that are over */
    uint8_t watch_error;
};

static inline void begin(struct talk *talk, struct port *port)
{
    intptr_t ends[2];
    *talk = (struct talk){.port = port};
    peer_pair(ends);
    if (port->operations->name[0] == 'e') peer_set_blocking(ends[0], false);
    cr_assert(port_attach(port, &talk->socket, ends[0]));
    talk->peer = ends[1];
    reorder_init(&talk->reorder, DEPTH, talk->early);
    list_init(&talk->arrived);
}

static inline void arrive(struct talk *talk, struct block *block)
{
    if (!reorder_put(&talk->reorder, block->sequence, block)) return;
    for (; block != NULL; block = reorder_take(&talk->reorder)) {
        if (block->end == 0)
            port_recv_done(talk->port, block);
        else
            list_append(&talk->arrived, &block->node);
    }
}

static inline void take(const struct port_event *event)
{
    struct talk *talk = container_of(event->socket, struct talk, socket);
    if (event->kind == PORT_SENT) {
        cr_assert_not(talk->socket.sending);
        talk->sends++;
        talk->sent += event->size;
        talk->send_error = event->error;
        return;
    }
    if (event->kind == PORT_ENDED) {
        cr_assert_eq(talk->socket.watching, PORT_WATCH_NOTHING);
        talk->watches++;
        talk->watch_error = event->error;
        return;
    }
    cr_assert_eq(event->kind, PORT_RECEIVED);
    cr_assert_eq(talk->ends, 0, "nothing follows the last event");
    if (event->block != NULL) arrive(talk, event->block);
    if (event->last) {
        cr_assert_not(talk->socket.receiving);
        talk->ends++;
        talk->error = event->error;
    } else {
        cr_assert_eq(event->error, PORT_OK, "an error is told with the last event");
    }
}

/* One harvest, which waits for a moment. */
static inline void turn(struct talk *talk)
{
    struct port_event events[DEPTH];
    int count = port_harvest(talk->port, events, DEPTH, port_clock(talk->port) + TICK_NS);
    for (int i = 0; i < count; i++) take(&events[i]);
}

#define TURNS_MAX 1000
#define AWAIT(talk, condition) \
    do { \
        for (int turns_ = 0; !(condition) && turns_ < TURNS_MAX; turns_++) turn(talk); \
        cr_assert(condition, "this does not come"); \
    } while (0)

static inline bool nothing_comes(struct talk *talk)
{
    int ends = talk->ends, sends = talk->sends;
    for (int turns = 0; turns < 3; turns++) turn(talk);
    return list_empty(&talk->arrived) && talk->ends == ends && talk->sends == sends;
}

static inline struct block *next_block(struct talk *talk)
{
    AWAIT(talk, !list_empty(&talk->arrived));
    return block_of(list_take_first(&talk->arrived));
}

static inline void drop_arrived(struct talk *talk)
{
    struct list *node;
    while ((node = list_take_first(&talk->arrived)) != NULL)
        port_recv_done(talk->port, block_of(node));
}

static inline void finish(struct talk *talk)
{
    struct block *block;
    port_cancel(talk->port, &talk->socket);
    AWAIT(talk, port_idle(&talk->socket));
    drop_arrived(talk);
    while ((block = reorder_drop(&talk->reorder)) != NULL) port_recv_done(talk->port, block);
    port_detach(talk->port, &talk->socket);
    if (talk->peer >= 0) peer_close(talk->peer);
}

static inline void expect_bytes(struct talk *talk, const char *text)
{
    for (size_t done = 0; done < strlen(text);) {
        struct block *block = next_block(talk);
        cr_assert(block->end <= strlen(text) - done);
        cr_assert_eq(memcmp(block->data, text + done, block->end), 0);
        done += block->end;
        port_recv_done(talk->port, block);
    }
    cr_assert(list_empty(&talk->arrived));
}

static inline void peer_says(struct talk *talk, const char *text)
{
    peer_send(talk->peer, text, strlen(text));
}

/* Fills all the blocks that there are, and keeps them. */
static inline void hold_all(struct talk *talk, struct block *held[LANDINGS])
{
    char bytes[LANDING_SIZE];
    memset(bytes, 'x', sizeof bytes);
    port_recv_start(talk->port, &talk->socket);
    for (int i = 0; i < LANDINGS; i++) {
        peer_send(talk->peer, bytes, sizeof bytes);
        held[i] = next_block(talk);
    }
}

/* Harvests until there is an event. */
static inline struct port_event next(struct port *port)
{
    struct port_event event = {.kind = PORT_POSTED};
    for (int tries = 0; tries < TURNS_MAX; tries++)
        if (port_harvest(port, &event, 1, port_clock(port) + TICK_NS) == 1) return event;
    cr_assert(false, "nothing completed");
    return event;
}

struct poster {
    struct port *port;
    struct mail mail;
};

static inline void *post_later(void *argument)
{
    struct poster *poster = argument;
    usleep(20000);
    port_post(poster->port, &poster->mail);
    return NULL;
}

/* By somebody else, if it waits by then; nothing else would wake it before its deadline. */
static inline void is_woken(struct port *port)
{
    struct poster poster = {.port = port};
    for (int round = 0; round < 5; round++) {
        pthread_t thread;
        struct port_event event;
        uint64_t deadline_ns = port_clock(port) + 2000 * TICK_NS;
        int count = 0;
        cr_assert_eq(pthread_create(&thread, NULL, post_later, &poster), 0);
        while (count == 0 && port_now(port) < deadline_ns)
            count = port_harvest(port, &event, 1, deadline_ns);
        cr_assert_eq(count, 1);
        cr_assert(port_now(port) < deadline_ns, "it was woken by nobody, and found it there");
        cr_assert_eq(event.kind, PORT_POSTED);
        cr_assert_eq(event.mail, &poster.mail);
        pthread_join(thread, NULL);
    }
}

#endif
