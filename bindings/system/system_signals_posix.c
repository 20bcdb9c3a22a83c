/* Signals, and programs that scripts start. Every signal that is caught has a handler, because programs inherit
 * ignored signals but not handlers. */
#include "base/clock.h"
#include "base/log_limit.h"
#include "system/system.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define MILLISECOND UINT64_C(1000000)

extern char **environ;

/* Signals that may be sent to the program, mean nothing to it, and would end it by default. */
static const struct {
    int number;
    const char *name;
} asks_nothing[] = {
    {SIGUSR1, "USR1"},     {SIGUSR2, "USR2"}, {SIGALRM, "ALRM"},
    {SIGVTALRM, "VTALRM"}, {SIGPROF, "PROF"}, {SIGPOLL, "POLL"},
    {SIGXCPU, "XCPU"},     {SIGPWR, "PWR"},   {SIGSTKFLT, "STKFLT"},
};
enum { NAMED = sizeof asks_nothing / sizeof *asks_nothing };

static int woken = -1;               /* an eventfd: there is a stop request, or something to log */
static _Atomic uint64_t stop_ns;     /* when a stop request last counted */
static atomic_uint stops;            /* counted, and not yet taken by system_wait_for_stop */
static atomic_bool noted[NAMED + 1]; /* received and not yet logged; the last: a real-time signal */

static void (*_Atomic hangup)(void *context);
static void *_Atomic hangup_context;
static atomic_int hangups; /* handlers running now, on any thread */

/* ---- on any thread, in signal handlers ---- */

static void wake(void)
{
    const uint64_t one = 1;
    if (woken >= 0 && write(woken, &one, sizeof one) < 0 && errno != EAGAIN) _exit(1);
}

void system_ask_to_stop(void)
{
    if (!system_stop_counts(&stop_ns, clock_now_ns())) return;
    atomic_fetch_add(&stops, 1);
    wake();
}

static void note_stop(int number)
{
    int kept = errno;
    (void)number;
    system_ask_to_stop();
    errno = kept;
}

static void note_signal(int number)
{
    int kept = errno, i = 0;
    while (i < NAMED && asks_nothing[i].number != number) i++;
    atomic_store(&noted[i], true);
    wake();
    errno = kept;
}

/* The failed write reports it. */
static void note_nothing(int number)
{
    (void)number;
}

static void note_hangup(int number)
{
    int kept = errno;
    (void)number;
    atomic_fetch_add(&hangups, 1);
    void (*function)(void *) = atomic_load(&hangup);
    if (function != NULL) function(atomic_load(&hangup_context));
    atomic_fetch_sub(&hangups, 1);
    errno = kept;
}

/* ---- taking them ---- */

static void take(int number, void (*handler)(int number))
{
    const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigaction(number, &action, NULL);
}

/* The parent may have had signals blocked, or SIGCHLD ignored, which would hide how a child has ended. */
void system_take_signals(void)
{
    sigset_t none;
    sigemptyset(&none);
    pthread_sigmask(SIG_SETMASK, &none, NULL);
    signal(SIGCHLD, SIG_DFL);
    take(SIGPIPE, note_nothing);
    take(SIGXFSZ, note_nothing);
    for (int i = 0; i < NAMED; i++) take(asks_nothing[i].number, note_signal);
    for (int number = SIGRTMIN; number <= SIGRTMAX; number++) take(number, note_signal);
}

void system_catch_stops(void)
{
    woken = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (woken < 0) return; /* then a stop request ends the program, as by default */
    take(SIGTERM, note_stop);
    take(SIGINT, note_stop);
    take(SIGQUIT, note_stop);
}

void system_catch_hangup(void (*function)(void *context), void *context)
{
    atomic_store(&hangup, NULL);
    while (atomic_load(&hangups) > 0) sched_yield(); /* a handler may be calling the old function */
    atomic_store(&hangup_context, context);
    atomic_store(&hangup, function);
    take(SIGHUP, note_hangup);
}

/* ---- handling them ---- */

static void tell_noted(void)
{
    static struct log_limit limit;
    uint64_t now_ns = clock_now_ns();
    log_limit_tell(&limit, now_ns);
    for (int i = 0; i <= NAMED; i++) {
        if (!atomic_exchange(&noted[i], false)) continue;
        const char *name = i < NAMED ? asks_nothing[i].name : "RT";
        if (!log_limit_allows(&limit, LOG_INFO, (uint64_t)i + 1, 0, span_text(name), now_ns))
            continue;
        log_line(LOG_INFO, "signal %s asks for nothing here: HUP reloads, TERM stops", name);
    }
}

static bool take_stop(void)
{
    unsigned there = atomic_load(&stops);
    while (there > 0 && !atomic_compare_exchange_weak(&stops, &there, there - 1)) continue;
    return there > 0;
}

/* Milliseconds until end_ns, for poll; -1: no limit. */
static int left_until(uint64_t end_ns)
{
    uint64_t now_ns = clock_now_ns();
    if (end_ns == UINT64_MAX) return -1;
    return end_ns <= now_ns ? 0 : (int)((end_ns - now_ns + MILLISECOND - 1) / MILLISECOND);
}

bool system_wait_for_stop(int milliseconds)
{
    uint64_t end_ns =
        milliseconds < 0 ? UINT64_MAX : clock_after_ns((uint64_t)milliseconds * MILLISECOND);
    struct pollfd wakes = {.fd = woken, .events = POLLIN};
    uint64_t count;
    for (;;) {
        tell_noted();
        if (take_stop()) return true;
        int left = left_until(end_ns);
        if (left == 0) return false;
        if (poll(&wakes, 1, left) > 0 && read(woken, &count, sizeof count) < 0) continue;
    }
}

/* ---- programs ---- */

static pid_t start_shell(const char *command)
{
    char *words[] = {"sh", "-c", "--", (char *)command, NULL};
    posix_spawnattr_t attributes;
    sigset_t none;
    pid_t child;
    if (posix_spawnattr_init(&attributes) != 0) return -1;
    sigemptyset(&none);
    posix_spawnattr_setsigmask(&attributes, &none);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
    errno = posix_spawn(&child, "/bin/sh", NULL, &attributes, words, environ);
    posix_spawnattr_destroy(&attributes);
    return errno == 0 ? child : -1;
}

static int await(pid_t child)
{
    int status;
    while (waitpid(child, &status, 0) < 0)
        if (errno != EINTR) return -1;
    errno = 0; /* which Lua checks as well */
    return status;
}

bool system_execute(const char *command, int *status)
{
    pid_t child = start_shell(command);
    *status = child < 0 ? -1 : await(child);
    return true;
}
