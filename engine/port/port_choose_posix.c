#include "port/port.h"

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
    case PORT_AUTO: /* the fastest in measurements: see tests/bench/README.md */
        *chosen = PORT_EPOLL;
        snprintf(why, why_size, "chosen automatically");
        return true;
    default:
        snprintf(why, why_size, "%s is for Windows; use \"auto\"", port_backend_name(wanted));
        return false;
    }
}

struct port_options port_worker_options(uint32_t recv_depth)
{
    return (struct port_options){
        .landing_blocks = 32, .landing_size = 128 << 10, .recv_depth = recv_depth};
}

struct port *port_open(enum port_backend backend, const struct port_options *options,
                       struct error *error)
{
    return backend == PORT_URING ? port_uring_open(options, error)
                                 : port_epoll_open(options, error);
}
