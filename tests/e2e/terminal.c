#include "terminal.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

int terminal_open(char *path, size_t size)
{
    int terminal = posix_openpt(O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    cr_assert(terminal >= 0);
    cr_assert_eq(unlockpt(terminal), 0);
    cr_assert_eq(ptsname_r(terminal, path, size), 0);
    return terminal;
}

const char *terminal_read(int terminal)
{
    static char held[1 << 16];
    size_t size = 0;
    ssize_t count;
    while ((count = read(terminal, held + size, sizeof held - 1 - size)) > 0) size += (size_t)count;
    held[size] = '\0';
    return held;
}
