#include "commands/talk_system.h"

#include "base/address_system.h"
#include "commands/talk_edit.h"

#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

const char talk_end_key[] = "^D";

static const char *advice(int number)
{
    switch (number) {
    case ECONNREFUSED: return "; does a server listen there?";
    case ENOENT: return "; no server has made that socket";
    case EACCES: return "; the socket does not let this user in";
    default: return "";
    }
}

intptr_t talk_connect(const struct address *address, struct error *error)
{
    union address_system system;
    socklen_t size = address_to_system(address, &system);
    const int on = 1;
    int handle = socket(system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0 || connect(handle, &system.any, size) != 0) {
        int number = errno;
        if (handle >= 0) close(handle);
        error_set(error, ERROR_SYSTEM, "%s%s", strerror(number), advice(number));
        return -1;
    }
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on); /* fails on a unix socket */
    return handle;
}

void talk_disconnect(intptr_t socket)
{
    close((int)socket);
}

static bool come_again(int number)
{
    return number == EAGAIN || number == EWOULDBLOCK || number == EINTR;
}

ptrdiff_t talk_receive(intptr_t socket, void *data, size_t size, struct error *error)
{
    ssize_t received = recv((int)socket, data, size, MSG_DONTWAIT);
    if (received > 0) return received;
    if (received == 0) return TALK_ENDED;
    if (come_again(errno)) return 0;
    error_set(error, ERROR_SYSTEM, "the connection was lost: %s", strerror(errno));
    return TALK_LOST;
}

ptrdiff_t talk_send(intptr_t socket, struct span bytes)
{
    ssize_t sent = send((int)socket, bytes.data, bytes.size, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent >= 0) return sent;
    return come_again(errno) ? 0 : TALK_LOST;
}

void talk_finish(intptr_t socket)
{
    shutdown((int)socket, SHUT_WR);
}

bool talk_typed_by_person(void)
{
    return isatty(STDIN_FILENO) == 1;
}

static bool edits;

bool talk_terminal_open(const struct talk_receiver *receiver)
{
    edits = talk_edit_open(receiver);
    return talk_typed_by_person() && isatty(STDOUT_FILENO) == 1;
}

void talk_terminal_close(void)
{
    talk_edit_close();
    edits = false;
}

ptrdiff_t talk_read(void *data, size_t size)
{
    if (edits) return talk_edit_read(data, size);
    ssize_t got = read(STDIN_FILENO, data, size);
    if (got > 0) return got;
    return got < 0 && come_again(errno) ? 0 : TALK_ENDED;
}

unsigned talk_wait(intptr_t socket, unsigned wanted, int timeout_ms)
{
    int events = 0;
    bool typing = (wanted & TALK_TYPED) != 0, has_line = typing && edits && talk_edit_has_more();
    if ((wanted & TALK_RECEIVED) != 0) events |= POLLIN;
    if ((wanted & TALK_SENDABLE) != 0) events |= POLLOUT;
    struct pollfd waits[] = {
        {.fd = (int)socket, .events = (short)events},
        {.fd = typing ? STDIN_FILENO : -1, .events = POLLIN},
    };
    int count;
    if (typing && !has_line) talk_edit_show();
    do {
        count = poll(waits, sizeof waits / sizeof waits[0], has_line ? 0 : timeout_ms);
        if (count < 0) talk_edit_interrupted();
    } while (count < 0 && errno == EINTR);

    unsigned come = 0;
    if ((waits[0].revents & ~POLLOUT) != 0) come |= TALK_RECEIVED;
    if ((waits[0].revents & POLLOUT) != 0) come |= TALK_SENDABLE;
    if (waits[1].revents != 0 || has_line) come |= TALK_TYPED;
    if ((come & TALK_RECEIVED) != 0) talk_edit_hide(); /* packets will be printed */
    return come;
}
