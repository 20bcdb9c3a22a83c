#include "base/socket_windows.h"

SOCKET windows_socket(int family)
{
    return WSASocketW(family, SOCK_STREAM, IPPROTO_TCP, NULL, 0,
                      WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
}

const char *windows_error_text(int number)
{
    switch (number) {
    case WSAEADDRINUSE: return "Address already in use";
    case WSAEACCES: return "Permission denied";
    case WSAEADDRNOTAVAIL: return "Cannot assign requested address";
    case WSAEAFNOSUPPORT: return "Address family not supported by protocol";
    case WSAENOBUFS: return "No buffer space available";
    case WSAEMFILE: return "Too many open sockets";
    case WSAECONNREFUSED: return "Connection refused";
    case WSAECONNRESET: return "Connection reset by peer";
    case WSAECONNABORTED: return "Software caused connection abort";
    case WSAETIMEDOUT: return "Connection timed out";
    case WSAENETUNREACH: return "Network is unreachable";
    case WSAEHOSTUNREACH: return "No route to host";
    default: return "The system refused";
    }
}
