/* talk_url.h - reads the address of a WebSocket (RFC 6455 section 3), or of a server that speaks TLS. Pure. */
#ifndef MOONPORT_TALK_URL_H
#define MOONPORT_TALK_URL_H

#include "base/error.h"

enum { TALK_HOST_MAX = 255, TALK_TARGET_MAX = 4096 };

struct talk_url {
    bool is_websocket;                /* ws:// and wss:// */
    bool is_tls;                      /* wss:// and tls:// */
    char host[TALK_HOST_MAX + 1];     /* as the field Host has it: without the port that is usual */
    char name[TALK_HOST_MAX + 1];     /* without any port, and without brackets */
    char address[TALK_HOST_MAX + 5];  /* host:port, for address_parse */
    char target[TALK_TARGET_MAX + 1]; /* path and query, encoded; at least "/" */
};

/* Whether the word is such an address, right or wrong: it begins with a scheme and "://". */
bool talk_url_is(const char *word);

/* "ws://127.0.0.1:7001/chat?room=tea" "wss://localhost/chat" "tls://127.0.0.1:7000". Characters that an address cannot have are
 * encoded. */
bool talk_url_read(const char *word, struct talk_url *url, struct error *error);

#endif
