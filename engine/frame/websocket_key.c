#include "frame/websocket_key.h"

#include "base/check.h"

void websocket_key_accept(struct span key, char accept[WEBSOCKET_ACCEPT_SIZE + 1])
{
    static const char guid[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    uint8_t text[WEBSOCKET_KEY_SIZE + sizeof guid], digest[SHA1_SIZE];
    check(key.size == WEBSOCKET_KEY_SIZE);
    memcpy(text, key.data, key.size);
    memcpy(text + key.size, guid, sizeof guid - 1);
    sha1(span_of(text, key.size + sizeof guid - 1), digest);
    base64_encode(span_of(digest, sizeof digest), accept);
}
