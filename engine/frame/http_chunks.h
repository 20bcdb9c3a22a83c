/* http_chunks.h - takes the data out of a body that comes in chunks (RFC 9112 section 7.1). Pure; keeps no byte.
 *
 *     5;name=value CRLF hello CRLF      a size in hexadecimal, extensions, which are ignored (7.1.1), and as many bytes
 *     0 CRLF                            the last chunk
 *     Trailer: value CRLF               fields, which are read and dropped (7.1.2)
 *     CRLF
 *
 * As strict as http_head.h, and for its reason: where a proxy in front and this server understood a body otherwise, one of
 * them would take the rest of it for a request. Lines end in CRLF only. A size has digits only, at most HTTP_CHUNK_DIGITS;
 * blanks may stand in front of a ";" (7.1.1), and nowhere else. Extensions and trailers are bounded (7.1.1 asks for it). */
#ifndef MOONPORT_HTTP_CHUNKS_H
#define MOONPORT_HTTP_CHUNKS_H

#include "base/span.h"

#include <stdbool.h>

enum {
    HTTP_CHUNK_DIGITS = 16,
    HTTP_EXTENSIONS_MAX = 4096, /* bytes of all extensions of a body */
    HTTP_TRAILERS_MAX = 8192,   /* bytes of the trailer section */
};

enum http_chunk_verdict {
    HTTP_CHUNK_MORE, /* all of the input was used */
    HTTP_CHUNK_DATA,
    HTTP_CHUNK_END, /* of the body: what follows is not used */
    HTTP_CHUNK_BAD,
};

/* Zeroed for a new body. Nothing is to be set or changed by others. */
struct http_chunks {
    uint64_t left;       /* bytes of this chunk's data that are to come */
    uint16_t extensions; /* bytes of them so far */
    uint16_t trailers;
    uint8_t digits; /* of the size, so far */
    uint8_t place;  /* in the grammar */
};

struct http_chunk_step {
    size_t used;      /* bytes of the input; with DATA those of the data as well */
    struct span data; /* DATA: inside the input, never empty */
    uint16_t status;  /* BAD: to answer with, 400 or 431 */
    const char *why;  /* BAD: for a person; static */
};

/* Reads on, up to the end of the next piece of data. The input must not have been used by an earlier call. */
enum http_chunk_verdict http_chunks_read(struct http_chunks *chunks, struct span input,
                                         struct http_chunk_step *step);

#endif
