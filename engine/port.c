#include "port.h"

#include <string.h>

bool port_choose(enum port_backend wanted, enum port_backend *chosen, char *why, size_t why_size)
{
    char found[256];
    *chosen = wanted;
    switch (wanted) {
    case PORT_EPOLL: snprintf(why, why_size, "as configured"); return true;
    case PORT_URING:
        if (!port_uring_probe(found, sizeof found)) {
            snprintf(why, why_size, "io_uring does not work here: %s", found);
            return false;
        }
        snprintf(why, why_size, "as configured");
        return true;
    case PORT_AUTO:
        *chosen = port_uring_probe(found, sizeof found) ? PORT_URING : PORT_EPOLL;
        snprintf(why, why_size, "%s", found);
        return true;
    default:
        snprintf(why, why_size, "this build does not have it: it is for Windows");
        return false;
    }
}

const char *port_backend_name(enum port_backend backend)
{
    static const char *const names[] = {
        [PORT_AUTO] = "auto", [PORT_URING] = "uring", [PORT_EPOLL] = "epoll", [PORT_IOCP] = "iocp"};
    return names[backend];
}

struct port *port_open(enum port_backend backend, const struct port_options *options,
                       struct error *error)
{
    return backend == PORT_URING ? port_uring_open(options, error)
                                 : port_epoll_open(options, error);
}

const char *port_error_text(enum port_error error)
{
    static const char *const texts[] = {
        [PORT_OK] = "no error",
        [PORT_CANCELLED] = "cancelled",
        [PORT_RESET] = "reset by the peer",
        [PORT_TIMED_OUT] = "the network timed out",
        [PORT_NO_DESCRIPTORS] = "out of file descriptors",
        [PORT_NO_MEMORY] = "the system is out of memory",
        [PORT_FAILED] = "the system refused",
    };
    return texts[error];
}
