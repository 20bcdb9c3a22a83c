/* link_time.c - acts on a connection's expired deadlines, and judges its silence. */
#include "link/link.h"

#include "base/least.h"

enum { FEW_LINKS = 16 }; /* of one worker: a person may be trying the server out */
enum { LOOKS = 4 };      /* how often a slow peer's progress is checked within idle_limit_ns */

/* A gate has been closed for too long. */
static void end_gated(struct link *link)
{
    const struct link_limits *limits = &link->home->limits;
    uint64_t waited_ns = link_home_now(link->home) - link->waits_ns;
    if (link->gates & GATES_OF_HANDLERS && limits->wait_ns > 0 && waited_ns >= limits->wait_ns) {
        link_log(link, LOG_INFO, "closed: its handler has waited for %.1f s: wait_timeout is over",
                 (double)waited_ns / 1e9);
        link_end(link, LINK_IDLE);
    } else {
        link_log(link, LOG_INFO,
                 "closed: its peer has ended the stream, and %s: drain_timeout is over",
                 link->gates & GATES_OF_HANDLERS ? "its handler waits"
                 : link->gates & GATE_PAUSED     ? "it is paused"
                                                 : "its request is not answered");
        link_end(link, link_stream_end(link));
    }
}

/* The deadline of a link that is not open has passed. */
static void end_late(struct link *link)
{
    struct session *session = link->session;
    if (link->stream.state == STREAM_OPENING && session != NULL && session->other != NULL &&
        !session->is_silent && !stream_shakes(&link->stream)) {
        session->is_silent = true;
        link_set_deadline(link, link->home->limits.opening_ns);
        link_wake(link);
        return;
    }
    if (link->stream.state == STREAM_OPENING) {
        link_log(link, LOG_INFO, "closed: its handshake has not ended within opening_timeout");
        link_fail(link, LINK_TIMEOUT);
        return;
    }
    if (link->stream.state == STREAM_FLUSHING)
        link_log(link, LOG_INFO, "closed with %zu bytes unsent: drain_timeout is over",
                 link->stream.outbox.pending);
    link_fail(link, link->reason);
}

/* ---- silence ---- */

/* With few connections a person may be trying the server out: the log explains the end. With many it is routine. */
static void end_idle(struct link *link)
{
    struct link_home *home = link->home;
    if (home->table.live_count <= FEW_LINKS)
        link_note(
            link, &home->of_idle,
            "closed: nothing received for %.1f s; idle_timeout = 0 switches this off, on_idle "
            "and conn:idle decide for one connection",
            (double)(link_home_now(home) - link->stream.received_ns) / 1e9);
    link_end_midway(link, LINK_IDLE);
}

static void look_at(struct link *link, uint64_t at_ns)
{
    link->next_ns = at_ns;
    link_update_timer(link);
}

void link_decide_idle(struct link *link, enum script_verdict verdict)
{
    uint64_t now_ns = link_home_now(link->home);
    if (link->stream.state != STREAM_OPEN || link->idle_limit_ns == 0) return;
    bool is_silent = now_ns - link->stream.received_ns >= link->idle_limit_ns;
    if (verdict == SCRIPT_NO && is_silent && !port_unheard(&link->stream.socket))
        end_idle(link);
    else if (link->next_ns == UINT64_MAX) /* the script may have set a new limit */
        look_at(link, now_ns + link->idle_limit_ns);
}

static void ask_idle(struct link *link, double seconds)
{
    const struct script *script = link->home->script;
    enum script_verdict verdict = SCRIPT_NO;
    link->next_ns = UINT64_MAX; /* until it has answered */
    if (script->idle != NULL) verdict = script->idle(link->home->script_state, link, seconds);
    if (verdict != SCRIPT_WAIT) link_decide_idle(link, verdict);
}

void link_look_sooner(struct link *link)
{
    uint64_t at_ns = link_home_now(link->home) + link->idle_limit_ns / LOOKS;
    if (link->next_ns != UINT64_MAX && link->next_ns > at_ns) look_at(link, at_ns);
}

/* The system reports room only after much of its send buffer has drained. A peer that reads slowly but steadily shows
 * in the number of bytes that the system still holds. */
static void note_taken(struct link *link)
{
    size_t before = link->stream.unsent;
    link->stream.unsent = port_unsent(link->home->streams.port, &link->stream.socket);
    if (link->stream.unsent < before) link->stream.offered_ns = link_home_now(link->home);
}

/* Since when the peer has read nothing. Receiving is paused, so its silence does not count. */
static uint64_t untaken_since_ns(struct link *link)
{
    if (!port_send_waits(&link->stream.socket))
        return link_home_now(link->home); /* it has read everything */
    note_taken(link);
    return link->stream.offered_ns > link->stream.received_ns ? link->stream.offered_ns
                                                              : link->stream.received_ns;
}

static void judge_slow(struct link *link)
{
    uint64_t now_ns = link_home_now(link->home), since_ns = untaken_since_ns(link);
    uint64_t next_ns = since_ns + link->idle_limit_ns;
    uint64_t look_ns = now_ns + link->idle_limit_ns / LOOKS, silent_ns = now_ns - since_ns;
    if (silent_ns < link->idle_limit_ns) {
        link->next_ns = least_of(look_ns, next_ns);
        return;
    }
    link_log(link, LOG_INFO, "closed: it has read nothing for %llu.%llu s, with %zu bytes queued",
             (unsigned long long)(silent_ns / 1000000000),
             (unsigned long long)(silent_ns / 100000000 % 10), link->stream.outbox.pending);
    link_fail(link, LINK_SLOW);
}

static void judge_silence(struct link *link)
{
    uint64_t now_ns = link_home_now(link->home), since_ns = now_ns - link->stream.received_ns;
    if (link->gates & GATE_SLOW)
        judge_slow(link);
    else if (link->gates & GATES_OF_OURS || port_unheard(&link->stream.socket))
        link->next_ns = now_ns + link->idle_limit_ns;
    else if (since_ns >= link->idle_limit_ns)
        ask_idle(link, (double)since_ns / 1e9);
    else
        link->next_ns = link->stream.received_ns + link->idle_limit_ns;
}

static void set_idle(struct link *link, uint64_t limit_ns)
{
    link->idle_limit_ns = limit_ns;
    link->stream.received_ns = link_home_now(link->home);
    if (link->stream.state == STREAM_OPEN)
        look_at(link, limit_ns > 0 ? link->stream.received_ns + limit_ns : UINT64_MAX);
}

void link_set_idle(struct link *link, uint64_t limit_ns)
{
    link->idle_is_own = true;
    set_idle(link, limit_ns);
}

void link_follow_idle(struct link *link)
{
    if (!link->idle_is_own) set_idle(link, link->home->limits.idle_ns);
}

/* All input up to the tick of the timer has been read; later input may not have been. */
static bool is_over(const struct link *link, uint64_t at_ns)
{
    uint64_t heard_ns = link->timer.due_tick * WHEEL_TICK_NS;
    return at_ns != UINT64_MAX && at_ns + link->home->streams.gap_ns <= heard_ns;
}

/* Handles one deadline at a time; another one that is due fires in the next tick. */
static void on_timer(struct wheel_timer *timer)
{
    struct link *link = container_of(timer, struct link, timer);
    if (link->stream.state != STREAM_OPEN) {
        if (is_over(link, link->next_ns)) end_late(link);
    } else if (is_over(link, link_gates_due_ns(link))) {
        end_gated(link);
    } else if (is_over(link, link->next_ns)) {
        judge_silence(link);
    } else if (is_over(link, link_session_ping_ns(link)) && !link_session_ping(link)) {
        link_log(link, LOG_INFO, "closed: it answers no pings");
        link_end(link, LINK_TIMEOUT);
    }
    link_update_timer(link);
}

void link_time_init(struct link *link)
{
    link->next_ns = UINT64_MAX;
    wheel_timer_init(&link->timer, on_timer);
}
