/* top_model.h - the figures of a server as `moonport top` has them: read from the text of GET /stats, of which a line
 * is "NAME VALUE", and what they changed by in a second. Pure; owns nothing. Names that it does not know are left out,
 * so the server may be a later one. */
#ifndef MOONPORT_TOP_MODEL_H
#define MOONPORT_TOP_MODEL_H

#include "base/address.h"
#include "base/span.h"
#include "config.h"

enum { TOP_HANDLERS_MAX = 32, TOP_NAME_MAX = 32, TOP_NEWS_MAX = 512 };

/* Of each kind of figures there is a struct of doubles alone; times are in seconds. NAN: the server does not say. */
struct top_whole {
    double uptime, generation, draining;
    double connections, connections_max, accepted, refused;
    double blocks, blocks_used, blocks_lowest;
    double memory_used, memory_max, lua_memory, lua_memory_max;
    double packets_received, packets_sent, bytes_received, bytes_sent, queued_bytes, mailbox;
    double jobs_threads, jobs_busy, jobs_queued;
    double failed; /* calls of handlers, of all kinds */
};

struct top_worker {
    double connections, packets_received, packets_sent, busy, turn_p99, lua_memory;
};

struct top_calls {
    double calls, failed, interrupted, p50, p99, max;
};

struct top_handler {
    char name[TOP_NAME_MAX];
    struct top_calls of;
};

struct top_accepts {
    double accepted, refused, connections;
};

struct top_listener {
    char address[ADDRESS_TEXT_MAX];
    bool is_open;
    struct top_accepts of;
};

struct top_sample {
    char version[TOP_NAME_MAX];
    char probation[TOP_NEWS_MAX], taken_back[TOP_NEWS_MAX]; /* sentences; or "" */
    struct top_whole whole;
    uint32_t worker_count, handler_count, listener_count;
    struct top_worker workers[CONFIG_WORKERS_MAX];
    struct top_handler handlers[TOP_HANDLERS_MAX];
    struct top_listener listeners[CONFIG_LISTENERS_MAX];
};

struct top_model {
    bool has_now;
    struct top_sample now;
    struct top_sample
        rate; /* of the same figures, by how much each grew in a second; NAN: not known (yet) */
};

/* Takes one answer. Rates are between it and the one before, unless the server began anew. False: it is none, and
 * nothing has changed. */
bool top_model_take(struct top_model *model, struct span text);

#endif
