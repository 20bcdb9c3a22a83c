/* link.h - one connection's life: an accepted stream, its framing, its script, and what it may take.
 *
 * Its stream's state is the link's (stream.h): while it is opening the script does not know of it; open, it receives,
 * cuts, hands packets on and sends; from link_end on it is flushed; link_fail ends it at once.
 *
 * The links of one worker share a struct link_home: streams, limits, wheel, script. */
#ifndef MOONPORT_LINK_H
#define MOONPORT_LINK_H

#include "base/log_limit.h"
#include "base/wheel.h"
#include "frame/frame.h"
#include "link/group.h"
#include "link/table.h"
#include "script.h"
#include "stream/stream.h"

/* Why nothing is taken from a link's input. Any one of them stops it. */
enum link_gate {
    GATE_DECIDING = 1, /* on_connect has not answered */
    GATE_PAUSED = 2,   /* by the script */
    GATE_HELD = 4,     /* a handler waits */
    GATE_SLOW = 8,     /* the peer does not read what it was sent */
    GATE_STARVED = 16, /* the worker has no blocks or memory for it */
    GATE_TURN = 32,    /* the worker's turn has taken long: others come before it goes on */
};

/* Behind these a silence is our doing. A script that pauses a connection keeps its idle limit: it is
 * what ends a peer that went away meanwhile. */
enum { GATES_OF_OURS = GATE_DECIDING | GATE_HELD | GATE_STARVED | GATE_TURN };

/* A handler waits. */
enum { GATES_OF_HANDLERS = GATE_DECIDING | GATE_HELD };

/* Behind these the port watches for the peer's end, which would not be received. */
enum { GATES_WATCHED = GATES_OF_HANDLERS | GATE_PAUSED | GATE_STARVED };

/* Once the peer has ended its stream, these may stay closed for end_ns. */
enum { GATES_BOUNDED = GATES_OF_HANDLERS | GATE_PAUSED };

enum { LINK_WORD_MAX = 32, LINK_LINGER_MS = 1000, LINK_GAP_MS = 100 };

/* What the script knows of it. */
enum link_stage {
    LINK_UNKNOWN,  /* nothing */
    LINK_ASKED,    /* on_connect was called */
    LINK_ACCEPTED, /* ... and has said yes: on_disconnect is owed */
    LINK_TOLD,     /* on_disconnect was called */
};

/* Packets cut from its input, with this framing. */
enum link_cut {
    LINK_CUT_NONE,
    LINK_CUT_BEFORE, /* this link_pump */
    LINK_CUT_NOW,    /* by it */
};

/* What it owes to its script when the queue has drained. */
enum link_drain {
    LINK_DRAIN_NONE,
    LINK_DRAIN_OWED,     /* it was above the soft mark: on_drain */
    LINK_DRAIN_REFUSING, /* a packet was refused: on_drain, and until then none is taken */
};

struct link_limits {
    uint64_t opening_ns; /* from the accept to on_connect */
    uint64_t idle_ns;
    uint64_t drain_ns; /* to send what is queued */
    uint64_t end_ns;   /* behind the peer's end, for a gate that is closed (GATES_BOUNDED) */
    uint64_t wait_ns;  /* of a handler; 0: no limit */
    bool end_at_once;  /* the peer's end ends a handler that waits, and has no more packets */
    size_t soft_mark, hard_mark; /* bytes queued */
    size_t packet_max;           /* bytes, of any framing */
    uint32_t recv_depth;
};

struct link_counters {
    counter links_opened, links_closed[LINK_REASONS];
    counter packets_received, packets_sent;
    counter starved; /* episodes in which blocks or memory ran out */
};

/* Something runs out, perhaps again and again: one line in the log when it begins, one when all has been
 * well for a while. */
struct shortage {
    bool lasts;
    uint64_t seen_ns; /* when there was none left, the last time */
};

struct link_home {
    struct stream_home streams;
    const struct script *script;
    void *script_state;
    struct link_limits limits;
    struct table table;
    struct wheel wheel;
    uint32_t since_look;   /* work of this turn since the clock was looked at, in packets */
    uint32_t look_every;   /* ... which is done after so much of it */
    bool shook;            /* in this turn a connection that is opening has gone on */
    struct list starved;   /* links whose input waits for blocks or memory, the longest first */
    struct list woken;     /* links whose script opened a gate, to go on after it has returned */
    uint32_t blocks_low;   /* fewer free than this: starving; twice as many: no longer */
    _Atomic bool starving; /* blocks have run low and not come back yet */
    struct shortage of_blocks, of_memory;
    uint64_t
        unsealed_ns;     /* since when some stream could not seal what it has to send; 0: all can */
    uint64_t closed_ns;  /* when one had to go for others: what it held may not have come home */
    uint64_t unheard_ns; /* such a time ended then, and not all of it was heard; or 0 */
    struct link_counters counters;
    struct log_limit log_limit; /* of all lines about connections, and of the script's failures */
    struct wheel_timer log_timer;
    struct log_seldom of_idle, of_unfinished; /* connections that end so, see link_note */
    _Atomic uint32_t load; /* links not free, and sockets on their way here: for admission */
};

struct link {
    struct table_entry entry; /* first */
    struct stream stream;
    struct link_home *home;
    const struct frame *frame;
    struct frame_cursor cursor;
    uint8_t gates;        /* enum link_gate, or-ed */
    uint8_t reason;       /* enum link_reason, once it is not open */
    uint8_t stage;        /* enum link_stage */
    uint8_t cut;          /* enum link_cut */
    uint8_t drain;        /* enum link_drain */
    bool close_when_full; /* what a refused packet does: close, or only refuse */
    bool idle_is_own;     /* the script has set its idle limit: that of the settings may change */
    struct list starved, woken; /* nodes in the home's lists */
    /* Times are stream_now's, but for connected_ns, which is the port's. */
    uint64_t connected_ns, starved_ns;
    uint64_t waits_ns;  /* since when a handler waits */
    uint64_t gated_ns;  /* when one of GATES_BOUNDED was last closed */
    uint64_t ending_ns; /* since when the peer's end is known */
    uint64_t next_ns; /* open: when its silence is judged; opening, or at its end: when its time is
                             over. UINT64_MAX: never, or on_idle runs */
    uint64_t idle_limit_ns;
    struct wheel_timer timer;   /* fires at link_due_ns, or before and looks again */
    struct group_member groups; /* those that it is in, while it is open */
    void *data;
    uint32_t listener;
    uint8_t word_size;
    char word[LINK_WORD_MAX]; /* the script's own reason, and a NUL; "" if none */
    struct address_packed peer;
    struct block *early[]; /* places to re-order in, as many as the port needs */
};

struct link_origin {
    intptr_t handle;
    struct address peer;
    uint32_t listener;
    const struct frame *frame;
    const struct filter_source *filter; /* NULL: none */
    bool close_when_full;
};

static inline struct link *link_of(struct stream *stream)
{
    return container_of(stream, struct link, stream);
}

/* See stream_now. */
static inline uint64_t link_home_now(const struct link_home *home)
{
    return stream_now(&home->streams);
}

static inline bool link_home_starving(const struct link_home *home)
{
    return atomic_load_explicit(&home->starving, memory_order_relaxed);
}

/* ---- link_log.c ---- */

/* As address_format. */
const char *link_format_peer(const struct link *link, char *text);

/* One line about a connection, at most LOG_BURST a second with that format from one worker. */
__attribute__((format(printf, 3, 4))) void link_log(struct link *link, enum log_level level,
                                                    const char *format, ...);

/* One line a minute about what many connections may do, and nothing is wrong. */
__attribute__((format(printf, 3, 4))) void link_note(struct link *link, struct log_seldom *seldom,
                                                     const char *format, ...);

/* As log_limit_allows; the count of what is held back is written when its second is over, or at the end. The
 * wheel is open. */
bool link_home_may_log(struct link_home *home, enum log_level level, uint64_t place, uint64_t shape,
                       struct span text);
void link_home_log_open(struct link_home *home);
void link_home_log_close(struct link_home *home);

/* ---- link_gate.c: why nothing is taken from its input ---- */

/* Closes a gate; receiving, and the watch for the peer's end, follow. */
void link_gate_close(struct link *link, enum link_gate gate);
void link_update_receiving(struct link *link);

/* Opens one, and no more: link_gate_open goes on with the input. */
void link_note_open(struct link *link, enum link_gate gate);

/* The input waits, and receiving stops, until pressure_relieve finds blocks or memory for it. */
void link_starve(struct link *link);

/* The input waits for the worker's next turn. */
void link_yield(struct link *link);

/* link_pump_woken goes on with it. */
void link_wake(struct link *link);

/* Has the worker's turn taken so long that the rest of it has to wait for what came meanwhile? The clock is
 * looked at when `look_every` has been done since: a packet is 1. */
enum { LINK_TURN_LONG_MS = 10, LINK_LOOK_EVERY = 16 };
bool link_home_look_at_clock(struct link_home *home);

static inline bool link_home_turn_is_long(struct link_home *home, uint32_t done)
{
    home->since_look += done;
    return home->since_look >= home->look_every && link_home_look_at_clock(home);
}

/* ---- link_end.c ---- */

/* Ends it for a reason of ours: flushing first, or at once. */
void link_end(struct link *link, enum link_reason reason);
void link_fail(struct link *link, enum link_reason reason);

/* The same as link_end where the peer is silent or has ended; if a packet of its is not complete, the log
 * says so. */
void link_end_midway(struct link *link, enum link_reason reason);

/* One that is being flushed already has no more than the drain timeout from now on. */
void link_hasten(struct link *link);

/* Gives back all input that waits. */
void link_drop_input(struct link *link);

/* ---- link_timer.c: how long anything may take ---- */

/* When a handler has waited for too long, or a gate been closed for too long behind which the peer has ended;
 * UINT64_MAX: never. */
uint64_t link_gates_due_ns(const struct link *link);

/* The least of all its deadlines; UINT64_MAX: it has none. */
uint64_t link_due_ns(const struct link *link);

/* After one of them has come nearer. */
void link_update_timer(struct link *link);

/* It is not open, and fails when so much time has passed. */
void link_set_deadline(struct link *link, uint64_t delay_ns);

/* ---- link_time.c: what happens then ---- */

void link_time_init(struct link *link);

/* Gives it the idle limit of the settings, unless the script has set one of its own. Counts from now. */
void link_follow_idle(struct link *link);

/* GATE_SLOW was closed: whether it takes anything is looked at before idle_limit_ns is over. */
void link_look_sooner(struct link *link);

/* ---- link_output.c, beside script.h's link_send ---- */

/* An encoded packet that others may share. */
enum send_result link_send_chunk(struct link *link, struct chunk *encoded);

/* ---- link_input.c ---- */

/* Hands on what has been received, as far as the gates allow. */
void link_pump(struct link *link);

/* While it is opening: goes on with its handshake. True: it is open now. */
bool link_shake(struct link *link);

/* Is there a packet left to hand on, in what has been received? */
bool link_has_packet(const struct link *link);

/* The peer has ended its stream while a gate is closed: a handler that waits has drain_ns to finish. */
void link_await_end(struct link *link);

/* ---- link_turn.c ---- */

/* Its stream has just opened: the script is asked whether it may stay. */
void link_admit(struct link *link);

/* Opens a gate, and goes on with the input. */
void link_gate_open(struct link *link, enum link_gate gate);

/* Its queue has drained: it is listened to again, and its script may send more. */
void link_tell_drained(struct link *link);

/* The end of a worker's turn: goes on with the woken. */
void link_pump_woken(struct link_home *home);

/* Events of its stream: struct stream_owner says when. */
void link_arrived(struct stream *stream);
void link_sent(struct stream *stream);
void link_broke(struct stream *stream, enum port_error error);
void link_lingers(struct stream *stream);

/* ---- link.c ---- */

/* Takes over a connected socket, or closes it. NULL when no link is free. */
struct link *link_open(struct link_home *home, const struct link_origin *origin);

#endif
