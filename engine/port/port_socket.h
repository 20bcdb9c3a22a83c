/* port_socket.h - per-socket data of a platform's backends, besides that of all backends. */
#ifndef MOONPORT_PORT_SOCKET_H
#define MOONPORT_PORT_SOCKET_H

#include "base/list.h"

#include <stdint.h>

#ifdef _WIN32

/* Receives are posted ahead. Operations in flight need OVERLAPPEDs: kernel_send and kernel_wait, and `kernel` in each
 * block. */
struct port_socket_own {
    struct list posted;               /* blocks not yielded yet, in the order of their numbers */
    struct list done_node, warm_node; /* in the port's lists */
    uint64_t warm_ns;                 /* when bytes last came */
    void *watch;                      /* struct iocp_watch in flight, or NULL */
    uint64_t kernel_send[4], kernel_wait[4];
};

#else

struct port_socket_own {
};

#endif

#endif
