/* What the port sees to by itself, so that no backend has to. */
#include "port/port.h"

#include <criterion/criterion.h>

static int asked;

static void count_accept_stop(struct port *port, struct port_acceptor *acceptor)
{
    (void)port;
    cr_assert(acceptor->stopping);
    asked++;
}

Test(port, accepting_is_asked_to_stop_once_and_only_while_it_is_on)
{
    static const struct port_operations operations = {.accept_stop = count_accept_stop};
    struct port port = {.operations = &operations};
    struct port_acceptor acceptor = {.accepting = false};
    port_accept_stop(&port, &acceptor);
    cr_assert_eq(asked, 0);
    acceptor.accepting = true;
    for (int i = 0; i < 3; i++) port_accept_stop(&port, &acceptor);
    cr_assert_eq(asked, 1);
}

/* Each of what may be in flight keeps it from being closed. */
Test(port, a_socket_is_idle_when_nothing_is_in_flight)
{
    cr_assert(port_idle(&(struct port_socket){.stopping = true}));
    cr_assert_not(port_idle(&(struct port_socket){.receiving = true}));
    cr_assert_not(port_idle(&(struct port_socket){.sending = true}));
    cr_assert_not(port_idle(&(struct port_socket){.watching = PORT_WATCH_BREAK}));
}

static void count_stop(struct port *port, struct port_socket *socket)
{
    (void)port;
    cr_assert(socket->stopping);
    asked++;
}

Test(port, a_stream_is_asked_to_stop_once_and_only_while_it_is_on)
{
    static const struct port_operations operations = {.recv_stop = count_stop};
    struct port port = {.operations = &operations};
    struct port_socket socket = {.receiving = false};
    port_recv_stop(&port, &socket);
    cr_assert_eq(asked, 0);
    socket.receiving = true;
    for (int i = 0; i < 3; i++) port_recv_stop(&port, &socket);
    cr_assert_eq(asked, 1);
}
