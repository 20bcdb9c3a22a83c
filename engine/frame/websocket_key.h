/* websocket_key.h - what a server answers to the key of a handshake, which shows that it has understood the request
 * (RFC 6455 section 4.2.2-5, step 4). Pure; owns nothing. */
#ifndef MOONPORT_WEBSOCKET_KEY_H
#define MOONPORT_WEBSOCKET_KEY_H

#include "base/base64.h"
#include "base/sha1.h"

enum {
    WEBSOCKET_KEY_BYTES = 16, /* random ones, from the client */
    WEBSOCKET_KEY_SIZE = BASE64_SIZE(WEBSOCKET_KEY_BYTES),
    WEBSOCKET_ACCEPT_SIZE = BASE64_SIZE(SHA1_SIZE),
};

/* key: WEBSOCKET_KEY_SIZE characters. accept: as many as its name says, and a NUL. */
void websocket_key_accept(struct span key, char accept[WEBSOCKET_ACCEPT_SIZE + 1]);

#endif
