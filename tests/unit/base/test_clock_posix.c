/* The wall clock is set back or forward while somebody waits: the linker leads clock_gettime here, and
 * what the system waits by is as it was. */
#include "base/clock.h"

#include "server/worker_task.h"

#include <criterion/criterion.h>
#include <time.h>
#include <unistd.h>

enum { HOUR = 3600, HANGS_S = 60 };
#define SOON UINT64_C(1000000)

static int set_by; /* seconds */

int __real_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time);
int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    int status = __real_clock_gettime(clock, time);
    if (clock == CLOCK_REALTIME) time->tv_sec += set_by;
    return status;
}

/* A deadline that was worked out by a clock an hour ahead is an hour late. */
static void set_the_clock(void)
{
    struct timespec wall;
    set_by = HOUR;
    clock_gettime(CLOCK_REALTIME, &wall);
    cr_assert(wall.tv_sec >= time(NULL) + HOUR - 1, "the test sets no clock");
    alarm(HANGS_S);
}

Test(clock, a_wait_ends_at_its_deadline_whatever_is_done_to_the_wall_clock)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_cond_t condition;
    set_the_clock();
    clock_condition_init(&condition);
    pthread_mutex_lock(&mutex);
    uint64_t deadline_ns = clock_after_ns(SOON);
    while (clock_wait(&condition, &mutex, deadline_ns)) continue;
    cr_assert(clock_now_ns() >= deadline_ns);
    cr_assert_not(clock_wait(&condition, &mutex, deadline_ns), "it has come already");
    pthread_mutex_unlock(&mutex);
    pthread_cond_destroy(&condition);
}

struct call {
    pthread_mutex_t mutex;
    pthread_cond_t condition;
    bool came;
};

static void *signal_it(void *argument)
{
    struct call *call = argument;
    pthread_mutex_lock(&call->mutex);
    call->came = true;
    pthread_cond_signal(&call->condition);
    pthread_mutex_unlock(&call->mutex);
    return NULL;
}

Test(clock, a_wait_without_end_ends_by_a_signal)
{
    struct call call = {.mutex = PTHREAD_MUTEX_INITIALIZER};
    pthread_t caller;
    alarm(HANGS_S);
    clock_condition_init(&call.condition);
    pthread_mutex_lock(&call.mutex);
    cr_assert_eq(pthread_create(&caller, NULL, signal_it, &call), 0);
    while (!call.came)
        cr_assert(clock_wait(&call.condition, &call.mutex, clock_after_ns(UINT64_MAX)));
    pthread_mutex_unlock(&call.mutex);
    pthread_join(caller, NULL);
    pthread_cond_destroy(&call.condition);
}

Test(clock, no_time_is_beyond_the_last)
{
    cr_assert_eq(clock_after_ns(UINT64_MAX), UINT64_MAX);
    uint64_t before_ns = clock_now_ns(), after_ns = clock_after_ns(SOON);
    cr_assert(after_ns >= before_ns + SOON && after_ns <= clock_now_ns() + SOON);
}

static void never(void *context, struct worker *worker, void *state)
{
    (void)context, (void)worker, (void)state;
}

Test(clock, patience_with_a_task_ends_whatever_is_done_to_the_wall_clock)
{
    const struct server_task what = {.run = never};
    bool ran[1];
    set_the_clock();
    struct worker_task *task = worker_task_make(&what, 1);
    cr_assert_not(worker_task_await(task, SOON, ran));
    cr_assert_not(ran[0]);
    worker_task_skip(task);
}

static void *hold(void *context)
{
    pthread_mutex_lock(context);
    return NULL;
}

Test(clock, a_lock_is_given_up_at_its_deadline_whatever_is_done_to_the_wall_clock)
{
    pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    pthread_t holder;
    set_the_clock();
    cr_assert_eq(pthread_create(&holder, NULL, hold, &mutex), 0);
    pthread_join(holder, NULL);
    cr_assert_not(clock_lock(&mutex, clock_after_ns(SOON)));
}
