/* Watches through the poll of the socket driver (the one below select and WSAPoll). It reports the peer's end and a
 * broken connection by a completion, without receiving. Where it is not available, a watch never reports anything, and
 * can only be canceled.
 *
 * Windows documents neither the call's codes nor its structures; wepoll, libuv and others rely on them. */
#include "port/port_iocp.h"

#include <mswsock.h>
#include <stdlib.h>
#include <winternl.h>

enum { AFD_POLL_DISCONNECT = 0x08, AFD_POLL_ABORT = 0x10 };
#define IOCTL_AFD_POLL 0x00012024

struct afd_handle {
    HANDLE handle;
    ULONG events;
    NTSTATUS status;
};

struct afd_poll {
    LARGE_INTEGER timeout;
    ULONG count, exclusive;
    struct afd_handle handles[1];
};

/* A watch in flight; the system owns it. */
struct iocp_watch {
    OVERLAPPED overlapped;
    struct afd_poll poll;
};

typedef NTSTATUS(NTAPI *device_control)(HANDLE, HANDLE, PIO_APC_ROUTINE, PVOID, PIO_STATUS_BLOCK,
                                        ULONG, PVOID, ULONG, PVOID, ULONG);

static device_control find_control(void)
{
    static device_control control;
    if (control == NULL) {
        FARPROC found = GetProcAddress(GetModuleHandleA("ntdll.dll"), "NtDeviceIoControlFile");
        memcpy(&control, &found, sizeof control);
    }
    return control;
}

/* The handle that the driver knows; a layered provider's handle is a different one. */
static HANDLE base_handle(const struct port_socket *socket)
{
    SOCKET base;
    DWORD size;
    if (WSAIoctl((SOCKET)socket->handle, SIO_BASE_HANDLE, NULL, 0, &base, sizeof base, &size, NULL,
                 NULL) != 0)
        return (HANDLE)socket->handle;
    return (HANDLE)base;
}

size_t iocp_unread(const struct port_socket *socket)
{
    u_long size = 0;
    return ioctlsocket((SOCKET)socket->handle, FIONREAD, &size) == 0 ? size : 0;
}

static enum port_error result_of(const struct port_socket *socket)
{
    const struct iocp_watch *watch = socket->own.watch;
    if (!NT_SUCCESS((NTSTATUS)watch->overlapped.Internal)) return PORT_CANCELLED;
    return watch->poll.handles[0].events & AFD_POLL_ABORT ? PORT_RESET : PORT_OK;
}

static void let_go(struct port_socket *socket)
{
    free(socket->own.watch);
    socket->own.watch = NULL;
}

void iocp_watch(struct port *port, struct port_socket *socket)
{
    device_control control = find_control();
    struct iocp_watch *watch = control == NULL ? NULL : calloc(1, sizeof *watch);
    if (watch == NULL) return;
    ULONG end = socket->watching == PORT_WATCH_END ? AFD_POLL_DISCONNECT : 0;
    watch->poll = (struct afd_poll){
        .timeout.QuadPart = INT64_MAX,
        .count = 1,
        .handles = {{.handle = base_handle(socket), .events = AFD_POLL_ABORT | end}}};
    socket->own.watch = watch;
    watch->overlapped.Internal = (ULONG_PTR)STATUS_PENDING;
    NTSTATUS status = control((HANDLE)socket->handle, NULL, NULL, &watch->overlapped,
                              (PIO_STATUS_BLOCK)&watch->overlapped, IOCTL_AFD_POLL, &watch->poll,
                              sizeof watch->poll, &watch->poll, sizeof watch->poll);
    if (status == STATUS_PENDING) return;
    if (NT_SUCCESS(status) && !(socket->own_flags & SOCKET_SKIPS))
        return; /* its packet will report it */
    if (NT_SUCCESS(status)) {
        watch->overlapped.Internal = (ULONG_PTR)status;
        port_end_watch(&iocp_of(port)->watched, socket, result_of(socket));
    }
    let_go(socket);
}

void iocp_watch_cancel(struct port_iocp *iocp, struct port_socket *socket)
{
    const struct iocp_watch *watch = socket->own.watch;
    if (watch == NULL) /* otherwise it completes by itself, canceled by port_cancel */
        port_end_watch(&iocp->watched, socket, PORT_CANCELLED);
}

bool iocp_is_watch(const struct port_socket *socket, const OVERLAPPED *overlapped)
{
    const struct iocp_watch *watch = socket->own.watch;
    return watch != NULL && overlapped == &watch->overlapped;
}

struct port_event iocp_complete_watch(struct port_socket *socket)
{
    enum port_error error = result_of(socket);
    let_go(socket);
    return port_watch_ended(socket, error);
}

int iocp_take_watched(struct port_iocp *iocp, struct port_event *events, int count_max)
{
    return port_take_watched(&iocp->watched, events, count_max);
}
