/* config.h - the settings of a server. Numbers of connections and blocks and bytes of memory are for the whole
 * server; each worker gets an equal share. Settings are set as text by name, so a file and the command line take
 * the same ones. */
#ifndef MOONPORT_CONFIG_H
#define MOONPORT_CONFIG_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/settings_table.h"
#include "frame/frame_protocols.h"
#include "port/port.h"
#include "stream/tls_settings.h"

struct filter_source;

enum { CONFIG_LISTENERS_MAX = 32, CONFIG_WORKERS_MAX = 128 };

#define CONFIG_PACKET_MOST (UINT64_C(1) << 30) /* of max_packet; a WSABUF's length has 32 bits */

enum config_on_full { ON_FULL_CLOSE, ON_FULL_REFUSE };
enum config_on_end { ON_END_FINISH, ON_END_CLOSE };

struct config_listener {
    struct address address;
    struct frame frame; /* complete after config_finish */
    struct frame other; /* if it detects: for peers that do not begin as `frame` says */
    bool detects;
    struct frame_protocols *protocols; /* of peers that agree on one in TLS; or NULL */
    uint8_t on_full; /* enum config_on_full: what a send above the hard mark does */
    uint32_t own;    /* one bit for each setting of its own: config_listener_own */
    const char *tls; /* the setting, kept by config_text_keep; NULL: none */
    const struct filter_source *filter; /* for its connections; NULL: plain TCP */
};

struct config {
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    uint32_t listener_count;
    struct frame frame;       /* "framing": for listeners without their own */
    uint64_t max_packet;      /* bytes; 16M */
    uint32_t workers;         /* 0: one per processor; config_finish sets the number */
    uint32_t max_connections; /* 3000 */
    uint32_t blocks;          /* 10000 */
    uint32_t block_size;      /* data bytes of a block; 2048 */
    uint32_t recv_depth;      /* receives posted at once, and reorder window: 1 2 4 8 16; 4 */
    uint64_t memory;          /* bytes besides the blocks; 0: 512M, or more if needed */
    uint64_t idle_timeout_ns; /* 0: never; 60 s */
    uint64_t
        opening_timeout_ns; /* from the accept to on_connect, where something comes first; 10 s */
    uint32_t handshakes_at_once; /* of filters, in each worker; others wait; 500 */
    uint64_t drain_timeout_ns;   /* for flushing, at a close and at the end; 10 s */
    uint64_t end_timeout_ns;     /* a handler or a pause after the peer's end; 0: drain_timeout */
    uint64_t wait_timeout_ns;    /* how long a handler may wait; 0: no limit */
    uint64_t soft_mark;          /* bytes queued on a connection; above, reading pauses; 64K */
    uint64_t hard_mark;          /* bytes queued on a connection; above, sends are refused;
                                    0: twice max_packet, at least 4M */
    uint8_t on_full;             /* enum config_on_full; close */
    uint8_t on_end;   /* enum config_on_end: for a waiting handler whose peer ends; finish */
    uint8_t backend;  /* enum port_backend; auto */
    uint8_t log;      /* enum log_level; info */
    const char *name; /* log lines of its threads begin with it; NULL: no name */
};

void config_init(struct config *config);

/* All settings: names, kinds, bounds, help. config.lua and flags use these names. */
extern const struct settings config_settings;

/* Sets one setting by its name, from text: "workers", "2"; "listen" adds a listener. Errors as in settings_set. */
bool config_set(struct config *config, const char *name, const char *value, struct error *error);

/* Adds a listener on an address such as "0.0.0.0:7000". Its settings can be changed until config_finish. */
struct config_listener *config_add_listener(struct config *config, const char *address,
                                            struct error *error);

/* The settings of a listener: "framing" and "on_full", by default the server's; "detect", two framings with a ";" between
 * them, in place of "framing"; "mode" of a unix socket; and "tls", whose text is kept: whoever opens the server makes a
 * filter of it. (A
 * framing that is given in parts is set with frame_set_kind and frame_set on listener->frame, then
 * config_listener_own.) */
extern const struct settings config_listener_settings;
bool config_listener_set(struct config_listener *listener, const char *name, const char *value,
                         struct error *error);
void config_listener_own(struct config_listener *listener, const char *name);

/* Its peers that agree on one of these protocols in TLS (whose setting names them in its field `alpn`) have the framing of
 * that. They are copied. False with the reason. */
bool config_listener_protocols(struct config_listener *listener,
                               const struct frame_protocols *protocols, struct error *error);

/* Its frame and its other one are set: it detects which of them a peer has. False: they are not such. */
bool config_listener_detect(struct config_listener *listener, struct error *error);

/* Fills in defaults (a listener on 0.0.0.0:7000, workers, memory, hard_mark, frames), and checks that the settings
 * fit together. Call it once, last. */
bool config_finish(struct config *config, struct error *error);

/* Each worker's share. */
uint32_t config_links_per_worker(const struct config *config);
uint32_t config_blocks_per_worker(const struct config *config);
uint64_t config_memory_per_worker(const struct config *config);

/* config_blocks_wanted: enough blocks for max_connections never to run out of them; this may be more than
 * config_blocks_most, the number that the workers can have. */
uint64_t config_blocks_wanted(const struct config *config);
uint64_t config_blocks_most(const struct config *config);

#endif
