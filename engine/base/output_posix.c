#include "base/output_system.h"

#include "base/output.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

/* A pipe or terminal opened a second time, in non-blocking mode. The given descriptor keeps its mode, because other
 * processes, such as the shell, share it. */
struct twin {
    int file; /* -1: there is none */
    dev_t device;
    ino_t inode;
};
static struct twin twins[] = {[OUTPUT_OUT] = {.file = -1}, [OUTPUT_ERROR] = {.file = -1}};

/* poll reports a pipe when it takes PIPE_BUF bytes, but a terminal or socket already with less room. */
bool output_has_room(int file, int milliseconds)
{
    struct pollfd out = {.fd = file, .events = POLLOUT};
    int ready;
    do ready = poll(&out, 1, milliseconds);
    while (ready < 0 && errno == EINTR);
    return ready != 0;
}

bool output_has_half(int file)
{
    int held, size = fcntl(file, F_GETPIPE_SZ);
    return size > 0 && ioctl(file, FIONREAD, &held) == 0 && held <= size / 2;
}

/* Excludes the master side of a pseudoterminal: opening that again would make a new terminal. */
static bool is_terminal(int file)
{
    unsigned number;
    return isatty(file) && ioctl(file, TIOCGPTN, &number) != 0;
}

/* Opened at the first write, and again when the descriptor leads to another file. */
static int twin_of(int file, const struct stat *status)
{
    char path[32];
    struct twin *twin = &twins[file];
    bool is_same = twin->device == status->st_dev && twin->inode == status->st_ino;
    if (twin->file >= 0 && is_same) return twin->file;
    if (twin->file >= 0) close(twin->file);
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    *twin = (struct twin){.file = open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC),
                          .device = status->st_dev,
                          .inode = status->st_ino};
    return twin->file;
}

static ssize_t put(int file, const char *bytes, size_t size)
{
    struct stat status;
    if (fstat(file, &status) != 0) return -1;
    if (S_ISSOCK(status.st_mode)) return send(file, bytes, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    bool may_wait = S_ISFIFO(status.st_mode) || (S_ISCHR(status.st_mode) && is_terminal(file));
    int twin = may_wait ? twin_of(file, &status) : -1;
    return write(twin >= 0 ? twin : file, bytes, size);
}

int output_put(int file, const char *bytes, unsigned size)
{
    ssize_t written;
    do written = put(file, bytes, size);
    while (written < 0 && errno == EINTR);
    return written < 0 && errno == EAGAIN ? 0 : (int)written;
}
