/* link.h - one connection's life: an accepted stream, its framing, its script, and its limits.
 *
 * A link has no state of its own, it uses its stream's (stream.h). While the stream is opening, the script does not
 * know the link: a filter shakes hands, and a codec with a session reads what its peer asks for. While it is open, the link receives, cuts packets, hands them to the script, and sends. link_end
 * flushes the queue and closes; link_fail closes at once.
 *
 * The links of one worker share a struct link_home: streams, limits, wheel, script. */
#ifndef MOONPORT_LINK_H
#define MOONPORT_LINK_H

#include "base/log_limit.h"
#include "base/wheel.h"
#include "frame/session.h"
#include "link/group.h"
#include "link/table.h"
#include "link/words.h"
#include "script.h"
#include "stream/stream.h"

/* Reasons to take nothing from a link's input. Any one of them stops it. */
enum link_gate {
    GATE_DECIDING = 1, /* on_connect has not returned */
    GATE_PAUSED = 2,   /* by the script */
    GATE_HELD = 4,     /* a handler waits */
    GATE_SLOW = 8,     /* more than soft_mark is queued: the peer reads too slowly */
    GATE_STARVED = 16, /* the worker has no blocks or memory for the link */
    GATE_TURN = 32,    /* the worker's turn has taken long: the link goes on in the next one */
    GATE_ASKED = 64,   /* a request is not answered */
    GATE_QUEUED = 128, /* its handshake waits until another has ended */
};

/* While one of these is closed, silence is our doing and does not count as idle time. GATE_PAUSED and
 * GATE_ASKED are not among them: the idle limit must end a paused connection whose peer has gone away, and one whose
 * request nobody answers. */
enum { GATES_OF_OURS = GATE_DECIDING | GATE_HELD | GATE_STARVED | GATE_TURN };

/* Closed while a handler waits. */
enum { GATES_OF_HANDLERS = GATE_DECIDING | GATE_HELD };

/* While one of these is closed, nothing is received, so the port watches for the peer's end. */
enum { GATES_WATCHED = GATES_OF_HANDLERS | GATE_PAUSED | GATE_STARVED | GATE_ASKED };

/* After the peer has ended its stream, these may stay closed for at most end_ns. */
enum { GATES_BOUNDED = GATES_OF_HANDLERS | GATE_PAUSED | GATE_ASKED };

enum { LINK_LINGER_MS = 1000, LINK_GAP_MS = 100 };

/* How long a peer may take to show which of two framings it has. After that it has the second, whose server may be the
 * one that speaks first. */
enum { LINK_DETECT_MS = 3000 };

/* Indices of listeners are below this. */
enum { LINK_LISTENERS_MAX = 32 };

/* What the script knows of a link. */
enum link_stage {
    LINK_UNKNOWN,  /* nothing */
    LINK_ASKED,    /* on_connect was called */
    LINK_ACCEPTED, /* ... and has accepted it: on_disconnect must be called */
    LINK_TOLD,     /* on_disconnect was called */
};

/* When a packet was last cut from the link's input with the present framing. */
enum link_cut {
    LINK_CUT_NONE,   /* never */
    LINK_CUT_BEFORE, /* before this link_pump */
    LINK_CUT_NOW,    /* by this link_pump */
};

/* Whether the script gets on_drain when the queue has drained. */
enum link_drain {
    LINK_DRAIN_NONE,
    LINK_DRAIN_OWED,     /* yes: the queue was above the soft mark */
    LINK_DRAIN_REFUSING, /* yes: a packet was refused; all others are refused until then */
};

struct link_limits {
    uint64_t opening_ns; /* from the accept to on_connect */
    uint32_t handshakes; /* of filters at once */
    uint64_t idle_ns;
    uint64_t drain_ns;           /* to send what is queued */
    uint64_t end_ns;             /* how long GATES_BOUNDED may stay closed after the peer's end */
    uint64_t wait_ns;            /* how long a handler may wait; 0: no limit */
    bool end_at_once;            /* the peer's end stops a waiting handler if no packets are left */
    size_t soft_mark, hard_mark; /* bytes queued */
    size_t packet_max;           /* bytes, with any framing */
    uint32_t recv_depth;
};

/* Counts connections of one listener. refused: could not be opened, for lack of memory. */
struct link_listener_counters {
    counter opened, settled, refused;
};

struct link_counters {
    counter links_closed[LINK_REASONS];
    struct words words; /* for links_closed[LINK_SCRIPT]: the script's own words */
    struct link_listener_counters of_listener[LINK_LISTENERS_MAX];
    counter packets_received, packets_sent;
    counter starved; /* episodes in which blocks or memory ran out */
};
static_assert((int)LINK_WORD_MAX - 1 <= (int)WORD_BYTES_MAX, "each word can be counted");

/* A resource runs out, perhaps again and again. The log gets one line when this begins, and one when the
 * resource has sufficed for a while. */
struct shortage {
    bool lasts;
    uint64_t seen_ns; /* when it last ran out */
};

struct link_home {
    struct stream_home streams;
    const struct script *script;
    void *script_state;
    struct link_limits limits;
    struct table table;
    struct wheel wheel;
    uint32_t since_look;            /* work done since the clock was last read, in packets */
    uint32_t look_every;            /* the clock is read again after so much work, in packets */
    bool shook;                     /* a handshake has made progress in this turn */
    uint64_t shaken_ns;             /* what those of filters have taken in it */
    const struct link *unread_link; /* whose packet of framing "raw" is being handled; or NULL */
    struct span unread;             /* ... that packet */
    struct list starved;   /* links whose input waits for blocks or memory, longest wait first */
    struct list queued;    /* links whose handshake waits for its place, longest wait first */
    uint32_t shaking;      /* handshakes that go on */
    struct list woken;     /* links whose input goes on when the script has returned */
    uint32_t blocks_low;   /* starving begins below this many free, and ends at twice as many */
    _Atomic bool starving; /* blocks have run low and not come back yet */
    struct shortage of_blocks, of_memory;
    uint64_t
        unsealed_ns;    /* since when a stream lacks the memory to seal what it has to send; or 0 */
    uint64_t closed_ns; /* when pressure.c last closed a link; its blocks may not be back yet */
    uint64_t unheard_ns; /* end of a gap (gap_ns): timers wait for all input up to then; 0: none */
    struct link_counters counters;
    struct log_limit log_limit; /* for all lines about connections */
    struct wheel_timer log_timer;
    struct log_seldom of_idle, of_unfinished, of_answered; /* lines for link_note */
    struct deflate_shared *deflate; /* of sessions that compress; NULL: there are none */
    _Atomic uint32_t load;          /* links in use, and sockets on their way here: for admission */
};

struct link {
    struct table_entry entry; /* must be first */
    struct stream stream;
    struct link_home *home;
    const struct frame *frame;
    struct frame_cursor cursor;
    struct session *session; /* if the framing's codec has them */
    const void *share;    /* links with the same one share encoded packets; NULL: it shares none */
    uint8_t packet_kind;  /* enum packet_kind: of the packet that was cut last */
    uint8_t gates;        /* closed gates: enum link_gate, or-ed */
    uint8_t reason;       /* enum link_reason, set when it is no longer open */
    uint8_t stage;        /* enum link_stage */
    uint8_t cut;          /* enum link_cut */
    uint8_t drain;        /* enum link_drain */
    bool close_when_full; /* a refused packet closes the connection */
    bool idle_is_own;     /* the script has set the idle limit: changed settings leave it alone */
    struct list starved;  /* node in the home's list of these, or of those that are queued */
    struct list woken;    /* node in the home's list */
    /* Times are on stream_now's clock, except connected_ns, which is on the port's. */
    uint64_t connected_ns, starved_ns;
    uint64_t waits_ns;  /* since when a handler waits */
    uint64_t gated_ns;  /* when one of GATES_BOUNDED was last closed */
    uint64_t ending_ns; /* since when the peer's end is known */
    uint64_t next_ns;   /* open: when its silence is checked; in other states: its deadline.
                             UINT64_MAX: never, or on_idle runs */
    uint64_t idle_limit_ns;
    struct wheel_timer timer;   /* fires at link_due_ns, or earlier and is then restarted */
    struct group_member groups; /* the groups it is in, while it is open */
    void *data;
    uint32_t listener;
    uint16_t code; /* of a framing that has codes for the end: the one said or heard; 0: none */
    uint8_t word_size;
    char word[LINK_WORD_MAX]; /* the script's own close reason, NUL-terminated; "" if none */
    struct address_packed peer;
    struct block *early[]; /* slots for reordering, as many as the port needs */
};

struct link_origin {
    intptr_t handle;
    struct address peer;
    uint32_t listener;
    const struct frame *frame;
    const struct frame *other;          /* of a peer that does not begin as `frame` does; or NULL */
    const struct filter_source *filter; /* NULL: none */
    const struct frame_protocols *protocols; /* that it may agree on in the filter; or NULL */
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

/* Returns text, like address_format. */
const char *link_format_peer(const struct link *link, char *text);

/* Logs a line about a connection; at most LOG_BURST a second with the same format from one worker. */
__attribute__((format(printf, 3, 4))) void link_log(struct link *link, enum log_level level,
                                                    const char *format, ...);

/* Logs at most one line a minute about something harmless that many connections may do. */
__attribute__((format(printf, 3, 4))) void link_note(struct link *link, struct log_seldom *seldom,
                                                     const char *format, ...);

/* Like log_limit_allows. The number of lines held back is logged when their second is over, or when the log is
 * closed. The wheel must be open. */
bool link_home_may_log(struct link_home *home, enum log_level level, uint64_t place, uint64_t shape,
                       struct span text);
void link_home_log_open(struct link_home *home);
void link_home_log_close(struct link_home *home);

/* ---- link_session.c: the link's session, if it has one ---- */

/* For the link's framing. False: no memory, and the session is as it was. The caller closes one that was there. */
bool link_session_open(struct link *link);
void link_session_close(struct link *link);

/* Like frame_next; sends the session's replies, and with an empty input the welcome that there was no memory for. */
enum frame_verdict link_session_next(struct link *link, struct span input, struct frame_cut *cut);

/* For a link that was not greeted: reads what the peer asks for. CONSUMED: to be served. ERROR: it has its answer, and
 * the link is to be ended; *why: for the log, or NULL. */
enum frame_verdict link_session_greet(struct link *link, struct span input, struct frame_cut *cut,
                                      const char **why);

/* For a link with another framing to choose from. YES: it keeps its own. NO: it has the other one now. */
enum session_guess link_session_choose(struct link *link, struct span input);

/* Welcomes the peer, if it was greeted and that is still to be done. False: no memory. */
bool link_session_welcome(struct link *link);

/* Whether packets may be sent: with a session, once the peer was greeted, and until the last word is said. */
static inline bool link_session_speaks(const struct link *link)
{
    const struct session *session = link->session;
    return session == NULL || (session->is_greeted && !session->is_over);
}

/* Whether there are packets to be sent with its framing at all. */
static inline bool link_takes_packets(const struct link *link)
{
    return link->session == NULL || link->session->codec->wrap != NULL;
}

/* Says goodbye with link->code, or else a code for the reason; or answers a peer that was not welcomed. */
void link_session_farewell(struct link *link, enum link_reason reason, struct span words);

/* When the peer is to be pinged; UINT64_MAX: never. */
static inline uint64_t link_session_ping_ns(const struct link *link)
{
    return link->session == NULL ? UINT64_MAX : link->session->ping_ns;
}

/* It is time to ping the peer. False: it has answered none of several pings. */
bool link_session_ping(struct link *link);

/* Bytes that the session keeps of a message that was begun so long ago. */
size_t link_session_held(const struct link *link, uint64_t since_ms);

/* ---- link_gate.c: reasons to take nothing from a link's input ---- */

/* Closes a gate, and updates receiving and the watch for the peer's end. */
void link_gate_close(struct link *link, enum link_gate gate);
void link_update_receiving(struct link *link);

/* Something was put into the queue of an open link. True: it is above the soft mark now, and the peer has to read before
 * it is heard again. */
void link_wait_for_reading(struct link *link);
static inline bool link_note_queued(struct link *link)
{
    stream_touch(&link->stream);
    if (link->stream.outbox.pending <= link->home->limits.soft_mark || link->gates & GATE_SLOW)
        return false;
    link_wait_for_reading(link);
    return true;
}

/* Only opens the gate; link_gate_open also goes on with the input. */
void link_note_open(struct link *link, enum link_gate gate);

/* The input waits, and receiving stops, until pressure_relieve finds blocks or memory for it. */
void link_starve(struct link *link);

/* The input waits for the worker's next turn. */
void link_yield(struct link *link);

/* Lets link_pump_woken go on with the link. */
void link_wake(struct link *link);

/* Whether the worker's turn has lasted longer than LINK_TURN_LONG_MS, so that the rest of its work should wait
 * for the next turn. The clock is read after every `look_every` units of work; a packet is 1. */
enum { LINK_TURN_LONG_MS = 10, LINK_LOOK_EVERY = 16 };
bool link_home_look_at_clock(struct link_home *home);

static inline bool link_home_turn_is_long(struct link_home *home, uint32_t done)
{
    home->since_look += done;
    return home->since_look >= home->look_every && link_home_look_at_clock(home);
}

/* ---- link_end.c ---- */

/* Closes the connection: link_end after flushing the queue, link_fail at once. */
void link_end(struct link *link, enum link_reason reason);
void link_fail(struct link *link, enum link_reason reason);

/* Like link_end, for a peer that is silent or has ended its stream; logs an unfinished packet if there is
 * one. */
void link_end_midway(struct link *link, enum link_reason reason);

/* How a connection ends whose peer sends no more: LINK_EOF, or LINK_TRUNCATED. */
enum link_reason link_stream_end(const struct link *link);

/* If the link is being flushed, brings its deadline forward to the drain timeout from now. */
void link_hasten(struct link *link);

/* Discards all waiting input, and gives back its memory. */
void link_drop_input(struct link *link);

/* ---- link_timer.c: deadlines ---- */

/* When a handler will have waited too long, or a gate will have stayed closed too long after the peer's end;
 * UINT64_MAX: never. */
uint64_t link_gates_due_ns(const struct link *link);

/* The earliest of the link's deadlines; UINT64_MAX: it has none. */
uint64_t link_due_ns(const struct link *link);

/* To be called after one of them has come nearer. */
void link_update_timer(struct link *link);

/* For a link that is not open: it fails when delay_ns has passed. */
void link_set_deadline(struct link *link, uint64_t delay_ns);

/* ---- link_time.c: what happens at a deadline ---- */

void link_time_init(struct link *link);

/* Applies the idle limit of the settings, counting from now, unless the script has set its own. */
void link_follow_idle(struct link *link);

/* GATE_SLOW was closed: checks several times within idle_limit_ns whether the peer reads anything. */
void link_look_sooner(struct link *link);

/* ---- link_output.c, beside script.h's link_send ---- */

/* Makes the bytes to send for a packet: as frame_wrap, with the link's session. If that is SEND_OK, link_wrapped must
 * follow before anything else is done with any link: the parts are not used any more, and were queued, or not. */
enum send_result link_wrap(struct link *link, struct span packet, enum packet_kind kind,
                           uint8_t *header, struct span *parts, int *count);
void link_wrapped(struct link *link, bool queued);

/* Queues all of the bytes or nothing, as link_send does with those of a packet. The link is open. */
enum send_result link_queue_parts(struct link *link, const struct span *parts, int count);

/* Sends an encoded packet, which other connections may share. */
enum send_result link_send_chunk(struct link *link, struct chunk *encoded);

/* ---- link_shake.c: what comes before a link is open ---- */

/* Goes on with the opening of a link. True: it is open now. */
bool link_shake(struct link *link);

/* The link's handshake has ended, one way or another: its place is free. */
void link_leave_handshake(struct link *link);

/* More handshakes may go on at once than before. */
void link_home_let_shake(struct link_home *home);

/* ---- link_input.c ---- */

/* Hands received packets to the script, as far as the gates allow. */
void link_pump(struct link *link);

/* Acts on a filter that has failed or ended, after reading all that may be read now. */
void link_note_filter(struct link *link);

/* Whether the input received so far holds another packet. With a filter, true may mean perhaps. */
bool link_has_packet(const struct link *link);

/* The peer has ended its stream while a gate is closed: a waiting handler has end_ns to finish. */
void link_await_end(struct link *link);

/* ---- link_turn.c ---- */

/* The stream has just opened: asks the script (on_connect) whether to accept the connection. */
void link_admit(struct link *link);

/* Opens a gate, and goes on with the input. */
void link_gate_open(struct link *link, enum link_gate gate);

/* The queue has drained: calls on_drain, and resumes receiving. */
void link_tell_drained(struct link *link);

/* At the end of a worker's turn: goes on with the links in home->woken. */
void link_pump_woken(struct link_home *home);

/* Events of the stream; see struct stream_owner. */
void link_arrived(struct stream *stream);
void link_sent(struct stream *stream);
void link_broke(struct stream *stream, enum port_error error);
void link_lingers(struct stream *stream);

/* ---- link.c ---- */

/* Takes ownership of a connected socket. NULL: no link or no memory is free; the socket is closed. */
struct link *link_open(struct link_home *home, const struct link_origin *origin);

#endif
