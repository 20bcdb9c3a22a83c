/* websocket_message.c - the memory for a message that a session keeps: it grows with what comes. */
#include "base/piece.h"
#include "frame/websocket_session.h"

enum { MESSAGE_MIN = 256, PAGED_FROM = 8192 };

void websocket_drop_message(struct websocket_session *own)
{
    struct session *session = &own->session;
    if (own->message != NULL) piece_give(session->budget, own->message, own->capacity, PAGED_FROM);
    session->held -= own->capacity;
    own->message = NULL;
    own->capacity = own->size = 0;
}

static bool grow_to(struct websocket_session *own, size_t size)
{
    struct session *session = &own->session;
    uint8_t *grown = own->message == NULL ? piece_take(session->budget, size, 0, PAGED_FROM)
                                          : piece_grow(session->budget, own->message, own->capacity,
                                                       size, 0, PAGED_FROM);
    if (grown == NULL) return false;
    session->held += size - own->capacity;
    own->message = grown;
    own->capacity = size;
    return true;
}

/* Doubles, so that few bytes at a time do not cost a copy each; takes what is needed when the budget is nearly used up. */
bool websocket_reserve(struct websocket_session *own, size_t more, uint64_t most)
{
    size_t size = own->capacity;
    size_t wanted = own->size + more > most ? (size_t)most : own->size + more;
    if (own->message != NULL && wanted <= size) return true;
    if (size < MESSAGE_MIN) size = MESSAGE_MIN;
    while (size < wanted) size *= 2;
    if (size > most) size = (size_t)most;
    return grow_to(own, size) || grow_to(own, wanted > 0 ? wanted : 1);
}

bool websocket_append(struct websocket_session *own, struct span bytes, uint64_t most)
{
    if (bytes.size == 0) return true;
    if (!websocket_reserve(own, bytes.size, most)) return false;
    memcpy(own->message + own->size, bytes.data, bytes.size);
    own->size += bytes.size;
    return true;
}
