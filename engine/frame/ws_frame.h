/* ws_frame.h - one frame of WebSocket (RFC 6455 section 5), without any state of a connection. Owns nothing; keeps no
 * pointer after it returns.
 *
 *     bytes as they came:   [header|payload][header|pay       ws_header_read -> HEADER, then ws_mask
 *     bytes to send:        ws_header_write, payload
 *
 * What a frame must be by itself is checked here: its opcode, its length, and what a control frame may be. What depends
 * on the connection is judged by the caller: whether it is masked (5.1), reserved bits, which an extension may have
 * given a meaning (5.2), whether a message is to begin or to go on (5.4), and how large one may be. */
#ifndef MOONPORT_WS_FRAME_H
#define MOONPORT_WS_FRAME_H

#include "base/span.h"

#include <stdbool.h>

/* Section 5.2. Those of control frames have the bit WS_CONTROL. */
enum {
    WS_CONTINUATION = 0,
    WS_TEXT = 1,
    WS_BINARY = 2,
    WS_CONTROL = 8,
    WS_CLOSE = 8,
    WS_PING = 9,
    WS_PONG = 10,
};

/* Reserved bits, where they are in the first byte. */
enum { WS_RSV1 = 0x40, WS_RSV2 = 0x20, WS_RSV3 = 0x10 };

enum {
    WS_HEADER_MAX = 14,   /* bytes */
    WS_CONTROL_MAX = 125, /* bytes of payload in a control frame (section 5.5) */
    WS_REASON_MAX = 123,  /* bytes of text behind the code in a close frame */
};

/* Why a connection is closed (section 7.4.1, and the registry of section 11.7). */
enum {
    WS_NORMAL = 1000,
    WS_GOING_AWAY = 1001,
    WS_PROTOCOL_ERROR = 1002,
    WS_NOT_ACCEPTED = 1003, /* this type of data */
    WS_NO_CODE = 1005,      /* never sent: the close frame that came is empty */
    WS_NO_CLOSE = 1006,     /* never sent: the connection ended without a close frame */
    WS_NOT_VALID = 1007,    /* a text that is not UTF-8 */
    WS_POLICY = 1008,
    WS_TOO_BIG = 1009,
    WS_NO_EXTENSION = 1010, /* only a client says so */
    WS_INTERNAL_ERROR = 1011,
    WS_RESTART = 1012,
    WS_TRY_LATER = 1013,
    WS_BAD_GATEWAY = 1014,
};

enum ws_verdict { WS_MORE, WS_HEADER, WS_BAD };

struct ws_header {
    /* With HEADER. */
    uint64_t size; /* bytes of payload, less than 2^63 */
    uint8_t opcode;
    bool fin;         /* the last frame of its message */
    uint8_t reserved; /* WS_RSV1 | WS_RSV2 | WS_RSV3 */
    bool masked;
    uint8_t mask[4]; /* zeros if it is not masked */

    /* Bytes. With MORE, it has at least as many, which are more than have come. */
    uint8_t header_size;

    const char *why; /* with BAD: for a person, fits into a close frame; static */
};

/* Reads the header at the front of the input, of which any number of bytes may have come. Nothing of the struct need be
 * set, and nothing is kept in it between two calls. HEADER and BAD are final: no bytes that follow change them.
 * A reserved opcode and a fragmented control frame are refused when the first byte is there, a long control frame with
 * the second, other lengths when the header is whole. What is BAD is a protocol error: close with WS_PROTOCOL_ERROR. */
enum ws_verdict ws_header_read(struct ws_header *header, struct span input);

/* Writes a header in the shortest form (section 5.2) and returns its size. `reserved`: as in the struct. `mask`: NULL,
 * as from a server (section 5.1). A control frame must be `fin` and have at most WS_CONTROL_MAX bytes. */
uint8_t ws_header_write(uint8_t room[WS_HEADER_MAX], uint8_t opcode, bool fin, uint8_t reserved,
                        uint64_t size, const uint8_t mask[4]);

/* Masks bytes of a payload where they are, or unmasks them, which is the same (section 5.3). `done`: how many bytes of
 * this payload are in front of them. */
void ws_mask(uint8_t *bytes, size_t size, const uint8_t mask[4], size_t done);

/* ---- the payload of a close frame: sections 5.5.1, 7.4 ---- */

/* Whether a close frame may have that code (section 7.4): those that are defined there, but for 1004, 1005, 1006 and
 * 1015; 1012, 1013 and 1014, which IANA has registered since; and all from 3000 to 4999. */
bool ws_code_is_sendable(uint16_t code);

/* Reads an unmasked payload of at most WS_CONTROL_MAX bytes. The reason lies in it, and may be empty. An empty payload
 * has the code WS_NO_CODE. False: it is wrong. Then `why` says what is (for a person, fits into a close frame; static;
 * otherwise NULL), the reason is empty, and `code` is what to close with: WS_PROTOCOL_ERROR, or WS_NOT_VALID if the
 * reason is not UTF-8 (section 8.1). */
bool ws_close_read(struct span payload, uint16_t *code, struct span *reason, const char **why);

/* Writes a payload and returns its size. Of the reason, which should be UTF-8, it takes as many whole characters as
 * fit. The code must be sendable, or WS_NO_CODE: then the payload is empty. */
uint8_t ws_close_write(uint8_t room[WS_CONTROL_MAX], uint16_t code, struct span reason);

#endif
