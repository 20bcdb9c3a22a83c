#include "admin/runner.h"

#include "admin/route.h"

#include <pthread.h>
#include <stdlib.h>

struct runner {
    void (*done)(void *context, const struct runner_task *task, struct admin_answer *answer);
    void *context;
    pthread_mutex_t mutex; /* guards what follows */
    pthread_cond_t changed;
    pthread_t thread;
    bool has_thread;                            /* started with the first task */
    struct runner_task asked[RUNNER_ASKED_MAX]; /* a ring */
    uint32_t first, count;
    bool ends;
};

struct runner *runner_open(void (*done)(void *context, const struct runner_task *task,
                                        struct admin_answer *answer),
                           void *context)
{
    struct runner *runner = calloc(1, sizeof *runner);
    if (runner == NULL) return NULL;
    runner->done = done;
    runner->context = context;
    pthread_mutex_init(&runner->mutex, NULL);
    pthread_cond_init(&runner->changed, NULL);
    return runner;
}

/* Waits for a task. False: the thread is to end. */
static bool await_next(struct runner *runner, struct runner_task *next)
{
    pthread_mutex_lock(&runner->mutex);
    while (runner->count == 0 && !runner->ends) pthread_cond_wait(&runner->changed, &runner->mutex);
    bool goes_on = !runner->ends;
    if (goes_on) {
        *next = runner->asked[runner->first];
        runner->first = (runner->first + 1) % RUNNER_ASKED_MAX;
        runner->count--;
    }
    pthread_mutex_unlock(&runner->mutex);
    return goes_on;
}

static void *run_all(void *argument)
{
    struct runner *runner = argument;
    struct runner_task next;
    while (await_next(runner, &next)) {
        struct admin_answer answer = {.status = 0};
        next.request.route->act(next.context, &next.request, &answer);
        runner->done(runner->context, &next, &answer);
    }
    return NULL;
}

bool runner_ask(struct runner *runner, const struct runner_task *task)
{
    pthread_mutex_lock(&runner->mutex);
    if (!runner->has_thread && !runner->ends)
        runner->has_thread = pthread_create(&runner->thread, NULL, run_all, runner) == 0;
    bool fine = runner->has_thread && !runner->ends && runner->count < RUNNER_ASKED_MAX;
    if (fine) runner->asked[(runner->first + runner->count++) % RUNNER_ASKED_MAX] = *task;
    pthread_cond_signal(&runner->changed);
    pthread_mutex_unlock(&runner->mutex);
    return fine;
}

bool runner_has_ended(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    bool ended = runner->ends;
    pthread_mutex_unlock(&runner->mutex);
    return ended;
}

void runner_end(struct runner *runner)
{
    pthread_mutex_lock(&runner->mutex);
    runner->ends = true;
    bool has_thread = runner->has_thread;
    pthread_cond_signal(&runner->changed);
    pthread_mutex_unlock(&runner->mutex);
    if (has_thread) pthread_join(runner->thread, NULL);
}

void runner_close(struct runner *runner)
{
    pthread_cond_destroy(&runner->changed);
    pthread_mutex_destroy(&runner->mutex);
    free(runner);
}
