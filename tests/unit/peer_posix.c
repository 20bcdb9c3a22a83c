#include "peer.h"

#include <fcntl.h>
#include <unistd.h>

void peer_start(void)
{
}

void peer_set_blocking(intptr_t peer, bool blocking)
{
    int flags = fcntl((int)peer, F_GETFL) & ~O_NONBLOCK;
    fcntl((int)peer, F_SETFL, blocking ? flags : flags | O_NONBLOCK);
}

void peer_close(intptr_t peer)
{
    close((int)peer);
}

bool peer_holds_its_port(void)
{
    return false;
}

bool peer_end_overtakes(void)
{
    return true;
}
