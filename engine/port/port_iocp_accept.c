/* Accepts connections: sockets are made before clients connect, each with an AcceptEx posted for it.
 *
 *     slots:  [posted] [posted] [accepted: its peer is known until the next harvest] [posted] ...
 *
 * A slot whose socket was taken gets a new socket before the next wait. */
#include "port/port_iocp.h"

#include <mswsock.h>
#include <stdlib.h>

enum {
    AHEAD = 32,
    ADDRESS_SIZE = sizeof(union address_system) + 16 /* AcceptEx requires 16 more */
};

struct slot {
    OVERLAPPED overlapped;
    SOCKET socket; /* made ahead */
    bool posted;
    intptr_t accepted; /* the socket in its last event */
    struct address peer;
    uint8_t addresses[2 * ADDRESS_SIZE]; /* local and remote, as AcceptEx writes them */
};

/* A port's own data for an acceptor, kept until its socket or the port is closed. */
struct iocp_ahead {
    struct list node; /* in the port's list */
    struct port_acceptor *acceptor;
    LPFN_ACCEPTEX accept;
    LPFN_GETACCEPTEXSOCKADDRS get_addresses;
    int family;
    int posted_count;
    enum port_error error; /* why no more can be posted */
    struct slot slots[AHEAD];
};

static struct iocp_ahead *ahead_of(struct list *node)
{
    return container_of(node, struct iocp_ahead, node);
}

/* Finds an extension function of the socket's provider. */
static bool find_function(SOCKET handle, GUID id, void *function, DWORD size)
{
    DWORD found;
    return WSAIoctl(handle, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id, function, size,
                    &found, NULL, NULL) == 0;
}

static struct iocp_ahead *make_ahead(struct port_iocp *iocp, struct port_acceptor *acceptor)
{
    SOCKET handle = (SOCKET)acceptor->handle;
    union address_system system;
    socklen_t size = sizeof system;
    struct iocp_ahead *ahead = calloc(1, sizeof *ahead);
    if (ahead == NULL) return NULL;
    ahead->acceptor = acceptor;
    if (getsockname(handle, &system.any, &size) != 0) goto failed;
    ahead->family = system.any.sa_family;
    if (!find_function(handle, (GUID)WSAID_ACCEPTEX, &ahead->accept, sizeof ahead->accept))
        goto failed;
    if (!find_function(handle, (GUID)WSAID_GETACCEPTEXSOCKADDRS, &ahead->get_addresses,
                       sizeof ahead->get_addresses))
        goto failed;
    if (CreateIoCompletionPort((HANDLE)handle, iocp->handle, (ULONG_PTR)acceptor | KEY_ACCEPTOR,
                               0) == NULL)
        goto failed;
    list_append(&iocp->acceptors, &ahead->node);
    return ahead;

failed:
    free(ahead);
    return NULL;
}

void iocp_accept_start(struct port *port, struct port_acceptor *acceptor)
{
    list_init(&acceptor->node);
    if (acceptor->ahead == NULL) acceptor->ahead = make_ahead(iocp_of(port), acceptor);
    if (acceptor->ahead == NULL)
        list_append(&iocp_of(port)->refused, &acceptor->node);
    else
        ((struct iocp_ahead *)acceptor->ahead)->error = PORT_OK;
}

void iocp_accept_stop(struct port *port, struct port_acceptor *acceptor)
{
    (void)port;
    CancelIoEx((HANDLE)acceptor->handle, NULL);
}

/* ---- posting ---- */

static int post(struct iocp_ahead *ahead, struct slot *slot)
{
    DWORD size;
    slot->socket = windows_socket(ahead->family);
    if (slot->socket == INVALID_SOCKET) return WSAGetLastError();
    memset(&slot->overlapped, 0, sizeof slot->overlapped);
    if (ahead->accept((SOCKET)ahead->acceptor->handle, slot->socket, slot->addresses, 0,
                      ADDRESS_SIZE, ADDRESS_SIZE, &size, &slot->overlapped))
        return 0;
    int number = WSAGetLastError();
    if (number == ERROR_IO_PENDING) return 0;
    closesocket(slot->socket);
    return number;
}

static void post_all(struct iocp_ahead *ahead)
{
    ahead->error = PORT_OK;
    for (int i = 0; i < AHEAD; i++) {
        struct slot *slot = &ahead->slots[i];
        if (slot->posted) continue;
        slot->accepted = -1;
        int number = post(ahead, slot);
        if (number != 0) { /* if others are posted, retried when one of them is taken */
            ahead->error = windows_error(number);
            return;
        }
        slot->posted = true;
        ahead->posted_count++;
    }
}

void iocp_accept_ahead(struct port_iocp *iocp)
{
    for (struct list *node = iocp->acceptors.next; node != &iocp->acceptors; node = node->next) {
        struct iocp_ahead *ahead = ahead_of(node);
        if (ahead->acceptor->accepting && !ahead->acceptor->stopping) post_all(ahead);
    }
}

/* ---- completions ---- */

static void read_peer(const struct iocp_ahead *ahead, struct slot *slot)
{
    struct sockaddr *local, *remote;
    int local_size, remote_size;
    ahead->get_addresses(slot->addresses, 0, ADDRESS_SIZE, ADDRESS_SIZE, &local, &local_size,
                         &remote, &remote_size);
    address_from_system((const union address_system *)remote, remote_size, &slot->peer);
}

/* Makes the accepted socket like any other: it then knows its addresses, and can be shut down. */
static bool adopt(const struct iocp_ahead *ahead, const struct slot *slot)
{
    SOCKET listening = (SOCKET)ahead->acceptor->handle;
    return setsockopt(slot->socket, SOL_SOCKET, SO_UPDATE_ACCEPT_CONTEXT, (const char *)&listening,
                      sizeof listening) == 0;
}

bool iocp_complete_accept(struct port_acceptor *acceptor, OVERLAPPED *overlapped,
                          struct port_event *event)
{
    struct iocp_ahead *ahead = acceptor->ahead;
    struct slot *slot = container_of(overlapped, struct slot, overlapped);
    check(slot->posted);
    slot->posted = false;
    ahead->posted_count--;
    if (overlapped->Internal != 0 || !adopt(ahead, slot)) { /* canceled, or the peer has gone */
        closesocket(slot->socket);
        return false;
    }
    read_peer(ahead, slot);
    slot->accepted = (intptr_t)slot->socket;
    *event = (struct port_event){
        .kind = PORT_ACCEPTED, .acceptor = acceptor, .handle = (intptr_t)slot->socket};
    return true;
}

static bool has_ended(const struct iocp_ahead *ahead)
{
    return ahead->acceptor->accepting && ahead->posted_count == 0 &&
           (ahead->acceptor->stopping || ahead->error != PORT_OK);
}

bool iocp_accept_has_ended(const struct port_iocp *iocp)
{
    if (!list_empty(&iocp->refused)) return true;
    for (struct list *node = iocp->acceptors.next; node != &iocp->acceptors; node = node->next)
        if (has_ended(ahead_of(node))) return true;
    return false;
}

static struct port_event last_event(struct port_acceptor *acceptor, enum port_error error)
{
    acceptor->accepting = false;
    return (struct port_event){
        .kind = PORT_ACCEPTED,
        .error = (uint8_t)(acceptor->stopping ? PORT_CANCELLED : error),
        .last = true,
        .acceptor = acceptor,
        .handle = -1,
    };
}

int iocp_take_accept_ends(struct port_iocp *iocp, struct port_event *events, int count_max)
{
    int count = 0;
    struct list *node;
    while (count < count_max && (node = list_take_first(&iocp->refused)) != NULL)
        events[count++] =
            last_event(container_of(node, struct port_acceptor, node), PORT_NO_MEMORY);
    for (node = iocp->acceptors.next; node != &iocp->acceptors && count < count_max;
         node = node->next)
        if (has_ended(ahead_of(node)))
            events[count++] = last_event(ahead_of(node)->acceptor, ahead_of(node)->error);
    return count;
}

bool iocp_peer_address(const struct port_event *accepted, struct address *address)
{
    const struct iocp_ahead *ahead = accepted->acceptor->ahead;
    for (int i = 0; i < AHEAD; i++) {
        if (ahead->slots[i].posted || ahead->slots[i].accepted != accepted->handle) continue;
        *address = ahead->slots[i].peer;
        return true;
    }
    return false;
}

static void free_ahead(struct iocp_ahead *ahead)
{
    check(ahead->posted_count == 0);
    list_remove(&ahead->node);
    ahead->acceptor->ahead = NULL;
    free(ahead);
}

void iocp_accept_end(struct port *port, struct port_acceptor *acceptor)
{
    (void)port;
    if (acceptor->ahead != NULL) free_ahead(acceptor->ahead);
}

void iocp_accept_close(struct port_iocp *iocp)
{
    struct list *node;
    while ((node = list_take_first(&iocp->acceptors)) != NULL) free_ahead(ahead_of(node));
}
