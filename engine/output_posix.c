#include "output_system.h"

#include <errno.h>
#include <poll.h>

/* A pipe is ready when it takes PIPE_BUF bytes; a socket long before it is full. The descriptor is not
 * made non-blocking: whoever else has it, a shell for one, would find it so. */
bool output_has_room(int file, int milliseconds)
{
    struct pollfd out = {.fd = file, .events = POLLOUT};
    int ready;
    do ready = poll(&out, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}
