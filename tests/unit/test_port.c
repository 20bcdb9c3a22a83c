#include "port.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

enum { LANDINGS = 4, LANDING_SIZE = 4096, EVENTS = 64 };
#define SECONDS_10 UINT64_C(10000000000)

static const struct port_options options = {
    .landing_blocks = LANDINGS, .landing_size = LANDING_SIZE, .recv_depth = 4};

static void on_backend(enum port_backend wanted, void (*test)(struct port *port))
{
    struct error error;
    enum port_backend chosen;
    char why[256];
    if (!port_choose(wanted, &chosen, why, sizeof why)) cr_skip_test("%s", why);
    struct port *port = port_open(chosen, &options, &error);
    cr_assert_not_null(port, "%s", error.text);
    cr_assert_str_eq(port->operations->name, port_backend_name(chosen));
    test(port);
    port_close(port);
}

/* The contract is one: every test is run on each backend. */
#define ON_EACH_BACKEND(name, test) \
    Test(port_epoll, name) \
    { \
        on_backend(PORT_EPOLL, test); \
    } \
    Test(port_uring, name) \
    { \
        on_backend(PORT_URING, test); \
    }

/* Harvests until there is an event; at most 10 s. */
static struct port_event next(struct port *port)
{
    struct port_event event = {.kind = PORT_POSTED};
    for (int tries = 0; tries < 1000; tries++)
        if (port_harvest(port, &event, 1, port_clock(port) + SECONDS_10 / 1000) == 1) return event;
    cr_assert(false, "nothing completed");
    return event;
}

static bool nothing_comes(struct port *port)
{
    struct port_event event;
    for (int tries = 0; tries < 3; tries++)
        if (port_harvest(port, &event, 1, port_clock(port) + 2000000) != 0) return false;
    return true;
}

/* A socket of the port's, and the peer's end of it. */
static int attach(struct port *port, struct port_socket *socket)
{
    int pair[2];
    int flags = SOCK_STREAM | (port->operations->name[0] == 'e' ? SOCK_NONBLOCK : 0);
    cr_assert_eq(socketpair(AF_UNIX, flags, 0, pair), 0);
    cr_assert(port_attach(port, socket, pair[0]));
    return pair[1];
}

static void end(struct port *port, struct port_socket *socket, int peer)
{
    port_cancel(port, socket);
    while (!port_idle(socket)) {
        struct port_event event = next(port);
        if (event.kind == PORT_RECEIVED && event.block != NULL) port_recv_done(port, event.block);
    }
    port_detach(port, socket);
    close(peer);
}

static void write_all(int peer, const char *text)
{
    cr_assert_eq(write(peer, text, strlen(text)), (ssize_t)strlen(text));
}

static void expect_bytes(struct port *port, struct port_socket *socket, const char *text,
                         uint32_t sequence)
{
    struct port_event event = next(port);
    cr_assert_eq(event.kind, PORT_RECEIVED);
    cr_assert_eq(event.socket, socket);
    cr_assert_eq(event.error, PORT_OK);
    cr_assert_not_null(event.block);
    cr_assert_eq(event.block->sequence, sequence);
    cr_assert_eq(event.block->end, strlen(text));
    cr_assert_eq(memcmp(event.block->data, text, strlen(text)), 0);
    port_recv_done(port, event.block);
}

static void numbers_go_on(struct port *port)
{
    struct port_socket socket;
    int peer = attach(port, &socket);
    port_recv_start(port, &socket);
    write_all(peer, "one");
    expect_bytes(port, &socket, "one", 0);
    write_all(peer, "two");
    expect_bytes(port, &socket, "two", 1);

    port_recv_stop(port, &socket);
    struct port_event event = next(port);
    cr_assert(event.last);
    cr_assert_not(socket.receiving);
    write_all(peer, "three");
    cr_assert(nothing_comes(port), "a stopped stream yields nothing");
    port_recv_start(port, &socket);
    expect_bytes(port, &socket, "three", 2);
    end(port, &socket, peer);
}

ON_EACH_BACKEND(numbers_what_it_receives_over_stop_and_start, numbers_go_on)

static void end_is_told_once(struct port *port)
{
    struct port_socket socket;
    int peer = attach(port, &socket);
    port_recv_start(port, &socket);
    write_all(peer, "last words");
    shutdown(peer, SHUT_WR);
    expect_bytes(port, &socket, "last words", 0);
    struct port_event event = next(port);
    cr_assert_eq(event.kind, PORT_RECEIVED);
    cr_assert_eq(event.error, PORT_OK);
    cr_assert(event.last);
    cr_assert(event.block == NULL || event.block->end == 0);
    cr_assert(port_idle(&socket));
    cr_assert(nothing_comes(port));
    end(port, &socket, peer);
}

ON_EACH_BACKEND(tells_the_end_of_a_stream_once_and_after_its_bytes, end_is_told_once)

static void waits_for_blocks(struct port *port)
{
    struct port_socket socket;
    struct block *held[LANDINGS];
    char bytes[LANDING_SIZE];
    int peer = attach(port, &socket);
    memset(bytes, 'x', sizeof bytes);
    port_recv_start(port, &socket);
    for (int i = 0; i < LANDINGS; i++) {
        cr_assert_eq(write(peer, bytes, sizeof bytes), (ssize_t)sizeof bytes);
        held[i] = next(port).block;
        cr_assert_not_null(held[i]);
        cr_assert_eq(held[i]->sequence, (uint32_t)i);
    }
    write_all(peer, "more");
    cr_assert(nothing_comes(port), "there is no block to receive into");
    cr_assert(socket.receiving, "but the stream is not over");
    port_recv_done(port, held[2]);
    expect_bytes(port, &socket, "more", LANDINGS);
    port_recv_done(port, held[0]);
    port_recv_done(port, held[1]);
    port_recv_done(port, held[3]);
    end(port, &socket, peer);
}

ON_EACH_BACKEND(holds_a_stream_without_blocks_and_goes_on_by_itself, waits_for_blocks)

static void stops_while_waiting(struct port *port)
{
    struct port_socket socket;
    struct block *held[LANDINGS];
    char bytes[LANDING_SIZE] = "";
    int peer = attach(port, &socket);
    port_recv_start(port, &socket);
    for (int i = 0; i < LANDINGS; i++) {
        cr_assert_eq(write(peer, bytes, sizeof bytes), (ssize_t)sizeof bytes);
        held[i] = next(port).block;
    }
    write_all(peer, "more");
    cr_assert(nothing_comes(port));
    port_recv_stop(port, &socket);
    struct port_event event = next(port);
    cr_assert(event.last);
    cr_assert_null(event.block);
    for (int i = 0; i < LANDINGS; i++) port_recv_done(port, held[i]);
    end(port, &socket, peer);
}

ON_EACH_BACKEND(ends_a_stream_that_waits_for_a_block, stops_while_waiting)

static void sends_parts(struct port *port)
{
    struct port_socket socket;
    char bytes[16];
    int peer = attach(port, &socket);
    struct span parts[] = {span_text("one"), span_text("two"), span_text("three")};
    port_send(port, &socket, parts, 3);
    cr_assert(socket.sending, "it completes in a harvest, not in the call");
    struct port_event event = next(port);
    cr_assert_eq(event.kind, PORT_SENT);
    cr_assert_eq(event.socket, &socket);
    cr_assert_eq(event.size, 11);
    cr_assert_not(socket.sending);
    cr_assert_eq(read(peer, bytes, sizeof bytes), 11);
    cr_assert_eq(memcmp(bytes, "onetwothree", 11), 0);
    end(port, &socket, peer);
}

ON_EACH_BACKEND(sends_gathered_parts_in_order, sends_parts)

static void goes_on_when_read(struct port *port)
{
    enum { SIZE = 1 << 22 };
    struct port_socket socket;
    uint8_t *bytes = malloc(SIZE), *read_bytes = malloc(SIZE);
    size_t sent = 0, received = 0;
    int peer = attach(port, &socket);
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 31 >> 3);
    while (received < SIZE) {
        if (!socket.sending && sent < SIZE) {
            struct span rest = span_of(bytes + sent, SIZE - sent);
            port_send(port, &socket, &rest, 1);
        }
        struct port_event event;
        if (port_harvest(port, &event, 1, port_clock(port) + 1000000) == 1) {
            cr_assert_eq(event.kind, PORT_SENT);
            cr_assert_eq(event.error, PORT_OK);
            sent += event.size;
        }
        ssize_t size = recv(peer, read_bytes + received, SIZE - received, MSG_DONTWAIT);
        if (size > 0) received += (size_t)size;
    }
    cr_assert_eq(sent, (size_t)SIZE);
    cr_assert_eq(memcmp(bytes, read_bytes, SIZE), 0);
    end(port, &socket, peer);
    free(bytes);
    free(read_bytes);
}

ON_EACH_BACKEND(goes_on_sending_when_a_full_peer_reads, goes_on_when_read)

static void cancels_both_ways(struct port *port)
{
    enum { SIZE = 1 << 22 };
    struct port_socket socket;
    uint8_t *bytes = calloc(1, SIZE);
    int peer = attach(port, &socket);
    struct span part = span_of(bytes, SIZE);
    int received = 0, sent = 0;
    port_recv_start(port, &socket);
    port_send(port, &socket, &part, 1);
    while (!socket.sending || !nothing_comes(port)) { /* until one does not go through any more */
        if (socket.sending) continue;
        port_send(port, &socket, &part, 1);
    }
    port_cancel(port, &socket);
    while (!port_idle(&socket)) {
        struct port_event event = next(port);
        if (event.kind == PORT_RECEIVED) received += event.last;
        if (event.kind == PORT_SENT) sent++;
    }
    cr_assert_eq(received, 1);
    cr_assert_eq(sent, 1);
    cr_assert(nothing_comes(port));
    port_detach(port, &socket);
    close(peer);
    free(bytes);
}

ON_EACH_BACKEND(completes_everything_that_was_cancelled_exactly_once, cancels_both_ways)

static void reset_is_an_error(struct port *port)
{
    struct port_socket socket;
    int peer = attach(port, &socket);
    struct span part = span_text("into the void");
    close(peer);
    port_send(port, &socket, &part, 1);
    struct port_event event = next(port);
    cr_assert_eq(event.kind, PORT_SENT);
    cr_assert_eq(event.error, PORT_RESET);
    port_detach(port, &socket);
}

ON_EACH_BACKEND(tells_a_reset_in_its_own_words, reset_is_an_error)

struct letter {
    struct mail mail;
    int number;
};

static void *post_letters(void *argument)
{
    struct port *port = argument;
    for (int i = 0; i < 1000; i++) {
        struct letter *letter = malloc(sizeof *letter);
        letter->number = i;
        port_post(port, &letter->mail);
    }
    return NULL;
}

static void takes_mail(struct port *port)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, post_letters, port), 0);
    for (int i = 0; i < 1000; i++) {
        struct port_event event = next(port);
        cr_assert_eq(event.kind, PORT_POSTED);
        struct letter *letter = container_of(event.mail, struct letter, mail);
        cr_assert_eq(letter->number, i);
        free(letter);
    }
    pthread_join(thread, NULL);
    cr_assert(nothing_comes(port));
}

ON_EACH_BACKEND(is_woken_by_mail_of_another_thread, takes_mail)

static void accepts(struct port *port)
{
    struct error error = {.text = ""};
    struct address address;
    struct port_acceptor acceptor = {.handle = -1};
    cr_assert(address_parse("127.0.0.1:0", &address, &error));
    acceptor.handle = port->operations->listen(&address, 16, &error);
    cr_assert(acceptor.handle >= 0, "%s", error.text);
    cr_assert(port->operations->local_address(acceptor.handle, &address));
    cr_assert(address.port != 0);
    port_accept_start(port, &acceptor);
    for (int i = 0; i < 3; i++) {
        struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(address.port)};
        to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        int client = socket(AF_INET, SOCK_STREAM, 0);
        cr_assert_eq(connect(client, (struct sockaddr *)&to, sizeof to), 0);
        struct port_event event = next(port);
        struct address peer;
        cr_assert_eq(event.kind, PORT_ACCEPTED);
        cr_assert(event.handle >= 0);
        cr_assert_not(event.last);
        cr_assert(port->operations->peer_address(event.handle, &peer));
        cr_assert_eq(peer.family, ADDRESS_IPV4);
        port->operations->close_handle(event.handle);
        close(client);
    }
    port_accept_stop(port, &acceptor);
    struct port_event event = next(port);
    cr_assert_eq(event.kind, PORT_ACCEPTED);
    cr_assert(event.last);
    cr_assert_eq(event.handle, -1);
    cr_assert_not(acceptor.accepting);
    port->operations->close_handle(acceptor.handle);
}

ON_EACH_BACKEND(accepts_until_it_is_told_to_stop, accepts)
