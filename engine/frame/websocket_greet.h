/* websocket_greet.h - what comes first on a connection of a listener with framing "websocket": the head of an HTTP request,
 * which begins a WebSocket (RFC 6455 section 4.2) or gets a small answer. Pure; touches no socket.
 *
 *     GET /chat HTTP/1.1             -> GREET_WEBSOCKET, then websocket_welcome writes:
 *     Host: example.com                 HTTP/1.1 101 Switching Protocols
 *     Upgrade: websocket                Upgrade: websocket
 *     Connection: Upgrade               Connection: Upgrade
 *     Sec-WebSocket-Key: dGhl...        Sec-WebSocket-Accept: s3pP...
 *     Sec-WebSocket-Version: 13
 *
 *     GET /page.html HTTP/1.1        -> GREET_ANSWER: a file, /healthz, or what a person should do instead
 *
 * A request that asks for the protocol, or has the key or the version of one, is a handshake; it is refused by the first
 * of these that is wrong, in this order:
 *
 *     head        whatever http_head.h refuses: 400, 414, 431, 501, 505
 *     method      GET, else 405 (RFC 6455 section 4.2.1-1)
 *     version     of HTTP: 1.1, else 426: with 1.0, Upgrade must be ignored (RFC 9110 section 7.8)
 *     Upgrade     a list that has "websocket" in any case, else 426 (6455 section 4.2.1-3)
 *     Connection  a list that has "upgrade" in any case, else 400 (4.2.1-4)
 *     Version     one Sec-WebSocket-Version, "13", else 426 with that of the server (4.2.1-6, 4.2.2-4)
 *     Key         one Sec-WebSocket-Key, 16 bytes of base64, else 400 (4.2.1-5)
 *     Protocol    a list of tokens, if it is there, else 400 (4.2.1-8, 11.3.4)
 *     body        none, else 400: its bytes would be read as frames (RFC 9112 section 6.3)
 *     Expect      100-continue, if it is there, else 417 (9110 section 10.1.1)
 *     path        that of the settings, else 404 (6455 section 4.2.2-5)
 *     Origin      one of the settings, else 403 (4.2.2-4, 10.2); two: 403. None: it is no browser, which might as well
 *                 say any origin, so it is let in (10.2)
 *
 * All other requests: 405 but for GET and HEAD (9110 section 15.5.6), 400 and 413 for a body, 417, then /healthz, a
 * static file, 426 where the WebSocket is, and 404. A WebSocket at any path is everywhere, unless there are files. */
#ifndef MOONPORT_WEBSOCKET_GREET_H
#define MOONPORT_WEBSOCKET_GREET_H

#include "frame/http_files.h"
#include "frame/websocket_settings.h"

enum greet_verdict { GREET_MORE, GREET_WEBSOCKET, GREET_ANSWER };

/* Must not be moved while the answer is used, for that leads into it. What is found lies in the input. */
struct greeting {
    /* `head.scanned` is zeroed for a new connection and kept between calls; nothing else needs to be. With WEBSOCKET
     * `head.size` bytes are used: those behind them are frames. */
    struct http_head head;

    /* With WEBSOCKET. */
    struct span key; /* of 16 bytes, as base64 */
    struct span
        protocol;   /* the first that the client asks for and the listener has; data NULL: none */
    bool continues; /* the client waits to hear that it may go on (RFC 9110 section 10.1.1) */

    /* With ANSWER. */
    struct http_answer answer; /* to be sent, then the connection ends */
    const char *why;           /* for the log; static */
    bool
        is_worth_a_line; /* of the log: a client or a proxy is set up wrong, or is up to something */
    struct http_files
        *files; /* held, for the body lies in them: greeting_end lets go of them; NULL: none */
    char fields[HTTP_FILES_FIELDS];
};

/* Reads the front of a connection, of which any number of bytes may have come. After MORE, the next call must pass the
 * same bytes with more behind them; they may have moved. ANSWER is final. */
enum greet_verdict websocket_greet(struct greeting *greeting,
                                   const struct websocket_settings *settings, struct span input);

/* Once the answer was sent, or copied. Also after the other verdicts, where it does nothing. */
void greeting_end(struct greeting *greeting);

/* ---- after WEBSOCKET, while the input is there ---- */

/* The protocol as the client asks for it, to the letter: inside the head. Size 0: it does not. */
struct span websocket_offered(const struct http_head *head, struct span protocol);

/* Writes the head of the answer (RFC 6455 section 4.2.2-5), behind a 100 if the client waits for one. protocol,
 * extensions: values of their fields; empty: there is no such field, for an empty one breaks some clients. A protocol that
 * was not asked for makes every client give up. headers: further lines, each with its CRLF; NULL: none. Returns how many
 * bytes it has; 0: it does not fit. */
size_t websocket_welcome(const struct greeting *greeting, struct span protocol,
                         struct span extensions, const char *headers, char *room, size_t size);

#endif
