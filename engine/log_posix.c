#include "log_system.h"

#include <errno.h>
#include <poll.h>
#include <unistd.h>

/* A pipe is ready when it takes PIPE_BUF bytes, which is a line; a socket long before it is full. The
 * descriptor is not made non-blocking: whoever else has it, a shell for one, would find it so. */
bool log_has_room(int milliseconds)
{
    struct pollfd out = {.fd = STDERR_FILENO, .events = POLLOUT};
    int ready;
    do ready = poll(&out, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}
