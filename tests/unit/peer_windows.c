#include "base/address_system.h"
#include "peer.h"

void peer_start(void)
{
    WSADATA data;
    WSAStartup(MAKEWORD(2, 2), &data); /* for as long as the program runs */
}

void peer_set_blocking(intptr_t peer, bool blocking)
{
    u_long mode = !blocking;
    ioctlsocket((SOCKET)peer, (long)FIONBIO, &mode);
}

void peer_close(intptr_t peer)
{
    closesocket((SOCKET)peer);
}

bool peer_holds_its_port(void)
{
    return true; /* if it listened with SO_EXCLUSIVEADDRUSE */
}

bool peer_end_overtakes(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") == NULL;
}
