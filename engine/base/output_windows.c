#include "base/output_system.h"

#include <errno.h>
#include <io.h>

/* The room in an anonymous pipe is not known. */
bool output_has_room(int file, int milliseconds)
{
    (void)file, (void)milliseconds;
    return true;
}

bool output_has_half(int file)
{
    (void)file;
    return false;
}

int output_put(int file, const char *bytes, unsigned size)
{
    int written = _write(file, bytes, size);
    return written < 0 && errno == EAGAIN ? 0 : written;
}
