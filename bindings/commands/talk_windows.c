/* The only way to wait for bytes of a console, a pipe or a file is to read them: a thread reads ahead, one piece
 * at a time. */
#include "commands/talk_system.h"

#include "base/socket_windows.h"

#include <stdlib.h>

const char talk_end_key[] = "^Z and Enter";

enum { PIECE = 4096, CONSOLE_PIECE = PIECE / 4 /* UTF-16 units, each 3 bytes at most */ };
enum { END_KEY = 0x1a };

static struct {
    HANDLE input;
    HANDLE come, taken; /* events: the piece belongs to talk_read, or to the thread */
    DWORD size, done;   /* bytes; 0 of them: the input has ended */
    char bytes[PIECE];
} typed;

static HANDLE socket_event;

/* ---- the connection ---- */

static const char *advice(int number)
{
    return number == WSAECONNREFUSED ? "; does a server listen there?" : "";
}

intptr_t talk_connect(const struct address *address, struct error *error)
{
    WSADATA data;
    union address_system system;
    const int on = 1;
    if (address->family == ADDRESS_UNIX) {
        error_set(error, ERROR_SYSTEM, WINDOWS_NO_UNIX);
        return -1;
    }
    if (WSAStartup(MAKEWORD(2, 2), &data) != 0) {
        error_set(error, ERROR_SYSTEM, "Windows has no sockets for this program");
        return -1;
    }
    socklen_t size = address_to_system(address, &system);
    SOCKET handle = windows_socket(system.any.sa_family);
    if (handle == INVALID_SOCKET || connect(handle, &system.any, size) != 0) {
        int number = WSAGetLastError();
        if (handle != INVALID_SOCKET) closesocket(handle);
        error_set(error, ERROR_SYSTEM, "%s%s", windows_error_text(number), advice(number));
        return -1;
    }
    setsockopt(handle, IPPROTO_TCP, TCP_NODELAY, (const char *)&on, sizeof on);
    socket_event = CreateEventW(NULL, TRUE, FALSE, NULL);
    WSAEventSelect(handle, socket_event, FD_READ | FD_WRITE | FD_CLOSE); /* makes it nonblocking */
    return (intptr_t)handle;
}

void talk_disconnect(intptr_t socket)
{
    closesocket((SOCKET)socket);
}

ptrdiff_t talk_receive(intptr_t socket, void *data, size_t size, struct error *error)
{
    int received = recv((SOCKET)socket, data, (int)size, 0);
    if (received > 0) return received;
    if (received == 0) return TALK_ENDED;
    int number = WSAGetLastError();
    if (number == WSAEWOULDBLOCK) return 0;
    error_set(error, ERROR_SYSTEM, "the connection was lost: %s", windows_error_text(number));
    return TALK_LOST;
}

ptrdiff_t talk_send(intptr_t socket, struct span bytes)
{
    int size = bytes.size < INT_MAX ? (int)bytes.size : INT_MAX;
    int sent = send((SOCKET)socket, (const char *)bytes.data, size, 0);
    if (sent >= 0) return sent;
    return WSAGetLastError() == WSAEWOULDBLOCK ? 0 : TALK_LOST;
}

void talk_finish(intptr_t socket)
{
    shutdown((SOCKET)socket, SD_SEND);
}

/* ---- what is typed ---- */

bool talk_typed_by_person(void)
{
    DWORD mode;
    return GetConsoleMode(GetStdHandle(STD_INPUT_HANDLE), &mode);
}

const char *const talk_editing = "";

bool talk_terminal_open(const struct talk_receiver *receiver)
{
    (void)receiver; /* talk_read does not wait */
    return false;
}

void talk_terminal_close(void)
{
}

/* Reads a console's characters as UTF-8; the end key at the beginning of a line ends the input. */
static DWORD read_console(void)
{
    WCHAR text[CONSOLE_PIECE];
    DWORD count = 0;
    if (!ReadConsoleW(typed.input, text, CONSOLE_PIECE, &count, NULL)) return 0;
    if (count == 0 || text[0] == END_KEY) return 0;
    return (DWORD)WideCharToMultiByte(CP_UTF8, 0, text, (int)count, typed.bytes, PIECE, NULL, NULL);
}

static DWORD read_stream(void)
{
    DWORD count = 0;
    return ReadFile(typed.input, typed.bytes, PIECE, &count, NULL) ? count : 0;
}

static DWORD WINAPI read_ahead(void *context)
{
    DWORD (*read_piece)(void) = talk_typed_by_person() ? read_console : read_stream;
    (void)context;
    do {
        typed.done = 0;
        typed.size = read_piece();
        SetEvent(typed.come);
        WaitForSingleObject(typed.taken, INFINITE);
    } while (typed.size != 0);
    return 0;
}

static void begin_reading(void)
{
    typed.input = GetStdHandle(STD_INPUT_HANDLE);
    typed.come = CreateEventW(NULL, TRUE, FALSE, NULL);
    typed.taken = CreateEventW(NULL, FALSE, FALSE, NULL);
    HANDLE thread = CreateThread(NULL, 0, read_ahead, NULL, 0, NULL);
    if (thread == NULL) SetEvent(typed.come); /* nothing will be read: the input has ended */
}

ptrdiff_t talk_read(void *data, size_t size)
{
    if (WaitForSingleObject(typed.come, 0) != WAIT_OBJECT_0) return 0;
    if (typed.size == 0) return TALK_ENDED;
    size_t left = typed.size - typed.done;
    if (size > left) size = left;
    memcpy(data, typed.bytes + typed.done, size);
    typed.done += (DWORD)size;
    if (typed.done == typed.size) {
        ResetEvent(typed.come);
        SetEvent(typed.taken);
    }
    return (ptrdiff_t)size;
}

/* ---- waiting ---- */

/* Which of `wanted` have happened? */
static unsigned look(SOCKET socket, unsigned wanted)
{
    fd_set readable, writable;
    struct timeval no_time = {0, 0};
    unsigned come = 0;
    FD_ZERO(&readable);
    FD_ZERO(&writable);
    FD_SET(socket, &readable);
    FD_SET(socket, &writable);
    if (select(0, &readable, &writable, NULL, &no_time) != 0) {
        if (FD_ISSET(socket, &readable)) come |= TALK_RECEIVED;
        if (FD_ISSET(socket, &writable)) come |= TALK_SENDABLE;
    }
    if (typed.come != NULL && WaitForSingleObject(typed.come, 0) == WAIT_OBJECT_0)
        come |= TALK_TYPED;
    return come & wanted;
}

unsigned talk_wait(intptr_t socket, unsigned wanted, int timeout_ms)
{
    if ((wanted & TALK_TYPED) != 0 && typed.come == NULL) begin_reading();
    uint64_t begun_ms = GetTickCount64();
    HANDLE events[] = {socket_event, typed.come};
    for (;;) {
        WSAResetEvent(socket_event); /* before looking, so that later events are noticed */
        unsigned come = look((SOCKET)socket, wanted);
        uint64_t waited_ms = GetTickCount64() - begun_ms;
        if (come != 0 || (timeout_ms >= 0 && waited_ms >= (uint64_t)timeout_ms)) return come;
        DWORD left_ms = timeout_ms < 0 ? INFINITE : (DWORD)((uint64_t)timeout_ms - waited_ms);
        WaitForMultipleObjects((wanted & TALK_TYPED) != 0 ? 2 : 1, events, FALSE, left_ms);
    }
}
