/* Conditions of winpthreads wait only for a time of the wall clock, or for a duration. A duration does
 * not change when the wall clock is set, so these waits use one. */
#include "base/clock.h"

#include <time.h>
#include <windows.h>

#define SECOND UINT64_C(1000000000)
#define WAIT_MAX_NS (3600 * SECOND) /* longer waits are split */

uint64_t clock_now_ns(void)
{
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    uint64_t count = (uint64_t)ticks.QuadPart, rate = (uint64_t)per_second.QuadPart;
    return count / rate * SECOND + count % rate * SECOND / rate;
}

void clock_condition_init(pthread_cond_t *condition)
{
    pthread_cond_init(condition, NULL);
}

bool clock_wait(pthread_cond_t *condition, pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    uint64_t now_ns = clock_now_ns();
    if (now_ns >= deadline_ns) return false;
    uint64_t wait_ns = deadline_ns - now_ns < WAIT_MAX_NS ? deadline_ns - now_ns : WAIT_MAX_NS;
    const struct timespec duration = {.tv_sec = (time_t)(wait_ns / SECOND),
                                      .tv_nsec = (long)(wait_ns % SECOND)};
    pthread_cond_timedwait_relative_np(condition, mutex, &duration);
    return clock_now_ns() < deadline_ns;
}

/* A mutex of winpthreads can only wait by the wall clock. */
bool clock_lock(pthread_mutex_t *mutex, uint64_t deadline_ns)
{
    while (pthread_mutex_trylock(mutex) != 0) {
        if (clock_now_ns() >= deadline_ns) return false;
        Sleep(1);
    }
    return true;
}

void clock_local_time(time_t seconds, struct tm *parts)
{
    localtime_s(parts, &seconds);
}
