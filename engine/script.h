/* script.h - the interface between the engine and the code that handles packets.
 *
 * A script is a table of callbacks. Each worker calls them on its own thread only, and never one inside another.
 * The functions are for that thread only. Lua is one such script (bindings/), tests/bench/echo.c is another. */
#ifndef MOONPORT_SCRIPT_H
#define MOONPORT_SCRIPT_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/span.h"
#include "base/wheel.h"
#include "frame/frame.h"

struct worker;
struct group; /* a set of connections; link/group.h */
struct link;  /* one connection; valid from `connected` until `released` has returned */

enum script_verdict { SCRIPT_NO, SCRIPT_YES, SCRIPT_WAIT };

struct script {
    void *context; /* passed to worker_start */

    /* Stack size of the workers' threads, in bytes; 0: the system's default. */
    size_t stack_size;

    /* Called once per worker, before its first connection. Returns the state that all other callbacks get, not
     * NULL; or NULL with an error, and then the server does not start. A start that takes several turns calls
     * worker_start_wait. */
    void *(*worker_start)(void *context, struct worker *worker, struct error *error);

    /* Called once, after the last connection is gone: frees the state. Also called for a start that waited, and
     * then failed or was cancelled: the script knows that it never started, and skips what it does at the end of
     * its work. May be NULL. */
    void (*worker_stop)(void *state);

    /* A new connection. NO: it is closed once everything that was sent to it is gone, and no `disconnected`
     * follows. WAIT: nothing is received until link_decide. NULL accepts all. */
    enum script_verdict (*connected)(void *state, struct link *link);

    /* One complete packet, without header or delimiter. Its bytes are valid until this returns, or calls link_next.
     * To make later packets wait, call link_hold. */
    void (*received)(void *state, struct link *link, struct span packet);

    /* A packet of a framing that the script measures (frame_set_scripted) begins with this header. Returns its length
     * in bytes, with the header. What is impossible closes the connection as a bad packet would; so does 0, but for one
     * that the script has closed. May be NULL if no such framing is set. */
    uint64_t (*measure)(void *state, struct link *link, int measure, struct span header);

    /* The send queue was above the soft mark, or refused a packet, and has drained to the mark. May be NULL. */
    void (*drained)(void *state, struct link *link);

    /* Nothing was received for the idle limit. NO closes the connection with reason "idle", YES keeps it, WAIT
     * leaves the decision to link_decide_idle. NULL closes. */
    enum script_verdict (*idle)(void *state, struct link *link, double seconds);

    /* The end of the connection; called exactly once if it was accepted. `reason` is a text of link_reason_text, or
     * the script's own. May be NULL. */
    void (*disconnected)(void *state, struct link *link, const char *reason);

    /* The link is about to be reused for another connection: release all that is kept for it. Called once for each
     * `connected`, as the last call about the link. May be NULL. */
    void (*released)(void *state, struct link *link);

    /* A message that worker `from` (maybe this one) sent with worker_post. The bytes are valid until this returns.
     * May be NULL. */
    void (*message)(void *state, uint32_t from, struct span bytes);
};

/* A task that another thread has every worker run: see server_run_on_workers (server.h). */
struct server_task {
    /* On each worker's own thread, between packets. */
    void (*run)(void *context, struct worker *worker, void *state);

    /* Called once, when no worker will run the task any more, on the last thread that used it. May be NULL. */
    void (*release)(void *context);

    void *context;

    /* For each worker, whether it is to run the task at all; read before server_run_on_workers returns. NULL: all are. */
    const bool *only;
};

/* The result of sending a packet. */
enum send_result {
    SEND_OK,
    SEND_CLOSED, /* "closed": the connection no longer exists */
    SEND_FULL,   /* "full": above the hard mark; or one was refused, and it has not drained since */
    SEND_NO_MEMORY,  /* "memory": the worker's budget is used up */
    SEND_TOO_BIG,    /* "toobig": larger than max_packet */
    SEND_BAD_SIZE,   /* "badsize": not a size that this framing can carry */
    SEND_BAD_TEXT,   /* "badtext": sent as text, and not UTF-8 */
    SEND_NO_PACKETS, /* "nopackets": the framing sends none (HTTP: link_respond) */
};
const char *send_result_text(enum send_result result);

enum link_reason {
    LINK_EOF,
    LINK_RESET,
    LINK_IDLE,
    LINK_TIMEOUT,
    LINK_FRAMING,
    LINK_OVERSIZE,
    LINK_SLOW,
    LINK_MEMORY,
    LINK_SCRIPT, /* the script closed it, with or without a word of its own */
    LINK_ERROR,  /* the script failed */
    LINK_SHUTDOWN,
    LINK_TRUNCATED, /* the stream ended before its filter's end: it may have been cut off on its way */
    LINK_REASONS,
};
const char *link_reason_text(enum link_reason reason);

enum { LINK_WORD_MAX = 32 }; /* bytes of a reason of the script's own, with a NUL */

/* ---- one connection ---- */

/* Frames the packet and queues all of it, or nothing. It is sent at the end of the turn. link_send: PACKET_PLAIN. */
enum send_result link_send(struct link *link, struct span packet);
enum send_result link_send_kind(struct link *link, struct span packet, enum packet_kind kind);

/* In `received`: what the packet is. */
enum packet_kind link_packet_kind(const struct link *link);

/* In `received`: takes the next packet, if it is complete, as if `received` were called again; the bytes of the
 * packet before become invalid. False: there is none, so return. This saves the cost of a call per packet. With a
 * framing that the script measures it is always false. */
bool link_next(struct link *link, struct span *packet);

/* In `received`, with the framing "raw", before the handler has waited: the last `size` bytes of the packet are not used.
 * They are the front of the next one, which is handed on when there are `wanted` bytes in all (size < wanted <= the
 * largest packet), and is in one piece. False: nothing has changed. */
bool link_unread(struct link *link, size_t size, size_t wanted);

/* Closes after flushing, within the drain timeout. `word`: the reason for `disconnected`, at most 31 bytes of it;
 * NULL: "script", or the word set by link_set_word. A second call does nothing. */
void link_close(struct link *link, const char *word);

/* Closes at once; queued bytes are lost. `word` as for link_close. */
void link_abort(struct link *link, const char *word);

/* Like link_close, for a script that failed: the reason is "error". */
void link_close_failed(struct link *link);

/* The code of a framing that has codes for the end (WebSocket: RFC 6455 section 7.4). link_set_code: to say goodbye with,
 * in the link_close that follows. link_code, for `disconnected`: the one that was said or heard; 0: there was none. */
void link_set_code(struct link *link, uint16_t code);
uint16_t link_code(const struct link *link);

/* What the filter of the connection knows of its peer, such as the version of TLS: calls `note` for each fact (filter.h).
 * False: it has no filter, or one that knows nothing. */
struct filter_fact;
bool link_tell_filter(const struct link *link,
                      void (*note)(void *context, const struct filter_fact *fact), void *context);

/* In `connected`, or until link_decide: the HTTP request that the connection began with, as it was sent; data NULL: its
 * framing has none, or the peer has been answered. Of framing "http": the head of the request that was handed to
 * `received`, until it is answered. */
struct span link_request(const struct link *link);

/* Until then: answers the request, if it is not answered yet; then the connection should be closed. `headers`: more
 * lines, each with CRLF. SEND_CLOSED: there is none to answer. SEND_TOO_BIG: too many headers. */
enum send_result link_answer(struct link *link, uint16_t status, const char *headers,
                             struct span body);

/* Until then: chooses one of the protocols that the request asks for. False: it does not. */
bool link_choose_protocol(struct link *link, struct span protocol);

/* Of framing "http", where packets are the bodies of requests: whether the one that `received` got last is not answered
 * yet. Until it is, no other is handed on. */
bool link_awaits_answer(const struct link *link);

/* Answers it. `headers`: as for link_answer, with the Content-Type. If the peer does not go on, the connection is closed.
 * SEND_CLOSED: there is no request to answer. SEND_TOO_BIG: the body is larger than max_packet, or the headers are too
 * long. After SEND_FULL and SEND_NO_MEMORY the request can still be answered. */
enum send_result link_respond(struct link *link, uint16_t status, const char *headers,
                              struct span body);

/* For a script that has failed: answers it with 500, if it is not answered yet, and does not close. */
void link_respond_failed(struct link *link);

/* Sets the word for the link_close or link_abort that follows. It may have any bytes; at most 31 of them are kept,
 * and no incomplete UTF-8 character. */
void link_set_word(struct link *link, struct span word);

/* For `disconnected`: the reason with all its bytes, including any NUL. */
struct span link_reason(const struct link *link);

/* The verdict that `connected` postponed with SCRIPT_WAIT. */
void link_decide(struct link *link, enum script_verdict verdict);

/* The verdict that `idle` postponed with SCRIPT_WAIT; until then `idle` is not called again. NO closes the
 * connection with reason "idle", unless something was received since. */
void link_decide_idle(struct link *link, enum script_verdict verdict);

/* Pausing stops the delivery of packets, and receiving. There are two independent switches: pause and resume are
 * for scripts that ask for it, hold and release are for a handler that waits. */
void link_pause(struct link *link);
void link_resume(struct link *link);
void link_hold(struct link *link);
void link_release(struct link *link);

bool link_is_open(const struct link *link);
uint64_t link_id(const struct link *link);    /* unique for the server's life, below 2^53, not 0 */
uint32_t link_slot(const struct link *link);  /* below worker_slots; reused after `released` */
size_t link_pending(const struct link *link); /* bytes queued */
double link_connected_at(const struct link *link); /* seconds on worker_now's clock */
void link_peer(const struct link *link, struct address *peer);
uint32_t link_listener(const struct link *link); /* index in the configuration */

/* Nanoseconds since bytes were last received, or since the connection was accepted. Time in which the worker could not
 * receive does not count. */
uint64_t link_silent_ns(const struct link *link);

/* The state of its stream: "opening" "open" "flushing" "lingering" "closing"; see stream.h. */
const char *link_state_text(const struct link *link);

bool link_is_held(const struct link *link);   /* by link_hold, or SCRIPT_WAIT of `connected` */
bool link_is_paused(const struct link *link); /* by link_pause */

/* Nanoseconds without receiving until `idle` is called; 0: never. Counts from now. */
void link_set_idle(struct link *link, uint64_t limit_ns);

/* Sets the framing for the next packets in both directions. The frame must live as long as the worker. False: no memory
 * for its session, and nothing has changed. A peer that is to speak WebSocket is greeted first. The bytes of the packet
 * that `received` has been given become invalid. */
bool link_set_frame(struct link *link, const struct frame *frame);
const struct frame *link_frame(const struct link *link);

/* The script's own value; initially NULL. */
void *link_data(const struct link *link);
void link_set_data(struct link *link, void *data);

/* ---- one worker ---- */

uint32_t worker_index(const struct worker *worker); /* 0 .. worker_count - 1 */

/* The number that people and scripts see: counts from 1. */
static inline uint32_t worker_number(const struct worker *worker)
{
    return worker_index(worker) + 1;
}

uint32_t worker_count(const struct worker *worker);
uint32_t worker_slots(const struct worker *worker); /* connections it can hold */
uint64_t worker_now(const struct worker *worker);   /* monotonic nanoseconds, of the last harvest */
struct server *worker_server(const struct worker *worker);

/* Called in worker_start, which then returns a state: the worker has not started yet. It takes turns, so that
 * timers and messages arrive, but gets no connections until worker_start_done. If another worker fails meanwhile,
 * this start is cancelled, and worker_stop is called next. */
void worker_start_wait(struct worker *worker);

/* Called in a later turn: the worker has started; or, if `error` is not NULL, it has failed. The error is copied. */
void worker_start_done(struct worker *worker, const struct error *error);

/* Returns this worker's open connection with that id, or NULL. */
struct link *worker_find(const struct worker *worker, uint64_t id);

/* The same, but in any state, until `released` has returned. */
struct link *worker_find_any(const struct worker *worker, uint64_t id);

/* The connection in that place, in any state, until `released` has returned; or NULL. slot < worker_slots. */
struct link *worker_at(const struct worker *worker, uint32_t slot);

/* All places that ever had a connection are below this. */
uint32_t worker_slots_used(const struct worker *worker);

/* Returns the open connection after `link`, or the first one if `link` is NULL; NULL at the end. */
struct link *worker_next(const struct worker *worker, const struct link *link);

/* The same, but for connections in any state, including those that the script does not know yet. */
struct link *worker_next_any(const struct worker *worker, const struct link *link);

/* Sends to a connection of any worker. For a connection of another worker, SEND_OK means that the packet was
 * posted. If it cannot be sent there, that is only logged; if the connection is gone by then, the packet is
 * dropped. */
enum send_result worker_send(struct worker *worker, uint64_t id, struct span packet,
                             enum packet_kind kind);

/* Closes a connection of any worker, like link_close with that word (empty: without one). For a connection of
 * another worker, SEND_OK means that the request was posted; if the connection is gone by then, nothing is left to
 * do. */
enum send_result worker_close_link(struct worker *worker, uint64_t id, struct span word);

/* Sends to every open connection of every worker, but not to `except` (may be NULL), nor to connections that wait
 * for link_decide. *count: the number of this worker's connections on which the packet was queued. */
enum send_result worker_broadcast(struct worker *worker, struct span packet, enum packet_kind kind,
                                  const struct link *except, size_t *count);

/* Groups of connections: see group.h; server_group finds them. The caller must hold the group. */

/* OK also if the link is a member already; SEND_CLOSED: it is not open; SEND_NO_MEMORY. A link leaves its groups by
 * itself when it is no longer open. */
enum send_result worker_group_add(struct worker *worker, struct group *group, struct link *link);

/* False: the link was no member. */
bool worker_group_remove(struct worker *worker, struct group *group, struct link *link);

/* Like worker_broadcast, but only to the members of the group. */
enum send_result worker_group_broadcast(struct worker *worker, struct group *group,
                                        struct span packet, enum packet_kind kind,
                                        const struct link *except, size_t *count);

#define WORKER_ALL UINT32_MAX

/* Hands a copy of the bytes to `message` of another worker's script, of this one's, or of all
 * (WORKER_ALL: this one's, too), later and on that worker's thread. What one worker posts to another
 * arrives in order. SEND_CLOSED: there is no such worker, or it has ended; SEND_NO_MEMORY: no worker
 * gets it. Messages that a worker has not read when it ends are lost. */
enum send_result worker_post(struct worker *worker, uint32_t target, struct span bytes);

/* Whether a line may be logged; to be asked before lines that a peer can cause again and again. Of similar lines from
 * one place, a few may be written each second; the others are counted (log_limit.h). */
bool worker_may_log(struct worker *worker, enum log_level level, uint64_t place, struct span text);

/* Timers for the script, on the worker's clock. */
void worker_timer_start(struct worker *worker, struct wheel_timer *timer, uint64_t delay_ns);
void worker_timer_stop(struct worker *worker, struct wheel_timer *timer);

#endif
