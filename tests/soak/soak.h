/* soak.h - what the parts of the soak's client share.
 *
 * One thread, one epoll. main.c turns; peer.c is one connection's life; crowd.c says which come;
 * scripts.c changes the server's scripts; sample.c writes down figures; valley.c has quiet moments
 * in which everything must come home; verdict.c judges. */
#ifndef MOONPORT_SOAK_H
#define MOONPORT_SOAK_H

#include "../bench/histogram.h"
#include "base/address_system.h"
#include "measure.h"
#include "packet.h"

#include <stdbool.h>

#define MILLI_NS (SECOND_NS / 1000)

enum { WORKERS = 2, PIECE = 1 << 16, ASIDE = 2048, VALLEYS_MAX = 512 };

enum kind {
    STEADY,  /* echoes, one at a time, and is measured */
    MEMBER,  /* of a room: speaks in it, and hears what others say there */
    FIGURES, /* is told the server's figures */
    VISITOR, /* a few packets, and it leaves */
    ASKER,   /* handlers that wait, timers, server.shared, server.post, calls, channels, jobs */
    DEAF,    /* asks, and does not read */
    TRICKLE, /* a byte at a time */
    LARGE,   /* packets of up to some MiB */
    HOLDER,  /* most of a large packet, whose end it keeps to itself */
    GARBAGE, /* what is no packet */
    FAILING, /* handlers that raise errors */
    KINDS,
    CHURN = VISITOR, /* this one and those behind it come and go */
};

/* What server/main.lua tells every 200 ms, in its order. */
enum figure {
    UPTIME, /* seconds */
    CONNECTIONS,
    CONNECTIONS_FREE,
    CONNECTIONS_MAX,
    BLOCKS_USED,
    BLOCKS,
    MEMORY_USED, /* bytes */
    MEMORY_MAX,
    PACKETS, /* received */
    STARVED, /* episodes */
    ACCEPTED,
    REFUSED,
    GENERATION,
    NUMBER,    /* that generation.lua has */
    COLLECTED, /* how often workers have collected garbage on demand */
    LUA,       /* KiB, and of each worker that follows */
    FIGURE_COUNT = LUA + 1 + WORKERS,
};

enum leaving { BY_CLOSE, BY_HALF, BY_RESET, IN_THE_MIDDLE, LEAVINGS };

struct peer {
    enum kind kind;
    int handle;      /* -1: it is not there, and may come when it is due */
    bool lost, half; /* it has ended against our will; it sends no more */
    bool stuck;      /* the last time it could send nothing */
    enum leaving leaving;
    uint64_t owner, total; /* packets that it will send */
    uint64_t due_ns, deadline_ns;
    uint64_t asked, answered, asked_ns; /* packets; when the last was asked */
    struct packet out, in;              /* on their way */
    size_t out_offset, in_offset;       /* bytes of them */
    uint8_t aside[ASIDE];               /* a frame that is no echo, or the begin of any */
    size_t aside_size;
    uint64_t *heard; /* of a member: the number that each other member has to say next */
};

struct usage {
    uint64_t rss, anonymous, cpu_ns, descriptors; /* bytes */
};

/* A quiet moment. */
struct valley {
    double begin, seconds; /* it took everything to come home */
    bool home;
    uint64_t gone; /* of those that should stay */
    struct usage usage;
    double figures[FIGURE_COUNT];
};

struct soak {
    struct address address, admin;
    uint64_t seed, duration_ns, connections, pid;
    const char *scripts, *table, *verdict; /* paths */

    int epoll;
    uint64_t draws; /* of chance */
    uint64_t begin_ns, now_ns;
    uint64_t owners; /* that were given a number */
    struct peer *peers;
    size_t peer_count, steady_count, member_count;
    bool noisy, asking; /* others come and go; the steady ask */
    bool at_home;       /* in a quiet moment: everything is */

    /* crowd.c */
    uint64_t phase_ends_ns, weights[KINDS], rest_ns;
    uint64_t reload_ns_max; /* between two; 0: none */

    /* scripts.c */
    uint64_t reload_due_ns, written, broken; /* the newest good number; how often it was broken */
    int admin_handle;

    double figures[FIGURE_COUNT];
    uint64_t figures_ns; /* when they came */

    /* valley.c */
    struct valley valleys[VALLEYS_MAX];
    size_t valley_count;
    uint64_t valley_due_ns, valley_every_ns, valley_rest_ns, valley_begin_ns, collect_from;
    int valley_step;

    /* sample.c */
    struct histogram interval, whole; /* latencies of the steady, in ns */
    uint64_t sample_due_ns, sample_every_ns, sampled_ns, samples;

    uint64_t opened[KINDS], cut[KINDS]; /* connections; ended by the server */
    uint64_t wrong_steady, wrong_others, lost, missed, disordered, told, heard;
};

/* Of those that should stay. */
static inline uint64_t gone(const struct soak *soak)
{
    return soak->lost + soak->wrong_steady;
}

static inline double seconds_of(uint64_t time_ns)
{
    return (double)time_ns / (double)SECOND_NS;
}

/* A chance of `below` that the seed decides. */
static inline uint64_t draw(struct soak *soak, uint64_t below)
{
    return pattern_word(soak->seed, ++soak->draws) % below;
}

/* ---- peer.c ---- */

extern const char *const kind_names[KINDS];

void peer_open(struct soak *soak, struct peer *peer, enum kind kind);
void peer_close(struct soak *soak, struct peer *peer);
void peer_send_text(struct soak *soak, struct peer *peer, const char *text);

/* Something has come. */
void peer_hear(struct soak *soak, struct peer *peer);

/* It is due. */
void peer_act(struct soak *soak, struct peer *peer);

/* Is all that was asked answered? */
bool peer_rests(const struct peer *peer);

/* ---- the others ---- */

void crowd_begin(struct soak *soak);
void crowd_turn(struct soak *soak);

/* With so many strings in them. */
void scripts_write_good(struct soak *soak, uint64_t ballast);
void scripts_turn(struct soak *soak);

void sample_turn(struct soak *soak);
struct usage sample_usage(const struct soak *soak);
void sample_figures(struct soak *soak, const char *text);

void valley_begin(struct soak *soak);
void valley_turn(struct soak *soak);

/* Prints it, and writes it to the file `verdict`. True: all is well. */
bool verdict(const struct soak *soak);

#endif
