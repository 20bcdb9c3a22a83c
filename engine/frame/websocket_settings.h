/* websocket_settings.h - what is set of a listener with framing "websocket": read from text, compared, and asked. By
 * value, and of one size. Owns nothing. */
#ifndef MOONPORT_WEBSOCKET_SETTINGS_H
#define MOONPORT_WEBSOCKET_SETTINGS_H

#include "base/span.h"

#include <stdbool.h>

enum {
    WEBSOCKET_PATH_MAX = 127, /* bytes of the settings of text */
    WEBSOCKET_ORIGINS_MAX = 511,
    WEBSOCKET_PROTOCOLS_MAX = 255,
    WEBSOCKET_PUBLIC_MAX = 255,
    WEBSOCKET_PING_S = 30,
    WEBSOCKET_PING_S_MAX = 24 * 3600,
    WEBSOCKET_LEVEL = 1,   /* of compression: more costs time, and saves little of a message */
    WEBSOCKET_WINDOW = 12, /* bits: a connection that keeps contexts costs 50 KiB, and not 300 */
};

/* Messages go as they are; are compressed (RFC 7692), each by itself; or refer to earlier ones, which takes memory for
 * each connection. */
enum websocket_compress { WEBSOCKET_PLAIN, WEBSOCKET_COMPRESS, WEBSOCKET_TAKEOVER };

struct http_site;

/* Lists have "|" between their elements, which neither an origin nor the name of a protocol needs. */
struct websocket_settings {
    char path[WEBSOCKET_PATH_MAX + 1];           /* as in an address, may be encoded; "": any */
    char origins[WEBSOCKET_ORIGINS_MAX + 1];     /* pages that may connect; "": of any origin */
    char protocols[WEBSOCKET_PROTOCOLS_MAX + 1]; /* that the listener speaks; "": none */
    char public_dir[WEBSOCKET_PUBLIC_MAX + 1];   /* of static files; "": none */
    uint32_t ping_s;                             /* seconds; 0: no pings */
    bool healthz;                                /* /healthz is answered */
    uint8_t compress;                            /* enum websocket_compress */
    uint8_t compress_level;                      /* 1 to 9 */
    uint8_t compress_window;                     /* bits, 9 to 15 */
    struct http_site *site;                      /* those files; NULL: none. Not a setting */
};

/* Any path, any origin, no protocol, a ping each WEBSOCKET_PING_S, no compression. */
struct websocket_settings websocket_settings_default(void);

/* The setters return NULL, or a description of the values that are expected; then nothing has changed. "" is the
 * default of a text. */

/* "/chat". */
const char *websocket_set_path(struct websocket_settings *settings, const char *text);

/* "https://example.com|http://localhost:8000|null": as http_origin.h reads them, without wildcards. */
const char *websocket_set_origins(struct websocket_settings *settings, const char *text);

/* "chat.v2|chat": tokens (RFC 6455 section 11.3.4). */
const char *websocket_set_protocols(struct websocket_settings *settings, const char *text);

/* Seconds. */
const char *websocket_set_ping(struct websocket_settings *settings, const char *text);

const char *websocket_set_healthz(struct websocket_settings *settings, const char *text);

/* "false", "true", "takeover". All but the first takes a program that is built with zlib. */
const char *websocket_set_compress(struct websocket_settings *settings, const char *text);
const char *websocket_set_compress_level(struct websocket_settings *settings, const char *text);
const char *websocket_set_compress_window(struct websocket_settings *settings, const char *text);

/* "public", "web/public": a directory below that of the scripts, with / between names on all systems. "." is none: it has
 * the scripts in it; nor is one whose name begins with a dot. */
const char *websocket_set_public(struct websocket_settings *settings, const char *text);

bool websocket_settings_are_same(const struct websocket_settings *one,
                                 const struct websocket_settings *other);

/* ---- what they let happen ---- */

/* Takes the next element off a list; false: there is no more. */
bool websocket_list_next(struct span *list, struct span *element);

/* Whether the WebSocket is at this path, which is still encoded (http_path.h). */
bool websocket_has_path(const struct websocket_settings *settings, struct span path);

/* Whether a page of this origin may connect. */
bool websocket_has_origin(const struct websocket_settings *settings, struct span origin);

/* Whether the listener speaks this protocol; names are compared to the letter. */
bool websocket_has_protocol(const struct websocket_settings *settings, struct span protocol);

#endif
