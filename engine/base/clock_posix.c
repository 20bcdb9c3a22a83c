#include "base/clock.h"

#include <errno.h>
#include <time.h>

#define SECOND UINT64_C(1000000000)

uint64_t clock_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * SECOND + (uint64_t)now.tv_nsec;
}

void clock_condition_init(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct timespec time_of(uint64_t time_ns)
{
    return (struct timespec){.tv_sec = (time_t)(time_ns / SECOND),
                             .tv_nsec = (long)(time_ns % SECOND)};
}

bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    const struct timespec until = time_of(deadline_ns);
    return pthread_cond_timedwait(condition, mutex, &until) != ETIMEDOUT;
}

bool clock_lock(pthread_mutex_t *mutex, uint64_t deadline_ns)
{
#ifdef __SANITIZE_THREAD__ /* it does not know pthread_mutex_clocklock */
    while (pthread_mutex_trylock(mutex) != 0) {
        if (clock_now_ns() >= deadline_ns) return false;
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
    return true;
#else
    const struct timespec until = time_of(deadline_ns);
    return pthread_mutex_clocklock(mutex, CLOCK_MONOTONIC, &until) == 0;
#endif
}

void clock_local_time(time_t seconds, struct tm *parts)
{
    localtime_r(&seconds, parts);
}
