#include "port/port.h"

bool port_choose(enum port_backend wanted, enum port_backend *chosen, char *why, size_t why_size)
{
    *chosen = PORT_IOCP;
    if (wanted != PORT_AUTO && wanted != PORT_IOCP) {
        snprintf(why, why_size, "this build does not have it: it is for Linux");
        return false;
    }
    snprintf(why, why_size, "%s", wanted == PORT_IOCP ? "as configured" : "chosen automatically");
    return true;
}

struct port_options port_worker_options(uint32_t recv_depth)
{
    return (struct port_options){
        .landing_blocks = 1024, .landing_size = 8 << 10, .recv_depth = recv_depth};
}

struct port *port_open(enum port_backend backend, const struct port_options *options,
                       struct error *error)
{
    check(backend == PORT_IOCP);
    return port_iocp_open(options, error);
}
