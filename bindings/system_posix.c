#include "system.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

/* Pieces from that size on are mapped one by one; and what each thread keeps at the end of its heap. */
enum { MAPPED_BYTES = 256 << 10, KEPT_BYTES = 1 << 20 };

const char system_separators[] = "/";
const char system_module[] = "?.so";

static void (*_Atomic hangup)(void *context);
static void *_Atomic hangup_context;
static atomic_int hangups; /* handlers that run now, on any thread */
static int stops = -1;     /* an eventfd: how many were asked for */

/* Whoever is started without standard input, output or error would have what is printed and logged go
 * to a socket, or what else gets its number. */
void system_begin(void)
{
    int file;
    do file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= STDERR_FILENO);
    if (file >= 0) close(file);
}

void system_show_output(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* Left alone, glibc maps no piece that is smaller than the largest that was freed, up to 32 MiB, and keeps twice
 * as much at the end of each thread's heap. */
void system_bound_heap(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

uint64_t system_prepare(uint64_t files)
{
    struct rlimit limit;
    signal(SIGPIPE, SIG_IGN);
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return files;
    if (limit.rlim_cur < files) {
        limit.rlim_cur = limit.rlim_max < files ? limit.rlim_max : files;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

static void note_stop(int number)
{
    const uint64_t one = 1;
    int kept = errno;
    (void)number;
    if (write(stops, &one, sizeof one) < 0) _exit(1);
    errno = kept;
}

void system_catch_stops(void)
{
    struct sigaction action = {.sa_handler = note_stop, .sa_flags = SA_RESTART};
    stops = eventfd(0, EFD_CLOEXEC | EFD_SEMAPHORE);
    if (stops < 0) return; /* then a stop request ends it, as it would without us */
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
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

void system_catch_hangup(void (*function)(void *context), void *context)
{
    struct sigaction action = {.sa_handler = note_hangup, .sa_flags = SA_RESTART};
    atomic_store(&hangup, NULL);
    while (atomic_load(&hangups) > 0) sched_yield(); /* one may be at the function that goes now */
    atomic_store(&hangup_context, context);
    atomic_store(&hangup, function);
    sigaction(SIGHUP, &action, NULL);
}

bool system_wait_for_stop(int milliseconds)
{
    struct pollfd asked = {.fd = stops, .events = POLLIN};
    uint64_t one;
    int ready;
    do {
        ready = poll(&asked, 1, milliseconds);
    } while (ready < 0 && errno == EINTR && milliseconds < 0);
    return ready > 0 && read(stops, &one, sizeof one) == sizeof one;
}
