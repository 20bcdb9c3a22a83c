/* http_head.h - reads the head of an HTTP/1.1 request: its request line and its fields, up to the empty line. Owns
 * nothing; what it finds lies in the input.
 *
 *     GET /stats?sort=age HTTP/1.1       method, target, path, query, minor
 *     Host: localhost:7001               host, fields[0]
 *     Connection: close                  fields[1]
 *                                        size: bytes up to here
 *
 * It is strict: where two readers could understand a request differently, it refuses.
 *
 *   line ends     CRLF. RFC 9112 section 2.2 lets a recipient take an LF alone for one; this one refuses it. If a proxy
 *                 in front understood it otherwise, it would forward one request where two are read here (request
 *                 smuggling), and no client needs it. A CR alone is refused (2.2). One empty line before the request
 *                 line is skipped (2.2).
 *   request line  method, target and version with one space between them (9112 section 3).
 *   version       HTTP/1.0 and 1.1; a higher minor number counts as 1 (9110 section 2.5). Another major number: 505
 *                 (9110 section 15.6.6). None, as in HTTP/0.9: 400. To the letter (9112 section 2.3).
 *   method        any token (9110 section 9.1). CONNECT: 501, for this is no proxy (9110 section 9.3.6).
 *   target        "/path?query" (9112 section 3.2.1). "http://host/path?query", or https, which every server must
 *                 accept; its host counts, not that of the field (3.2.2). "*" with OPTIONS only (3.2.4).
 *                 Visible ASCII without " # < >; a % begins a triplet (RFC 3986 section 2.1). RFC 3986 has no
 *                 [ ] \ ^ ` { | } either, but browsers send them as they are (URL Standard, percent-encode sets).
 *   Host          one; with HTTP/1.0 one or none (9112 section 3.2). It must be valid: not empty (9110 section 4.2.1),
 *                 without a user name (4.2.4).
 *   fields        a name, the colon directly behind it (9112 section 5.1), a value. A line that begins with a blank is
 *                 refused, be it the first (2.2) or the continuation of another (5.2). A value has no control byte
 *                 but tabs (9110 section 5.5); blanks around it are not part of it.
 *   sizes         HTTP_HEAD_MAX bytes and HTTP_FIELDS_MAX fields: 431 (RFC 6585 section 5), or 414 if not even the
 *                 request line has ended (9110 section 15.5.15). */
#ifndef MOONPORT_HTTP_HEAD_H
#define MOONPORT_HTTP_HEAD_H

#include "base/span.h"

#include <stdbool.h>

enum http_verdict { HTTP_MORE, HTTP_HEAD, HTTP_BAD, HTTP_TOO_LONG };

enum { HTTP_HEAD_MAX = 8192, HTTP_FIELDS_MAX = 64 };

struct http_field {
    struct span name;  /* to be compared in any case: http_is_like of http_text.h */
    struct span value; /* without the blanks around it; may be empty */
};

struct http_head {
    size_t scanned; /* bytes that were read before MORE; 0 for a new head */

    /* With HEAD. */
    struct span method;
    struct span target; /* as it was sent */
    struct span path;   /* still encoded (http_query.h); "*" or begins with "/" */
    struct span query;  /* behind the "?", still encoded; data NULL: there is none */
    struct span host;   /* with its port (http_host_read); data NULL: HTTP/1.0, and there is none */
    uint8_t minor;      /* of HTTP/1.0 or HTTP/1.1 */
    uint32_t field_count;
    struct http_field fields[HTTP_FIELDS_MAX]; /* in their order */
    size_t size; /* bytes, with the empty line: the body follows, or the next head */

    /* With BAD and TOO_LONG. */
    uint16_t status; /* to answer with: 400, 501 or 505; 414 or 431 */
    const char *why; /* for a person; static */
};

/* Reads the head at the front of the input, of which any number of bytes may have come. `scanned` is zeroed for a new
 * head; nothing else needs to be. After MORE, the next call must pass the same bytes with more behind them; they may
 * have moved. Of the struct only `scanned` is used again, so the rest need not be kept meanwhile. Each byte is looked
 * at once, and again when a later line ends: byte by byte, the longest head takes about 1 ms in all. BAD and TOO_LONG
 * are final: no bytes that follow change them. */
enum http_verdict http_head_read(struct http_head *head, struct span input);

/* Reads the target of a head that has method and target, for http_head_read; the rest is as there. */
const char *http_target_read(struct http_head *head);

/* For heads that differ in their first line and in what they must have (http_reply.h). Both functions return why they
 * refuse, or NULL. The first must leave something in `method`: by that it is known that the line was read. */
struct http_head_kind {
    const char *(*read_first)(struct http_head *head, struct span line);
    const char *(*check_all)(struct http_head *head);
};
enum http_verdict http_head_read_as(struct http_head *head, const struct http_head_kind *kind,
                                    struct span input);

/* ---- what a head says; all of these ask for one that was read with HEAD ---- */

/* The value of the first field of that name, in any case; data NULL: there is none. */
struct span http_head_field(const struct http_head *head, const char *name);

/* How many fields have that name. */
uint32_t http_head_count(const struct http_head *head, const char *name);

/* Whether a word is an element of that field, which is a list over all fields of that name; names and elements in any
 * case (RFC 9110 sections 5.3, 5.6.1): http_head_has(head, "connection", "upgrade"). */
bool http_head_has(const struct http_head *head, const char *name, const char *word);

/* How many bytes of body follow; 0 if the head does not say. False: that cannot be known, so answer 400 and close.
 * Content-Length is not a number, or is there twice (9110 section 8.6), or there is a Transfer-Encoding, which may
 * contradict it (9112 section 6.3) and which nothing here decodes. */
bool http_head_length(const struct http_head *head, uint64_t *size);

/* Whether the peer expects to use the connection again (9112 section 9.3). */
bool http_head_keeps_alive(const struct http_head *head);

/* ---- of values ---- */

/* Takes the next element off a list: between commas, without blanks around it, never empty (9110 section 5.6.1.2).
 * A comma within a quoted string (5.6.4) does not end it. False: there is no more. */
bool http_list_next(struct span *list, struct span *element);

/* Divides "localhost:7001" or "[::1]:7001", without the brackets. `port` 0: none is named. False: it is no host with or
 * without a port (RFC 3986 sections 3.2.2, 3.2.3); of what is in brackets only the characters are checked. */
bool http_host_read(struct span host, struct span *name, uint16_t *port);

#endif
