#include "server/worker_task.h"

#include "base/clock.h"
#include "server/worker_mail.h"

struct worker_part {
    struct letter letter;
    struct worker_task *task;
    bool ran;
};

struct worker_task {
    struct server_task what;
    _Atomic uint32_t holders; /* the waiting thread, and each open part */
    pthread_mutex_t mutex;    /* guards the fields below */
    pthread_cond_t changed;
    uint32_t count, open, ran; /* parts: all, not yet run or skipped, run */
    struct worker_part parts[];
};

struct worker_task *worker_task_make(const struct server_task *what, uint32_t count)
{
    struct worker_task *task = calloc(1, sizeof *task + count * sizeof task->parts[0]);
    if (task == NULL) return NULL;
    task->what = *what;
    task->count = task->open = count;
    atomic_init(&task->holders, count + 1);
    pthread_mutex_init(&task->mutex, NULL);
    clock_condition_init(&task->changed);
    return task;
}

static void let_go(struct worker_task *task)
{
    uint32_t before = atomic_fetch_sub_explicit(&task->holders, 1, memory_order_acq_rel);
    check(before > 0);
    if (before > 1) return;
    if (task->what.release != NULL) task->what.release(task->what.context);
    pthread_cond_destroy(&task->changed);
    pthread_mutex_destroy(&task->mutex);
    free(task);
}

/* part: NULL if it was not run. */
static void close_part(struct worker_task *task, struct worker_part *part)
{
    pthread_mutex_lock(&task->mutex);
    check(task->open > 0);
    task->open--;
    if (part != NULL) {
        part->ran = true;
        task->ran++;
    }
    if (task->open == 0) pthread_cond_broadcast(&task->changed);
    pthread_mutex_unlock(&task->mutex);
    let_go(task);
}

static uint32_t run_part(struct worker *worker, struct letter *letter)
{
    struct worker_part *part = container_of(letter, struct worker_part, letter);
    struct worker_task *task = part->task;
    task->what.run(task->what.context, worker, worker->home.script_state);
    close_part(task, part);
    return 0;
}

static void skip_part(struct worker *worker, struct letter *letter)
{
    (void)worker;
    close_part(container_of(letter, struct worker_part, letter)->task, NULL);
}

void worker_task_post(struct worker_task *task, struct worker *worker)
{
    static const struct letter_kind kind = {.read = run_part, .drop = skip_part, .is_order = true};
    struct worker_part *part = &task->parts[worker->index];
    part->letter.kind = &kind;
    part->task = task;
    if (!worker_order_unless_left(worker, &part->letter)) worker_task_skip(task);
}

void worker_task_skip(struct worker_task *task)
{
    close_part(task, NULL);
}

bool worker_task_await(struct worker_task *task, uint64_t patience_ns, bool *ran)
{
    uint64_t end_ns = clock_after_ns(patience_ns);
    bool in_time = true;
    pthread_mutex_lock(&task->mutex);
    while (task->open > 0 && in_time) in_time = clock_wait(&task->changed, &task->mutex, end_ns);
    bool all = task->ran == task->count;
    for (uint32_t i = 0; i < task->count && ran != NULL; i++) ran[i] = task->parts[i].ran;
    pthread_mutex_unlock(&task->mutex);
    let_go(task);
    return all;
}
