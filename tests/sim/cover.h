/* cover.h - the client's end of a filter: it makes wire bytes of plain ones, and plain ones of those that the server sends. */
#ifndef MOONPORT_SIM_COVER_H
#define MOONPORT_SIM_COVER_H

#include "memory.h"

#include "base/span.h"
#include "system/buffer.h"

#include <stdbool.h>

struct cover;

/* They append to buffers, of which the caller owns the memory. */
struct cover_kind {
    void (*put)(struct cover *cover, struct span plain, struct buffer *wire);

    /* No more will be put. */
    void (*end)(struct cover *cover, struct buffer *wire);

    /* Bytes from the server: plain ones, and what it has to say to them. False: they are no such stream. */
    bool (*hear)(struct cover *cover, struct span bytes, struct buffer *plain, struct buffer *wire);

    /* Says something that the server must refuse, out of these bytes perhaps, or damages what it says next. */
    void (*tear)(struct cover *cover, struct span noise, struct buffer *wire);

    void (*close)(struct cover *cover);
};

struct cover {
    const struct cover_kind *kind;
    bool ready;             /* plain bytes pass; those that were put before have been passed on */
    bool open;              /* the server has let it in, as its answers show */
    bool lifted;            /* plain bytes pass as they are */
    bool refused, farewell; /* the server has said so */
    bool tells_end;         /* a stream that ends without end() was cut off */
    bool alien;             /* it speaks another protocol, or wants none of the server's */
};

#endif
