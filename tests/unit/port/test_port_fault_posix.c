/* The contract of the port when the system's calls fail, stop or fall short, on both backends of Linux:
 * nothing is lost, nothing is told twice, and what can go on does so by itself. */
#include "port_fault_posix.h"
#include "port_talk.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

/* ---- waiting ---- */

static void goes_on_after(struct port *port, int number)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    for (int round = 0; round < 3; round++) {
        peer_says(&talk, "again");
        fault_fail(FAULT_WAIT, FAULT_ANY, number, 4);
        expect_bytes(&talk, "again");
        AWAIT(&talk, fault_left(FAULT_WAIT) == 0);
    }
    peer_finish(talk.peer);
    fault_fail(FAULT_WAIT, FAULT_ANY, number, 4);
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_OK);
    finish(&talk);
}

static void interrupted(struct port *port)
{
    goes_on_after(port, EINTR);
}

ON_EACH_BACKEND(loses_nothing_when_its_wait_is_interrupted, interrupted)

static void busy(struct port *port)
{
    goes_on_after(port, EBUSY);
    goes_on_after(port, EAGAIN);
}

ON_BACKEND(port_uring, PORT_URING, loses_nothing_when_the_kernel_is_busy, busy)

/* What was asked for while the kernel takes nothing is asked for later. */
static void full_while_busy(struct port *port)
{
    enum { MORE_THAN_FIT = 1100 };
    static const int numbers[] = {EBUSY, EAGAIN, EINTR};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct talk talk;
        begin(&talk, port);
        port_recv_start(port, &talk.socket);
        fault_fail(FAULT_SUBMIT, FAULT_ANY, numbers[i], 3);
        for (int count = 0; count < MORE_THAN_FIT; count++) port_cancel(port, &talk.socket);
        cr_assert_eq(fault_left(FAULT_SUBMIT), 0);
        AWAIT(&talk, port_idle(&talk.socket));
        cr_assert_eq(talk.ends, 1);
        cr_assert_eq(talk.error, PORT_CANCELLED);
        finish(&talk);
    }
}

ON_BACKEND(port_uring, PORT_URING, submits_again_what_the_kernel_did_not_take, full_while_busy)

static void mail_arrives(struct port *port)
{
    struct mail mail;
    struct port_event event = {.kind = PORT_SENT};
    fault_fail(FAULT_WAIT, FAULT_ANY, EINTR, 2);
    port_post(port, &mail);
    for (int turns = 0; turns < TURNS_MAX && event.kind != PORT_POSTED; turns++)
        port_harvest(port, &event, 1, port_clock(port) + TICK_NS);
    cr_assert_eq(event.kind, PORT_POSTED);
    cr_assert_eq(event.mail, &mail);
}

ON_EACH_BACKEND(takes_mail_though_its_wait_is_interrupted, mail_arrives)

/* ---- receiving ---- */

static void read_interrupted(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    fault_fail(FAULT_RECV, talk.socket.handle, EINTR, 3);
    peer_says(&talk, "once is enough");
    expect_bytes(&talk, "once is enough");
    cr_assert_eq(fault_left(FAULT_RECV), 0);
    finish(&talk);
}

ON_BACKEND(port_epoll, PORT_EPOLL, reads_again_after_an_interruption, read_interrupted)

/* It was said to be readable, and is not: that is no event, and no end. */
static void not_readable_after_all(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    port_recv_start(port, &talk.socket);
    fault_fail(FAULT_RECV, talk.socket.handle, EAGAIN, 1);
    peer_says(&talk, "one");
    AWAIT(&talk, fault_left(FAULT_RECV) == 0);
    cr_assert(nothing_comes(&talk));
    cr_assert(talk.socket.receiving);
    peer_says(&talk, "two");
    expect_bytes(&talk, "onetwo");
    finish(&talk);
}

ON_BACKEND(port_epoll, PORT_EPOLL, waits_on_when_there_is_nothing_in_spite_of_readiness,
           not_readable_after_all)

static const struct {
    int number;
    enum port_error told;
} recv_errors[] = {
    {ECONNRESET, PORT_RESET},    {ECONNABORTED, PORT_RESET},     {ENOTCONN, PORT_RESET},
    {ETIMEDOUT, PORT_TIMED_OUT}, {EHOSTUNREACH, PORT_TIMED_OUT}, {ENOMEM, PORT_NO_MEMORY},
    {EIO, PORT_FAILED},
};

/* An error ends the stream, once, behind all bytes, and no block is missing afterwards. */
static void read_fails(struct port *port)
{
    for (size_t i = 0; i < sizeof recv_errors / sizeof *recv_errors; i++) {
        struct talk talk;
        begin(&talk, port);
        fault_stop_multishots();
        port_recv_start(port, &talk.socket);
        peer_says(&talk, "so far");
        expect_bytes(&talk, "so far");
        fault_fail(FAULT_RECV, talk.socket.handle, recv_errors[i].number, 1);
        fault_complete(&talk.socket, -recv_errors[i].number);
        peer_says(&talk, "and no further");
        AWAIT(&talk, talk.ends == 1);
        cr_assert_eq(talk.error, recv_errors[i].told);
        cr_assert(port_idle(&talk.socket));
        cr_assert(nothing_comes(&talk));
        finish(&talk);
    }
}

ON_EACH_BACKEND(ends_a_stream_once_with_the_error_of_a_read, read_fails)

static void ends_with_buffer(struct port *port)
{
    for (int round = 0; round < 2 * LANDINGS; round++) {
        struct talk talk;
        begin(&talk, port);
        fault_stop_multishots();
        port_recv_start(port, &talk.socket);
        fault_complete(&talk.socket, 0);
        peer_says(&talk, "x"); /* what the kernel has taken a buffer for */
        AWAIT(&talk, talk.ends == 1);
        cr_assert_eq(talk.error, PORT_OK);
        cr_assert(list_empty(&talk.arrived));
        finish(&talk);
    }
}

ON_BACKEND(port_uring, PORT_URING, gives_back_a_buffer_that_comes_with_the_end, ends_with_buffer)

/* Between bytes that carry a descriptor and those behind them a read stops short, though more is there. */
static void carries_descriptor(struct port *port)
{
    int ends[2];
    struct talk talk = {.port = port};
    char byte = 'a', control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec part = {&byte, 1};
    struct msghdr message = {.msg_iov = &part,
                             .msg_iovlen = 1,
                             .msg_control = control,
                             .msg_controllen = sizeof control};
    struct cmsghdr *carried = CMSG_FIRSTHDR(&message);
    carried->cmsg_level = SOL_SOCKET;
    carried->cmsg_type = SCM_RIGHTS;
    carried->cmsg_len = CMSG_LEN(sizeof(int));
    cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    if (port->operations->name[0] == 'e') peer_set_blocking(ends[0], false);
    memcpy(CMSG_DATA(carried), &ends[1], sizeof ends[1]);
    talk.peer = ends[1];
    reorder_init(&talk.reorder, DEPTH, talk.early);
    list_init(&talk.arrived);
    cr_assert_eq(sendmsg(ends[1], &message, 0), 1);
    peer_says(&talk, "bc");
    cr_assert(port_attach(port, &talk.socket, ends[0]));
    port_recv_start(port, &talk.socket);
    expect_bytes(&talk, "abc");
    finish(&talk);
}

ON_EACH_BACKEND(hears_what_follows_bytes_that_carry_a_descriptor, carries_descriptor)

/* ---- multishots that stop ---- */

static void receives_though_stopped(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    fault_stop_multishots();
    port_recv_start(port, &talk.socket);
    for (int round = 0; round < 50; round++) {
        peer_says(&talk, "and again");
        expect_bytes(&talk, "and again");
    }
    cr_assert_eq(talk.reorder.next, talk.socket.sequence_next);
    port_recv_stop(port, &talk.socket);
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_CANCELLED);
    peer_says(&talk, "later");
    cr_assert(nothing_comes(&talk));
    talk.ends = 0;
    port_recv_start(port, &talk.socket);
    peer_finish(talk.peer);
    expect_bytes(&talk, "later");
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_OK);
    finish(&talk);
}

/* It was stopped in the moment in which the kernel ended it by itself: told once, and not begun anew. */
static void stopped_as_it_stops(struct port *port)
{
    struct talk talk;
    begin(&talk, port);
    fault_stop_multishots();
    port_recv_start(port, &talk.socket);
    cr_assert(nothing_comes(&talk));
    peer_says(&talk, "last");
    port_recv_stop(port, &talk.socket);
    AWAIT(&talk, talk.ends == 1);
    cr_assert_eq(talk.error, PORT_CANCELLED);
    cr_assert(port_idle(&talk.socket));
    drop_arrived(&talk);
    peer_says(&talk, "more");
    cr_assert(nothing_comes(&talk));
    finish(&talk);
}

static void is_in_time_though_stopped(struct port *port)
{
    struct port_event event;
    for (int round = 0; round < 5; round++) {
        uint64_t deadline_ns = port_clock(port) + TICK_NS;
        while (port_now(port) < deadline_ns)
            cr_assert_eq(port_harvest(port, &event, 1, deadline_ns), 0);
    }
}

ON_BACKEND(port_uring, PORT_URING, goes_on_receiving_when_the_kernel_stops, receives_though_stopped)
ON_BACKEND(port_uring, PORT_URING, stops_once_when_the_kernel_stops_too, stopped_as_it_stops)

/* From the beginning: what wakes a port is watched as soon as it is open. */
Test(port_uring, is_woken_again_when_the_kernel_stops)
{
    fault_stop_multishots();
    on_backend(PORT_URING, is_woken);
}

Test(port_uring, keeps_its_time_when_the_kernel_stops)
{
    fault_stop_multishots();
    on_backend(PORT_URING, is_in_time_though_stopped);
}

/* ---- sending ---- */

static void send_all(struct talk *talk, const char *text, int count)
{
    size_t size = strlen(text);
    talk->sent = 0;
    while (talk->sent < size) {
        int sends = talk->sends;
        struct span left = span_skip(span_text(text), talk->sent);
        struct span first = span_first(left, (left.size + 1) / 2);
        struct span parts[] = {first, span_skip(left, first.size)};
        if (count == 1 || parts[1].size == 0)
            port_send(talk->port, &talk->socket, &left, 1);
        else
            port_send(talk->port, &talk->socket, parts, 2);
        cr_assert(talk->socket.sending);
        AWAIT(talk, talk->sends == sends + 1);
        cr_assert_eq(talk->send_error, PORT_OK);
    }
}

static void sends_again(struct port *port)
{
    static const char text[] = "every byte, once, in its order";
    struct talk talk;
    char bytes[sizeof text] = "";
    begin(&talk, port);
    for (int parts = 1; parts <= 2; parts++) {
        fault_shorten(FAULT_SEND, talk.socket.handle, 1, 20);
        send_all(&talk, text, parts);
        cr_assert_eq(fault_left(FAULT_SEND), 0);
        peer_receive_all(talk.peer, bytes, sizeof text - 1);
        cr_assert_str_eq(bytes, text);
        fault_fail(FAULT_SEND, talk.socket.handle, EINTR, 3);
        send_all(&talk, text, parts);
        cr_assert_eq(fault_left(FAULT_SEND), 0);
        peer_receive_all(talk.peer, bytes, sizeof text - 1);
        cr_assert_str_eq(bytes, text);
    }
    finish(&talk);
}

ON_EACH_BACKEND(tells_how_much_of_a_short_or_interrupted_send_went_out, sends_again)

static void send_fails(struct port *port)
{
    static const struct {
        int number;
        enum port_error told;
    } errors[] = {{ENOBUFS, PORT_NO_MEMORY},
                  {ENOMEM, PORT_NO_MEMORY},
                  {EPIPE, PORT_RESET},
                  {ECONNRESET, PORT_RESET},
                  {ENETUNREACH, PORT_TIMED_OUT}};
    for (size_t i = 0; i < sizeof errors / sizeof *errors; i++) {
        struct talk talk;
        struct span part = span_text("nothing of this");
        begin(&talk, port);
        fault_fail(FAULT_SEND, talk.socket.handle, errors[i].number, 1);
        port_send(port, &talk.socket, &part, 1);
        AWAIT(&talk, talk.sends == 1);
        cr_assert_eq(talk.send_error, errors[i].told);
        cr_assert_eq(talk.sent, 0);
        cr_assert(port_idle(&talk.socket));
        finish(&talk);
    }
}

ON_EACH_BACKEND(tells_why_a_send_failed, send_fails)

/* ---- accepting ---- */

static uint16_t listen_to(struct port *port, struct port_acceptor *acceptor)
{
    struct error error = {.text = ""};
    struct address address;
    cr_assert(address_parse("127.0.0.1:0", &address, &error));
    *acceptor = (struct port_acceptor){.handle = port->operations->listen(&address, 16, &error)};
    cr_assert(acceptor->handle >= 0, "%s", error.text);
    cr_assert(port->operations->local_address(acceptor->handle, &address));
    port_accept_start(port, acceptor);
    return address.port;
}

static struct port_event next_accepted(struct port *port)
{
    struct port_event event = {.kind = PORT_POSTED};
    for (int turns = 0; turns < TURNS_MAX; turns++)
        if (port_harvest(port, &event, 1, port_clock(port) + TICK_NS) == 1) break;
    cr_assert_eq(event.kind, PORT_ACCEPTED, "nobody is accepted");
    return event;
}

static void expect_accepted(struct port *port, struct port_acceptor *acceptor, uint16_t to)
{
    intptr_t client = peer_connect(to);
    struct port_event event = next_accepted(port);
    cr_assert_eq(event.acceptor, acceptor);
    cr_assert_eq(event.error, PORT_OK);
    cr_assert(event.handle >= 0);
    port->operations->close_handle(event.handle);
    peer_close(client);
    if (event.last) port_accept_start(port, acceptor);
}

static void stop_accepting(struct port *port, struct port_acceptor *acceptor)
{
    port_accept_stop(port, acceptor);
    cr_assert(next_accepted(port).last);
    cr_assert_not(acceptor->accepting);
    port->operations->close_handle(acceptor->handle);
}

/* A client left before it was let in: the next one is accepted. */
static void one_has_left(struct port *port)
{
    static const int numbers[] = {EINTR, ECONNABORTED, EPROTO, EPERM};
    struct port_acceptor acceptor;
    uint16_t to = listen_to(port, &acceptor);
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        fault_fail(FAULT_ACCEPT, acceptor.handle, numbers[i], 2);
        expect_accepted(port, &acceptor, to);
        cr_assert_eq(fault_left(FAULT_ACCEPT), 0);
        cr_assert(acceptor.accepting, "errno %d", numbers[i]);
    }
    stop_accepting(port, &acceptor);
}

ON_BACKEND(port_epoll, PORT_EPOLL, accepts_the_next_when_one_has_left, one_has_left)

static const struct {
    int number;
    enum port_error told;
} accept_errors[] = {{EMFILE, PORT_NO_DESCRIPTORS},
                     {ENFILE, PORT_NO_DESCRIPTORS},
                     {ENOBUFS, PORT_NO_MEMORY},
                     {ENOMEM, PORT_NO_MEMORY},
                     {EIO, PORT_FAILED}};

/* The stream of connections ends with the error, once, and goes on when it is started again. */
static void accept_fails(struct port *port)
{
    struct port_acceptor acceptor;
    fault_stop_multishots();
    uint16_t to = listen_to(port, &acceptor);
    for (size_t i = 0; i < sizeof accept_errors / sizeof *accept_errors; i++) {
        fault_fail(FAULT_ACCEPT, acceptor.handle, accept_errors[i].number, 1);
        fault_complete(&acceptor, -accept_errors[i].number);
        intptr_t client = peer_connect(to);
        struct port_event event = next_accepted(port);
        cr_assert(event.last);
        cr_assert_eq(event.handle, -1);
        cr_assert_eq(event.error, accept_errors[i].told);
        cr_assert_not(acceptor.accepting);
        port_accept_start(port, &acceptor);
        if (port->operations->name[0] == 'e') { /* it stands in the queue still */
            event = next_accepted(port);
            cr_assert(event.handle >= 0);
            port->operations->close_handle(event.handle);
        }
        peer_close(client);
        expect_accepted(port, &acceptor, to);
    }
    stop_accepting(port, &acceptor);
}

ON_EACH_BACKEND(tells_why_nobody_can_be_accepted_and_goes_on_when_asked, accept_fails)

static void accept_stops(struct port *port)
{
    struct port_acceptor acceptor;
    fault_stop_multishots();
    uint16_t to = listen_to(port, &acceptor);
    for (int i = 0; i < 10; i++) expect_accepted(port, &acceptor, to);
    stop_accepting(port, &acceptor);
}

ON_BACKEND(port_uring, PORT_URING, says_so_when_the_kernel_stops_accepting, accept_stops)
