/* port_socket.h - what the backends of a platform keep of each socket beside what all of them do. */
#ifndef MOONPORT_PORT_SOCKET_H
#define MOONPORT_PORT_SOCKET_H

#include "base/list.h"

#include <stdint.h>

#ifdef _WIN32

/* Receives are posted ahead; what is under way has the system's own bookkeeping, as in a block. */
struct port_socket_own {
    struct list posted;               /* blocks not yielded yet, in the order of their numbers */
    struct list done_node, warm_node; /* in the port's lists */
    uint64_t warm_ns;                 /* when bytes last came */
    void *watch;                      /* what the system fills */
    uint64_t kernel_send[4], kernel_wait[4];
};

#else

struct port_socket_own {
};

#endif

#endif
