/* clock.h - monotonic time, and waiting by it: setting the wall clock back or forward changes nothing
 * here. Owns nothing. */
#ifndef MOONPORT_CLOCK_H
#define MOONPORT_CLOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

/* Nanoseconds since some fixed moment. Any thread; a signal's handler as well. */
uint64_t clock_now_ns(void);

/* The time in so many nanoseconds; UINT64_MAX if there is no such time. */
static inline uint64_t clock_after_ns(uint64_t duration_ns)
{
    uint64_t now_ns = clock_now_ns();
    return duration_ns < UINT64_MAX - now_ns ? now_ns + duration_ns : UINT64_MAX;
}

/* A condition for clock_wait, destroyed as any other. */
void clock_condition_init(pthread_cond_t *condition);

/* As pthread_cond_wait, but until the deadline at most. False: it has come. As there, true may mean
 * nothing. */
bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline_ns);

/* As pthread_mutex_lock, but until the deadline at most. False: it has come. */
bool clock_lock(pthread_mutex_t *mutex, uint64_t deadline_ns);

/* The wall clock's seconds as this machine's date and time of day. */
void clock_local_time(time_t seconds, struct tm *parts);

#endif
