#include "port/port_posix.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sockios.h>
#include <netinet/tcp.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <time.h>
#include <unistd.h>

enum { BIND_TRIES = 10, BIND_PAUSE_NS = 50000000 };

enum port_error posix_error(int number)
{
    switch (number) {
    case 0: return PORT_OK;
    case ECANCELED: return PORT_CANCELLED;
    case ECONNRESET:
    case EPIPE:
    case ENOTCONN:
    case ECONNABORTED: return PORT_RESET;
    case ETIMEDOUT:
    case EHOSTUNREACH:
    case ENETUNREACH: return PORT_TIMED_OUT;
    case EMFILE:
    case ENFILE: return PORT_NO_DESCRIPTORS;
    case ENOMEM:
    case ENOBUFS: return PORT_NO_MEMORY;
    default: return PORT_FAILED;
    }
}

/* A server that was killed leaves its socket's file behind, which would make bind fail. */
static bool remove_stale(const struct address *address)
{
    union address_system system;
    struct stat status;
    if (lstat(address->path, &status) != 0 || !S_ISSOCK(status.st_mode)) return false;
    int probe = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (probe < 0) return false;
    socklen_t size = address_to_system(address, &system);
    bool stale = connect(probe, &system.any, size) != 0 && errno == ECONNREFUSED;
    close(probe);
    return stale && unlink(address->path) == 0;
}

static bool is_other_file(const struct address *address)
{
    struct stat status;
    return address->family == ADDRESS_UNIX && lstat(address->path, &status) == 0 &&
           !S_ISSOCK(status.st_mode);
}

static const char *advice(int number, const struct address *address)
{
    switch (number) {
    case EADDRINUSE:
        return is_other_file(address)
                   ? "a file that is no socket stands there: remove it, or choose another path"
                   : "another program listens there: stop it, or choose another address";
    case EACCES:
        return address->family == ADDRESS_UNIX
                   ? "the directory does not let this user make the socket"
                   : "ports below 1024 need a privilege: choose a higher one";
    case EADDRNOTAVAIL: return "this machine does not have that address";
    case ENOENT: return "the directory of the socket does not exist";
    case EAFNOSUPPORT: return "this machine does not have that kind of network";
    default: return "the system refused";
    }
}

/* A server that was killed a moment ago may still hold the port: io_uring releases it in the
 * background, after the process has gone. */
static bool bind_to(int handle, const struct address *address, const union address_system *system,
                    socklen_t size)
{
    const struct timespec pause = {.tv_nsec = BIND_PAUSE_NS};
    for (int tries = 1; bind(handle, &system->any, size) != 0; tries++) {
        if (errno != EADDRINUSE || tries == BIND_TRIES) return false;
        if (address->family != ADDRESS_UNIX) {
            nanosleep(&pause, NULL);
        } else if (!remove_stale(address)) {
            errno = EADDRINUSE;
            return false;
        }
    }
    return true;
}

/* To be called before `listen`, so before any client can connect. The socket itself already has the mode: its file was
 * made with that mode less the umask's bits, so at no time did the file allow more than it should. */
static bool set_mode(const struct address *address)
{
    return address->mode == 0 ||
           fchmodat(AT_FDCWD, address->path, address->mode, AT_SYMLINK_NOFOLLOW) == 0;
}

intptr_t posix_listen(const struct address *address, int backlog, struct error *error)
{
    static const int domains[] = {
        [ADDRESS_IPV4] = AF_INET, [ADDRESS_IPV6] = AF_INET6, [ADDRESS_UNIX] = AF_UNIX};
    union address_system system;
    socklen_t size = address_to_system(address, &system);
    const int on = 1;
    int handle = socket(domains[address->family], SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (handle < 0) goto refused;
    if (address->family != ADDRESS_UNIX)
        setsockopt(handle, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (address->family == ADDRESS_IPV6)
        setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
    if (address->mode != 0 && fchmod(handle, address->mode) != 0) goto refused;
    if (!bind_to(handle, address, &system, size)) goto refused;
    if (set_mode(address) && listen(handle, backlog) == 0) return handle;

refused:;
    int number = errno;
    char text[ADDRESS_TEXT_MAX];
    if (handle >= 0) close(handle);
    error_set(error, ERROR_SYSTEM, "cannot listen on %s: %s (%s)", address_format(address, text),
              strerror(number), advice(number, address));
    return -1;
}

bool posix_peer_address(const struct port_event *accepted, struct address *address)
{
    union address_system system;
    socklen_t size = sizeof system;
    memset(&system, 0, sizeof system);
    if (getpeername((int)accepted->handle, &system.any, &size) != 0) return false;
    address_from_system(&system, size, address);
    return true;
}

void posix_close_handle(intptr_t handle)
{
    close((int)handle);
}

bool posix_attach(struct port_socket *socket, intptr_t handle)
{
    const int on = 1;
    *socket = (struct port_socket){.handle = handle};
    list_init(&socket->recv_node);
    list_init(&socket->send_node);
    list_init(&socket->watch_node);
    return setsockopt((int)handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on) == 0;
}

void posix_detach(struct port *port, struct port_socket *socket)
{
    (void)port;
    check(list_empty(&socket->recv_node) && list_empty(&socket->send_node));
    check(list_empty(&socket->watch_node));
    close((int)socket->handle); /* this also removes it from its epoll set */
}

enum port_error posix_break_of(const struct port_socket *socket)
{
    int number = 0;
    socklen_t size = sizeof number;
    getsockopt((int)socket->handle, SOL_SOCKET, SO_ERROR, &number, &size);
    return posix_error(number);
}

/* FIONREAD stops counting at urgent data, even if more bytes follow. Only then is the socket peeked, because peeking
 * would consume a pending error, which must still be reported. */
size_t posix_unread(const struct port_socket *socket)
{
    int size = 0, is_at_mark = 0;
    char byte;
    if (ioctl((int)socket->handle, FIONREAD, &size) == 0 && size > 0) return (size_t)size;
    if (ioctl((int)socket->handle, SIOCATMARK, &is_at_mark) != 0 || !is_at_mark) return 0;
    return recv((int)socket->handle, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

size_t posix_unsent(const struct port_socket *socket)
{
    int size = 0;
    return ioctl((int)socket->handle, SIOCOUTQ, &size) == 0 && size > 0 ? (size_t)size : 0;
}

void posix_shutdown(struct port *port, struct port_socket *socket)
{
    (void)port;
    shutdown((int)socket->handle, SHUT_WR);
}

bool posix_send(struct port *port, struct port_socket *socket, const struct span *parts, int count)
{
    const int flags = MSG_NOSIGNAL | MSG_DONTWAIT;
    struct msghdr message = {.msg_iov = (struct iovec *)parts, .msg_iovlen = (size_t)count};
    ssize_t size = count == 1 ? send((int)socket->handle, parts->data, parts->size, flags)
                              : sendmsg((int)socket->handle, &message, flags);
    if (size < 0 && errno == EAGAIN) return false;
    bool goes_on = size >= 0 || errno == EINTR;
    port_end_send(port, socket, size > 0 ? (size_t)size : 0,
                  goes_on ? PORT_OK : posix_error(errno));
    return true;
}

bool posix_timer_open(struct posix_timer *timer)
{
    timer->at_ns = UINT64_MAX;
    timer->fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC);
    return timer->fd >= 0;
}

void posix_timer_cover(struct posix_timer *timer, uint64_t now_ns, uint64_t deadline_ns)
{
    if (timer->at_ns > now_ns && timer->at_ns <= deadline_ns) return;
    const struct itimerspec at = {.it_value = {.tv_sec = (time_t)(deadline_ns / 1000000000u),
                                               .tv_nsec = (long)(deadline_ns % 1000000000u)}};
    timer->at_ns = deadline_ns;
    if (deadline_ns == UINT64_MAX) return; /* it has expired, or will without effect */
    check(timerfd_settime(timer->fd, TFD_TIMER_ABSTIME, &at, NULL) == 0);
}

int posix_wake_open(void)
{
    return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
}

void posix_wake(int wake_fd)
{
    const uint64_t one = 1;
    ssize_t written = write(wake_fd, &one, sizeof one);
    check(written == sizeof one);
}
