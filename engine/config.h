/* config.h - the settings of a server. All figures are for the whole server; each worker gets its
 * share. Set from text by name, so that a file and a command line are one thing. */
#ifndef MOONPORT_CONFIG_H
#define MOONPORT_CONFIG_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "frame/frame.h"
#include "port/port.h"

struct filter_source;

enum { CONFIG_LISTENERS_MAX = 32, CONFIG_WORKERS_MAX = 128, CONFIG_NAMES_MAX = 64 };

#define CONFIG_ADMIN "127.0.0.1:7001" /* the default of `admin` */

enum config_on_full { ON_FULL_CLOSE, ON_FULL_REFUSE };
enum config_on_end { ON_END_FINISH, ON_END_CLOSE };
enum config_reload { RELOAD_WATCH, RELOAD_SIGNAL };

struct config_listener {
    struct address address;
    struct frame frame; /* finished by config_finish */
    bool has_framing;   /* its own; otherwise the server's */
    uint8_t on_full;    /* enum config_on_full: what a send beyond the hard mark does */
    bool has_on_full;
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
    uint64_t wait_timeout_ns;    /* a handler waits no longer; 0: no limit */
    uint64_t soft_mark;          /* bytes queued on a connection: receiving from it pauses; 64K */
    uint64_t hard_mark;          /* bytes queued on a connection: sends are refused; 0: twice
                                  max_packet, at least 4M */
    uint8_t on_full;             /* enum config_on_full; close */
    uint8_t on_end;  /* enum config_on_end: a handler that waits when its peer ends; finish */
    uint8_t backend; /* enum port_backend; auto */
    uint8_t log;     /* enum log_level; info */
    uint64_t handler_timeout_ns; /* a handler that runs for longer is interrupted; 0: never; 1 s */
    uint64_t lua_memory;         /* bytes of one worker's Lua state; 256M */
    uint64_t shared_memory;      /* bytes of what all workers share; 64M */
    uint8_t sandbox;             /* 1: scripts have nothing of the system; 0 */
    uint8_t reload;              /* enum config_reload; watch */
    struct address admin;        /* where commands of a person are taken; CONFIG_ADMIN */
    bool has_admin;              /* they are; true */
    bool admin_given;            /* one of the two was set, it is not the default */
    const char *name; /* the log lines of its threads begin with it; NULL: with nothing */
};

void config_init(struct config *config);

/* One setting by its name, its value as text: "workers", "2". The names are those of API.md's
 * config.lua but for `listen`, which adds a listener: config_add_listener. An unknown name is an
 * error that names the nearest known one; a bad value one that says what is expected. */
bool config_set(struct config *config, const char *name, const char *value, struct error *error);

/* All names that config_set knows, and what each is in a few words, for help and completion. */
struct config_name {
    const char *name;
    const char *value;   /* "SIZE" "N" "SECONDS" ... */
    const char *example; /* a good value, often the default */
    const char *help;

    /* How config_set reads it. */
    uint8_t kind;              /* config.c's own */
    size_t offset, field_size; /* bytes, of the field in a struct config */
    uint64_t min, max;         /* in the field's unit */
    const char *const *words;  /* for a choice: what the field's values are called; then NULL */
    bool live;                 /* may change while a server runs: server_configure_worker */
    const char *usual;         /* the default, if the example is another value */
};
const struct config_name *config_names(size_t *count); /* at most CONFIG_NAMES_MAX */

/* "0.0.0.0:7000" and its kin. The listener can be set further until config_finish. */
struct config_listener *config_add_listener(struct config *config, const char *address,
                                            struct error *error);

/* A setting of one listener: "on_full", "mode" of a unix socket, or "framing" as text. (A framing given in parts is set by
 * frame_set_kind and frame_set on listener->frame, with has_framing.) */
bool config_listener_set(struct config_listener *listener, const char *name, const char *value,
                         struct error *error);

/* Fills in what was left open (a listener on 0.0.0.0:7000, workers, hard_mark, frames) and checks
 * that the whole can work. Call it once, last. */
bool config_finish(struct config *config, struct error *error);

/* Calls `differs` for every setting that is not the same in both, which are finished; for those of a
 * listener it is "listen". */
void config_compare(const struct config *before, const struct config *after,
                    void (*differs)(void *context, const struct config_name *setting),
                    void *context);

/* Takes over the settings that are `live`; what takes a restart stays. */
void config_take_live(struct config *config, const struct config *from);

/* Each worker's share of a figure. */
uint32_t config_links_per_worker(const struct config *config);
uint32_t config_blocks_per_worker(const struct config *config);
uint64_t config_memory_per_worker(const struct config *config);

/* The blocks with which `max_connections` never run out: one commented line per holder. It may be more
 * than the workers can have, which is the second. */
uint64_t config_blocks_wanted(const struct config *config);
uint64_t config_blocks_most(const struct config *config);

#endif
