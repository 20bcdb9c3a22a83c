#include "admin/route.h"
#include "admin/runner.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

/* A route that waits until it may end, and a list of who was answered. */
struct desk {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    int begun, may_end, answered;
    uint64_t askers[64];
    char query[REQUEST_QUERY_MAX]; /* of the last */
};

static struct desk desk = {.mutex = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER};

static void act(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    cr_assert_eq(context, &desk);
    pthread_mutex_lock(&desk.mutex);
    int number = ++desk.begun;
    pthread_cond_broadcast(&desk.changed);
    while (desk.may_end < number) pthread_cond_wait(&desk.changed, &desk.mutex);
    snprintf(desk.query, sizeof desk.query, "%s", request->query);
    pthread_mutex_unlock(&desk.mutex);
    answer_add(answer, "done");
}

static void done(void *context, const struct runner_task *task, struct admin_answer *answer)
{
    cr_assert_eq(context, &desk);
    cr_assert_eq(buffer_size(&answer->body), 4, "each answer is a fresh one");
    free(answer->body.data);
    pthread_mutex_lock(&desk.mutex);
    desk.askers[desk.answered++] = task->asker;
    pthread_cond_broadcast(&desk.changed);
    pthread_mutex_unlock(&desk.mutex);
}

static void let_end(int count)
{
    pthread_mutex_lock(&desk.mutex);
    desk.may_end = count;
    pthread_cond_broadcast(&desk.changed);
    pthread_mutex_unlock(&desk.mutex);
}

static void await(const int *counter, int count)
{
    pthread_mutex_lock(&desk.mutex);
    while (*counter < count) pthread_cond_wait(&desk.changed, &desk.mutex);
    pthread_mutex_unlock(&desk.mutex);
}

static const struct admin_route route = {"POST", "/act", ACCESS_ACT, ROUTE_CHANGE, act};

static bool ask(struct runner *runner, uint64_t asker)
{
    const struct runner_task task = {
        .request = {.route = &route, .query = "a=b"}, .context = &desk, .asker = asker};
    return runner_ask(runner, &task);
}

Test(runner, answers_in_the_order_of_asking_however_many_there_were)
{
    enum { ROUNDS = 3, EACH = 12 };
    struct runner *runner = runner_open(done, &desk);
    cr_assert_not_null(runner);
    let_end(ROUNDS * EACH);
    for (uint64_t i = 0; i < ROUNDS * EACH; i++) { /* more than its ring has places for */
        cr_assert(ask(runner, 100 + i));
        if (i % EACH == EACH - 1) await(&desk.answered, (int)i + 1);
    }
    for (uint64_t i = 0; i < ROUNDS * EACH; i++) cr_assert_eq(desk.askers[i], 100 + i);
    cr_assert_str_eq(desk.query, "a=b");
    runner_end(runner);
    runner_close(runner);
}

Test(runner, so_many_may_wait_besides_the_one_that_runs)
{
    struct runner *runner = runner_open(done, &desk);
    cr_assert(ask(runner, 1));
    await(&desk.begun, 1);
    for (uint64_t i = 0; i < RUNNER_ASKED_MAX; i++) cr_assert(ask(runner, 2 + i));
    cr_assert_not(ask(runner, 99));
    cr_assert_not(runner_has_ended(runner));
    let_end(1);
    await(&desk.begun, 2);
    cr_assert(ask(runner, 99), "one place is free again");
    let_end(RUNNER_ASKED_MAX + 2);
    await(&desk.answered, RUNNER_ASKED_MAX + 2);
    cr_assert_eq(desk.askers[RUNNER_ASKED_MAX + 1], 99);
    runner_end(runner);
    runner_close(runner);
}

static atomic_bool has_ended;

static void *end(void *runner)
{
    runner_end(runner);
    atomic_store(&has_ended, true);
    return NULL;
}

Test(runner, its_end_waits_for_the_task_that_runs_and_drops_the_others)
{
    pthread_t thread;
    struct runner *runner = runner_open(done, &desk);
    cr_assert(ask(runner, 1));
    await(&desk.begun, 1);
    cr_assert(ask(runner, 2));
    cr_assert_eq(pthread_create(&thread, NULL, end, runner), 0);
    for (useconds_t pause = 1000; ask(runner, 3); pause *= 2)
        usleep(pause); /* until it is ending */
    cr_assert_not(atomic_load(&has_ended));
    let_end(99);
    pthread_join(thread, NULL);
    runner_close(runner);
    cr_assert_eq(desk.answered, 1);
    cr_assert_eq(desk.askers[0], 1);
}

Test(runner, takes_nothing_when_it_has_ended)
{
    struct runner *runner = runner_open(done, &desk);
    let_end(1);
    cr_assert(ask(runner, 1));
    await(&desk.answered, 1);
    cr_assert_not(runner_has_ended(runner));
    runner_end(runner);
    cr_assert_not(ask(runner, 2));
    cr_assert(runner_has_ended(runner));
    runner_close(runner);
}

Test(runner, may_end_without_ever_having_run)
{
    struct runner *runner = runner_open(done, &desk);
    runner_end(runner);
    cr_assert_not(ask(runner, 1));
    runner_close(runner);
    cr_assert_eq(desk.begun, 0);
}
