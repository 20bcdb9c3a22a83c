/* config.h - the settings of a server. All figures are for the whole server; each worker gets its
 * share. Set from text by name, so that a file and a command line are one thing. */
#ifndef MOONPORT_CONFIG_H
#define MOONPORT_CONFIG_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/settings_table.h"
#include "frame/frame.h"
#include "port/port.h"

struct filter_source;

enum { CONFIG_LISTENERS_MAX = 32, CONFIG_WORKERS_MAX = 128 };

enum config_on_full { ON_FULL_CLOSE, ON_FULL_REFUSE };
enum config_on_end { ON_END_FINISH, ON_END_CLOSE };

struct config_listener {
    struct address address;
    struct frame frame; /* finished by config_finish */
    uint8_t on_full;    /* enum config_on_full: what a send beyond the hard mark does */
    uint32_t own;       /* settings of its own, not the server's: config_listener_own */
    const struct filter_source *filter; /* of its connections; NULL: plain TCP */
};

struct config {
    struct config_listener listeners[CONFIG_LISTENERS_MAX];
    uint32_t listener_count;
    struct frame frame;       /* "framing": for listeners without their own */
    uint64_t max_packet;      /* bytes; 16M */
    uint32_t workers;         /* 0: one per processor. After config_finish: how many */
    uint32_t max_connections; /* 3000 */
    uint32_t blocks;          /* 10000 */
    uint32_t block_size;      /* data bytes of a block; 2048 */
    uint32_t recv_depth;      /* receives posted at once, and the reorder window; 1 2 4 8 16; 4 */
    uint64_t memory;          /* bytes beyond the blocks; 0: 512M, or more if the workers need it */
    uint64_t idle_timeout_ns; /* 0: never; 60 s */
    uint64_t opening_timeout_ns; /* from the accept to on_connect, with a filter; 10 s */
    uint64_t drain_timeout_ns;   /* for flushing at a close and at the end; 10 s */
    uint64_t
        end_timeout_ns; /* for a handler, or a pause, behind the peer's end; 0: drain_timeout */
    uint64_t wait_timeout_ns; /* a handler waits no longer; 0: no limit */
    uint64_t soft_mark;       /* bytes queued on a connection: receiving from it pauses; 64K */
    uint64_t hard_mark;       /* bytes queued on a connection: sends are refused; 0: twice
                                  max_packet, at least 4M */
    uint8_t on_full;          /* enum config_on_full; close */
    uint8_t on_end;   /* enum config_on_end: a handler that waits when its peer ends; finish */
    uint8_t backend;  /* enum port_backend; auto */
    uint8_t log;      /* enum log_level; info */
    const char *name; /* the log lines of its threads begin with it; NULL: with nothing */
};

void config_init(struct config *config);

/* The table of them: names, kinds, bounds, help. config.lua and flags have these names. */
extern const struct settings config_settings;

/* Sets one setting by its name, from text: "workers", "2"; "listen" adds a listener. Errors as in settings_set. */
bool config_set(struct config *config, const char *name, const char *value, struct error *error);

/* Adds a listener on an address such as "0.0.0.0:7000". Its settings can be changed until config_finish. */
struct config_listener *config_add_listener(struct config *config, const char *address,
                                            struct error *error);

/* Those of a listener: "framing" and "on_full", otherwise the server's, and "mode" of a unix socket. (A framing given
 * in parts is set by frame_set_kind and frame_set on listener->frame, and config_listener_own.) */
extern const struct settings config_listener_settings;
bool config_listener_set(struct config_listener *listener, const char *name, const char *value,
                         struct error *error);
void config_listener_own(struct config_listener *listener, const char *name);

/* Fills in what was left open (a listener on 0.0.0.0:7000, workers, hard_mark, frames) and checks
 * that the whole can work. Call it once, last. */
bool config_finish(struct config *config, struct error *error);

/* Each worker's share of a figure. */
uint32_t config_links_per_worker(const struct config *config);
uint32_t config_blocks_per_worker(const struct config *config);
uint64_t config_memory_per_worker(const struct config *config);

/* config_blocks_wanted: enough blocks for max_connections never to run out of them; this may be more than
 * config_blocks_most, the number that the workers can have. */
uint64_t config_blocks_wanted(const struct config *config);
uint64_t config_blocks_most(const struct config *config);

#endif
