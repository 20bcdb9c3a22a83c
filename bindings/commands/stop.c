#include "commands/stop.h"

#include "base/clock.h"
#include "system/system.h"

#include <pthread.h>
#include <stdatomic.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)
enum { POLL_MS = 20 };
/* After drain_timeout what still lingers is cut, and then scripts have this long to hear of it: in all it is
 * the second that was promised. After a second request they have as long as connections keep ending, HEAR_AGAIN_MS
 * at most: workers of which none has done anything for handler_timeout, or for as long before that request, are
 * not waited for, nor an on_stop for more than QUIET_MS. */
enum {
    LINGER_MS = 250,
    HEAR_MS = 750,
    HEAR_AGAIN_MS = 8000,
    STUCK_MS = 500,
    QUIET_MS = 2000,
    LOOK_MS = 100,
    CLOSE_MS = 2000
};

/* How long a worker may do nothing: as long as a handler may run, within those bounds. */
static uint64_t stuck_after_ns(uint64_t handler_timeout_ns)
{
    const uint64_t least_ns = STUCK_MS * MILLISECOND, most_ns = QUIET_MS * MILLISECOND;
    if (handler_timeout_ns == 0 || handler_timeout_ns > most_ns) return most_ns;
    return handler_timeout_ns > least_ns ? handler_timeout_ns : least_ns;
}

static atomic_bool over;

static uint64_t later(uint64_t time_ns, uint64_t duration_ns)
{
    return duration_ns < UINT64_MAX - time_ns ? time_ns + duration_ns : UINT64_MAX;
}

static uint64_t after_ms(uint64_t duration_ms)
{
    return clock_after_ns(duration_ms * MILLISECOND);
}

/* No connection is left, only on_stop of some workers runs. */
static bool only_stops(const struct server *server)
{
    for (uint32_t i = 0; i < server_config(server)->workers; i++)
        if (server_worker_stage(server, i) == SERVER_WORKER_SERVES) return false;
    return true;
}

/* What the workers that have not ended have done: turns, and connections that ended within one. */
static uint64_t work_of(const struct server *server)
{
    uint64_t work = 0;
    for (uint32_t i = 0; i < server_config(server)->workers; i++) {
        struct server_stats stats;
        server_worker_stats(server, i, &stats);
        work += stats.turns + (uint64_t)server_worker_stage(server, i);
        for (int reason = 0; reason < LINK_REASONS; reason++) work += stats.closed[reason];
    }
    return work;
}

/* A worker that serves waits for something to do: it is not stuck, and will hear of the end. */
static bool any_waits(const struct server *server)
{
    for (uint32_t i = 0; i < server_config(server)->workers; i++)
        if (server_worker_stage(server, i) == SERVER_WORKER_SERVES &&
            server_worker_waits(server, i))
            return true;
    return false;
}

/* Since when none of them has done anything, although it had something to do. */
static struct {
    uint64_t work, since_ns;
} progress;

static void note_work(const struct server *server)
{
    uint64_t work = work_of(server);
    if (work != progress.work || any_waits(server)) progress.since_ns = clock_now_ns();
    progress.work = work;
}

enum await { AWAIT_ENDED, AWAIT_LATE, AWAIT_ASKED_AGAIN };

/* Until the server has ended, the deadline, or a second request. on_stop has more time, as long as any
 * other handler. */
static enum await await_end(const struct server *server, uint64_t deadline_ns, uint64_t on_stop_ns)
{
    while (server_is_active(server)) {
        note_work(server);
        uint64_t end_ns = only_stops(server) ? later(deadline_ns, on_stop_ns) : deadline_ns;
        if (clock_now_ns() >= end_ns) return AWAIT_LATE;
        if (system_wait_for_stop(POLL_MS)) return AWAIT_ASKED_AGAIN;
    }
    return AWAIT_ENDED;
}

/* Some on_stop runs. */
static bool any_stops(const struct server *server)
{
    for (uint32_t i = 0; i < server_config(server)->workers; i++)
        if (server_worker_stage(server, i) == SERVER_WORKER_STOPS) return true;
    return false;
}

/* None of the workers has done anything for so long. An on_stop is given QUIET_MS from the request on. */
static bool nothing_done(const struct server *server, uint64_t begun_ns, uint64_t stuck_ns)
{
    uint64_t now_ns = clock_now_ns();
    if (now_ns - begun_ns < LOOK_MS * MILLISECOND)
        return false; /* this process may have been stopped */
    if (!any_stops(server)) return now_ns - progress.since_ns >= stuck_ns;
    uint64_t since_ns = progress.since_ns > begun_ns ? progress.since_ns : begun_ns;
    return now_ns - since_ns >= QUIET_MS * MILLISECOND;
}

/* Until the server has ended, the deadline, nothing is done any more, or another request. */
static bool await_abort(const struct server *server, uint64_t hear_ms, uint64_t stuck_ns)
{
    uint64_t begun_ns = clock_now_ns(), deadline_ns = after_ms(hear_ms);
    while (server_is_active(server)) {
        note_work(server);
        if (clock_now_ns() >= deadline_ns || nothing_done(server, begun_ns, stuck_ns)) return false;
        if (system_wait_for_stop(POLL_MS)) return false;
    }
    return true;
}

__attribute__((noreturn)) static void end_without(void)
{
    _exit(ERROR_INPUT);
}

static void tell_stuck(const struct server *server)
{
    for (uint32_t i = 0; i < server_config(server)->workers; i++) {
        enum server_worker_stage stage = server_worker_stage(server, i);
        if (stage == SERVER_WORKER_ENDED) continue;
        log_line(LOG_WARN, "worker %u: a script does not return: ended without it%s", i + 1,
                 stage == SERVER_WORKER_SERVES ? ", and without its on_stop" : "");
    }
}

/* ---- what is left to close ---- */

/* A reload may be going on, in a call that nothing interrupts. */
static void *see_to_the_end(void *context)
{
    uint64_t *deadline_ns = context;
    while (!atomic_load(&over) && clock_now_ns() < *deadline_ns)
        if (system_wait_for_stop(POLL_MS)) break;
    if (atomic_load(&over)) return NULL;
    log_line(LOG_WARN, "a reload does not return: ended without it");
    end_without();
}

static void begin_to_close(uint64_t deadline_ns)
{
    static uint64_t end_ns;
    pthread_t thread;
    uint64_t soonest_ns = after_ms(CLOSE_MS);
    end_ns = deadline_ns > soonest_ns ? deadline_ns : soonest_ns;
    if (pthread_create(&thread, NULL, see_to_the_end, &end_ns) == 0) pthread_detach(thread);
}

void stop_is_over(void)
{
    atomic_store(&over, true);
}

/* ---- the end ---- */

/* What was asked for goes on without those that asked, until the deadline or a second request. */
static void drain_jobs(struct jobs *jobs, uint64_t deadline_ns)
{
    uint32_t dropped;
    for (;;) {
        struct jobs_figures figures = jobs_figures(jobs);
        if (figures.busy + figures.queued == 0 || clock_now_ns() >= deadline_ns) break;
        if (system_wait_for_stop(POLL_MS)) deadline_ns = 0;
    }
    bool ended = jobs_end(jobs, &dropped);
    /* What is left is an on_job_stop, unless a thread was given up. */
    while (!ended && jobs_figures(jobs).lost == 0 && clock_now_ns() < deadline_ns &&
           !system_wait_for_stop(POLL_MS))
        ended = jobs_end(jobs, NULL);
    if (dropped > 0) log_line(LOG_WARN, "%u jobs had not begun when it ended", dropped);
    if (ended) return;
    log_line(LOG_WARN, "a job does not return: ended without it");
    end_without();
}

void stop_when_asked(struct server *server, struct reloader *reloader, struct jobs *jobs)
{
    system_wait_for_stop(-1);
    reloader_rest(reloader);
    const struct options options = reloader_options(reloader);
    uint64_t drained_ns = clock_after_ns(options.config.drain_timeout_ns);
    uint64_t deadline_ns = later(drained_ns, LINGER_MS * MILLISECOND);
    uint64_t on_stop_ns = options.handler_timeout_ns == 0 ? UINT64_MAX : options.handler_timeout_ns;
    log_line(LOG_INFO,
             "stopping: every queue is flushed first, for %.1f s at most; asked once more, "
             "after a second, it stops at once",
             (double)options.config.drain_timeout_ns / 1e9);
    server_drain(server);
    enum await await = await_end(server, deadline_ns, on_stop_ns);
    if (await != AWAIT_ENDED) {
        bool again = await == AWAIT_ASKED_AGAIN;
        uint64_t hear_ms = again ? HEAR_AGAIN_MS : HEAR_MS;
        uint64_t stuck_ns = again ? stuck_after_ns(options.handler_timeout_ns) : UINT64_MAX;
        log_line(LOG_WARN, "stopping at once");
        server_abort(server);
        if (!await_abort(server, hear_ms, stuck_ns)) {
            tell_stuck(server);
            end_without();
        }
    }
    drain_jobs(jobs, await == AWAIT_ASKED_AGAIN ? 0 : deadline_ns);
    begin_to_close(later(deadline_ns, HEAR_MS * MILLISECOND));
}
