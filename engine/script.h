/* script.h - the interface between the engine and the code that handles packets.
 *
 * A script is a table of callbacks. Each worker calls them on its own thread only, never one inside
 * another; everything offered here is for that same thread, but for what says "any thread". Lua is
 * one such script (bindings/), tests/bench/echo.c another. */
#ifndef MOONPORT_SCRIPT_H
#define MOONPORT_SCRIPT_H

#include "base/address.h"
#include "base/error.h"
#include "base/log.h"
#include "base/span.h"
#include "base/wheel.h"
#include "frame/frame.h"

struct worker;
struct group; /* of connections; link/group.h */
struct link;  /* one connection; valid from `connected` until `disconnected` has returned */

enum script_verdict { SCRIPT_NO, SCRIPT_YES, SCRIPT_WAIT };

struct script {
    void *context; /* handed to worker_start */

    /* Bytes of stack that a thread which calls it must have; 0: as the system has it by default. */
    size_t stack_size;

    /* Once per worker, before its first connection. Returns the state handed to all the others, not
     * NULL; or NULL with an error, which stops the start. One that takes its time says so with
     * worker_start_wait. */
    void *(*worker_start)(void *context, struct worker *worker, struct error *error);

    /* Once, after the last connection has gone: lets go of the state. Also for a start that waited
     * and then failed or was called off: the script, which knows that it never started, then skips
     * what it does at the end of its work. May be NULL. */
    void (*worker_stop)(void *state);

    /* A new connection. NO: it is closed when what was sent to it has gone, and no `disconnected`
     * follows. WAIT: nothing is received until link_decide. NULL accepts all. */
    enum script_verdict (*connected)(void *state, struct link *link);

    /* One complete packet, without header or delimiter; its bytes are valid until this returns, or
     * takes more with link_next. To have later packets wait for something, call link_hold. */
    void (*received)(void *state, struct link *link, struct span packet);

    /* The queue had been above the soft mark, and is below it again. May be NULL. */
    void (*drained)(void *state, struct link *link);

    /* Nothing received for the idle limit. NO closes it with reason "idle", YES keeps it, WAIT
     * leaves it to link_decide_idle. NULL closes. */
    enum script_verdict (*idle)(void *state, struct link *link, double seconds);

    /* The end: exactly once after it was accepted. `reason` is one of the words of enum
     * link_reason, or the script's own. May be NULL. */
    void (*disconnected)(void *state, struct link *link, const char *reason);

    /* The link is about to be reused for another connection: release all that is kept for it. Called once for each
     * `connected`, as the last call about the link. May be NULL. */
    void (*released)(void *state, struct link *link);

    /* What worker `from` (this one, too) has sent with worker_post; the bytes are valid until this
     * returns. May be NULL. */
    void (*message)(void *state, uint32_t from, struct span bytes);
};

/* What a thread from outside has every worker do: see server_run_on_workers (server.h). */
struct server_task {
    /* On each worker's own thread, between packets. */
    void (*run)(void *context, struct worker *worker, void *state);

    /* Once, when no worker will run it any more; from whichever thread was the last to do with it.
     * May be NULL. */
    void (*release)(void *context);

    void *context;
};

/* The result of sending a packet. */
enum send_result {
    SEND_OK,
    SEND_CLOSED,    /* "closed": no such connection any more */
    SEND_FULL,      /* "full": the queue is above its hard mark, or was and has not drained since */
    SEND_NO_MEMORY, /* "memory": the worker's budget is used up */
    SEND_TOO_BIG,   /* "toobig": larger than max_packet */
    SEND_BAD_SIZE,  /* "badsize": not a size that this framing can carry */
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
    LINK_REASONS,
};
const char *link_reason_text(enum link_reason reason);

/* ---- one connection ---- */

/* Frames the packet and queues it; it goes out at the end of the turn. All of it or none. */
enum send_result link_send(struct link *link, struct span packet);

/* In `received`: takes the next packet, if it is complete, as if `received` were called again; the bytes of the
 * packet before become invalid. False: there is none, so return. This saves the cost of a call per packet. */
bool link_next(struct link *link, struct span *packet);

/* Closes after flushing, within the drain timeout. `word`: the reason for `disconnected`, at most 31
 * bytes of it; NULL: "script", or the word that was set. A second call changes nothing. */
void link_close(struct link *link, const char *word);

/* Closes at once; what is queued is lost. */
void link_abort(struct link *link, const char *word);

/* The same as link_close, because the script has failed: the reason is "error". */
void link_close_failed(struct link *link);

/* The word for the close or the abort that follows, of any bytes. At most 31 of them are kept, and no part
 * of a UTF-8 character. */
void link_set_word(struct link *link, struct span word);

/* In `disconnected`: the reason with all of its bytes, a NUL among them. */
struct span link_reason(const struct link *link);

/* The answer that `connected` left open with SCRIPT_WAIT. */
void link_decide(struct link *link, enum script_verdict verdict);

/* The answer that `idle` left open with SCRIPT_WAIT; until then it is not asked again. NO ends it with
 * reason "idle", unless something has come since. */
void link_decide_idle(struct link *link, enum script_verdict verdict);

/* Stops handing on packets, and receiving, until resumed. Two switches: one for a script that was
 * asked to pause, one for a handler that waits. */
void link_pause(struct link *link);
void link_resume(struct link *link);
void link_hold(struct link *link);
void link_release(struct link *link);

bool link_is_open(const struct link *link);
uint64_t link_id(const struct link *link);    /* unique for the server's life, below 2^53, not 0 */
uint32_t link_slot(const struct link *link);  /* below worker_slots; reused when the link is gone */
size_t link_pending(const struct link *link); /* bytes queued */
double link_connected_at(const struct link *link); /* seconds on worker_now's clock */
void link_peer(const struct link *link, struct address *peer);
uint32_t link_listener(const struct link *link); /* index in the configuration */

/* Nanoseconds without receiving before `idle`; 0: never. Counts from now. */
void link_set_idle(struct link *link, uint64_t limit_ns);

/* The framing from the next packet on, both ways. The frame must live as long as the worker. */
void link_set_frame(struct link *link, const struct frame *frame);
const struct frame *link_frame(const struct link *link);

/* The script's own value, NULL at first. */
void *link_data(const struct link *link);
void link_set_data(struct link *link, void *data);

/* ---- one worker ---- */

uint32_t worker_index(const struct worker *worker); /* 0 .. worker_count - 1 */

/* What it is called wherever a person or a script sees it: from 1. */
static inline uint32_t worker_number(const struct worker *worker)
{
    return worker_index(worker) + 1;
}

uint32_t worker_count(const struct worker *worker);
uint32_t worker_slots(const struct worker *worker); /* connections it can hold */
uint64_t worker_now(const struct worker *worker);   /* monotonic nanoseconds, of this turn */
struct server *worker_server(const struct worker *worker);

/* In worker_start, which then returns a state: the worker has not started yet. It takes turns, so
 * that timers and messages arrive, but has no connections until worker_start_done. If another worker
 * fails meanwhile, this start is called off: worker_stop is next. */
void worker_start_wait(struct worker *worker);

/* In a later turn: it has started, or, with an error (copied), it has failed. */
void worker_start_done(struct worker *worker, const struct error *error);

/* The open connection of this worker with that id, or NULL. */
struct link *worker_find(const struct worker *worker, uint64_t id);

/* The same, or one that is being ended, until `released`. */
struct link *worker_find_any(const struct worker *worker, uint64_t id);

/* The first open connection, then the one after `link`; NULL at the end. */
struct link *worker_next(const struct worker *worker, const struct link *link);

/* Sends to a connection of any worker. For another worker's, SEND_OK means that it was posted: what
 * becomes of it there is only logged. */
enum send_result worker_send(struct worker *worker, uint64_t id, struct span packet);

/* Closes a connection of any worker, as link_close with that word does (no bytes: without one). For another worker's,
 * SEND_OK means that it was posted; if the connection has gone meanwhile, that is what was asked for. */
enum send_result worker_close_link(struct worker *worker, uint64_t id, struct span word);

/* Sends to every open connection of every worker but `except` (NULL: to all). *count: how many of
 * this worker's it was queued on. */
enum send_result worker_broadcast(struct worker *worker, struct span packet,
                                  const struct link *except, size_t *count);

/* Groups (group.h says what they are; server_group finds them). The group must be held. */

/* OK also if it is a member already; SEND_CLOSED: it is not open; SEND_NO_MEMORY. The link leaves by
 * itself when it is no longer open. */
enum send_result worker_group_add(struct worker *worker, struct group *group, struct link *link);

/* False: it was no member. */
bool worker_group_remove(struct worker *worker, struct group *group, struct link *link);

/* As worker_broadcast, to the members of the group alone. */
enum send_result worker_group_broadcast(struct worker *worker, struct group *group,
                                        struct span packet, const struct link *except,
                                        size_t *count);

#define WORKER_ALL UINT32_MAX

/* Hands a copy of the bytes to `message` of another worker's script, of this one's, or of all
 * (WORKER_ALL: this one's, too), later and on that worker's thread. What one worker posts to another
 * arrives in order. SEND_CLOSED: there is no such worker, or it has ended; SEND_NO_MEMORY: no worker
 * gets it. Messages that a worker has not read when it ends are lost. */
enum send_result worker_post(struct worker *worker, uint32_t target, struct span bytes);

/* Whether a line may be logged; to be asked before lines that a peer can cause again and again. Of similar lines from
 * one place, a few may be written each second; the others are counted (log_limit.h). */
bool worker_may_log(struct worker *worker, enum log_level level, uint64_t place, struct span text);

/* Timers of the script's own, on the worker's clock. */
void worker_timer_start(struct worker *worker, struct wheel_timer *timer, uint64_t delay_ns);
void worker_timer_stop(struct worker *worker, struct wheel_timer *timer);

#endif
