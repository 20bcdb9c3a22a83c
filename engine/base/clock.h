/* clock.h - monotonic time, and waits by it: setting the wall clock has no effect on them. Owns
 * nothing. */
#ifndef MOONPORT_CLOCK_H
#define MOONPORT_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/time.h>
#include <time.h>

/* Nanoseconds since some fixed moment. Any thread; also from a signal handler. */
uint64_t clock_now_ns(void);

/* The time after that duration from now; UINT64_MAX if it would overflow. */
static inline uint64_t clock_after_ns(uint64_t duration_ns)
{
    uint64_t now_ns = clock_now_ns();
    return duration_ns < UINT64_MAX - now_ns ? now_ns + duration_ns : UINT64_MAX;
}

/* Initializes a condition for clock_wait; it is destroyed like any other. */
void clock_condition_init(pthread_cond_t *condition);

/* Like pthread_cond_wait, but only until the deadline. False: the deadline has come. True may be a
 * spurious wakeup. */
bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline_ns);

/* Like pthread_mutex_lock, but only until the deadline. False: the deadline has come. */
bool clock_lock(pthread_mutex_t *mutex, uint64_t deadline_ns);

/* The wall clock: microseconds since 1970. For people to read, never to wait by. */
static inline uint64_t clock_unix_us(void)
{
    struct timeval now;
    gettimeofday(&now, NULL); /* the msvcrt of mingw has no timespec_get */
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_usec;
}

/* Converts the wall clock's seconds to local date and time. */
void clock_local_time(time_t seconds, struct tm *parts);

#endif
