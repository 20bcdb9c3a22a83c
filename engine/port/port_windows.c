#include "port/port_windows.h"

enum { BIND_TRIES = 10, BIND_PAUSE_MS = 50 };

enum port_error windows_error(int number)
{
    switch (number) {
    case 0: return PORT_OK;
    case ERROR_OPERATION_ABORTED: return PORT_CANCELLED;
    case WSAECONNRESET:
    case WSAECONNABORTED:
    case WSAENETRESET:
    case WSAENOTCONN:
    case WSAESHUTDOWN:
    case WSAEDISCON:
    case ERROR_CONNECTION_ABORTED:
    case ERROR_NETNAME_DELETED: return PORT_RESET;
    case WSAETIMEDOUT:
    case WSAEHOSTUNREACH:
    case WSAENETUNREACH:
    case WSAENETDOWN:
    case ERROR_SEM_TIMEOUT: return PORT_TIMED_OUT;
    case WSAEMFILE: return PORT_NO_DESCRIPTORS;
    case WSAENOBUFS:
    case ERROR_NOT_ENOUGH_MEMORY:
    case ERROR_WORKING_SET_QUOTA:
    case ERROR_NO_SYSTEM_RESOURCES: return PORT_NO_MEMORY;
    default: return PORT_FAILED;
    }
}

enum port_error windows_result(SOCKET handle, OVERLAPPED *overlapped)
{
    DWORD size, flags;
    if (overlapped->Internal == 0) return PORT_OK;
    if (WSAGetOverlappedResult(handle, overlapped, &size, FALSE, &flags)) return PORT_OK;
    return windows_error(WSAGetLastError());
}

static const char *advice(int number)
{
    switch (number) {
    case WSAEADDRINUSE:
        return "another program listens there: stop it, or choose another address; a listener that "
               "was closed is opened again when its connections have ended";
    case WSAEACCES:
        return "another program has the port for itself, or Windows keeps it (netsh interface ipv4 "
               "show excludedportrange protocol=tcp): choose another one";
    case WSAEADDRNOTAVAIL: return "this machine does not have that address";
    case WSAEAFNOSUPPORT: return "this machine does not have that kind of network";
    default: return "choose another address";
    }
}

/* A server that ended a moment ago may still hold the port. */
static bool bind_to(SOCKET handle, const union address_system *system, socklen_t size)
{
    for (int tries = 1; bind(handle, &system->any, size) != 0; tries++) {
        if (WSAGetLastError() != WSAEADDRINUSE || tries == BIND_TRIES) return false;
        Sleep(BIND_PAUSE_MS);
    }
    return true;
}

intptr_t windows_listen(const struct address *address, int backlog, struct error *error)
{
    union address_system system;
    socklen_t size = address_to_system(address, &system);
    const int on = 1;
    char text[ADDRESS_TEXT_MAX];
    if (address->family == ADDRESS_UNIX) {
        error_set(error, ERROR_SYSTEM, "cannot listen on %s: " WINDOWS_NO_UNIX,
                  address_format(address, text));
        return -1;
    }
    SOCKET handle = windows_socket(system.any.sa_family);
    if (handle == INVALID_SOCKET) goto refused;
    /* Without this, any program could take over the port with SO_REUSEADDR. */
    setsockopt(handle, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof on);
    if (address->family == ADDRESS_IPV6)
        setsockopt(handle, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&on, sizeof on);
    /* Winsock takes a positive backlog as a hint, and a negative one as the exact number. */
    if (bind_to(handle, &system, size) && listen(handle, -backlog) == 0) return (intptr_t)handle;

refused:;
    int number = WSAGetLastError();
    if (handle != INVALID_SOCKET) closesocket(handle);
    error_set(error, ERROR_SYSTEM, "cannot listen on %s: %s (%s)", address_format(address, text),
              windows_error_text(number), advice(number));
    return -1;
}

void windows_close_handle(intptr_t handle)
{
    closesocket((SOCKET)handle);
}

void windows_shutdown(struct port *port, struct port_socket *socket)
{
    (void)port;
    shutdown((SOCKET)socket->handle, SD_SEND);
}
