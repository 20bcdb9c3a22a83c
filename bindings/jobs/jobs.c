#include "jobs/jobs.h"

#include "base/clock.h"
#include "lua/lua_thread.h"

#include <stdlib.h>

#define SLICE_NS UINT64_C(50000000)
#define PATIENCE_NS UINT64_C(750000000) /* with what was interrupted, at the end */

struct job_thread {
    struct job_state state; /* first member: stuck() finds the thread by it */
    struct jobs *jobs;
    struct list node; /* in `live`, `lost` or `ended` */
    pthread_t thread;
    struct job *job; /* that it runs; NULL: none */
    uint64_t begun_ns;
    bool lost;
};

struct jobs {
    struct job_setup setup;
    struct job_bytes bytes;
    struct jobs_limits limits;
    bool steps, ending;
    pthread_mutex_t mutex;
    pthread_cond_t posted;  /* there is work, or an end */
    pthread_cond_t changed; /* a job is done, a thread has ended */
    struct list queue;
    struct list live, lost, ended; /* threads */
    uint32_t idle, given_up;       /* threads waiting for work; threads given up so far */
    uint32_t returning; /* threads that deliver an answer, and look for a job right after it */
    struct jobs_figures figures;
    struct job_thread *stepper;
};

/* ---- a job ---- */

struct job_run *jobs_run_make(struct jobs *jobs, struct span module, struct span function,
                              struct span arguments)
{
    return job_run_make(&jobs->bytes, module, function, arguments);
}

static void drop_job(struct job *job)
{
    source_drop(job->source);
    job_run_free(job->run);
    job->free(job);
}

/* The job has its answer. This and other helpers are called with the mutex held, unless they say otherwise. */
static void settle(struct jobs *jobs, struct job *job, struct job_run *run)
{
    job->phase = JOB_DONE;
    job->run = run;
    jobs->figures.done++;
    if (run == NULL || run->code != NULL) jobs->figures.failed++;
}

/* Called with or without the mutex. The job no longer belongs to the pool after this. */
static void deliver(struct job *job, bool abandoned)
{
    if (abandoned) {
        drop_job(job);
        return;
    }
    source_drop(job->source);
    job->done(job);
}

/* ---- a thread ---- */

/* Called without the mutex. */
static void run_here(struct job_thread *thread, struct job_run *run, struct source *source,
                     uint64_t generation, uint64_t timeout_ns)
{
    struct error error;
    if (job_state_renew(&thread->state, &thread->jobs->setup, source, generation, timeout_ns,
                        &error)) {
        job_state_run(&thread->state, run);
        return;
    }
    run->code = "error";
    job_run_keep(run, span_text(error.text));
}

/* Releases the mutex for done(): the worker that it wakes takes the mutex at once, to post its next job. That post
 * need not wake a thread, because this one looks for work right afterwards. */
static void come_back(struct jobs *jobs, struct job *job)
{
    bool abandoned = job->abandoned;
    jobs->returning++;
    pthread_mutex_unlock(&jobs->mutex);
    deliver(job, abandoned);
    pthread_mutex_lock(&jobs->mutex);
    jobs->returning--;
    pthread_cond_broadcast(&jobs->changed);
}

/* Releases the mutex while the job runs. Meanwhile the thread uses only its own run and source: if it is given up,
 * the job is gone. */
static void run_next(struct job_thread *thread)
{
    struct jobs *jobs = thread->jobs;
    struct list *node = list_take_first(&jobs->queue);
    check(node != NULL);
    struct job *job = container_of(node, struct job, node);
    struct job_run *run = job->run;
    struct source *source = job->source;
    uint64_t generation = job->generation, timeout_ns = jobs->limits.timeout_ns;
    job->run = NULL;
    job->phase = JOB_RUNS;
    thread->job = job;
    thread->begun_ns = clock_now_ns();
    jobs->figures.queued--;
    jobs->figures.busy++;
    source_hold(source);
    pthread_mutex_unlock(&jobs->mutex);
    run_here(thread, run, source, generation, timeout_ns);
    source_drop(source);
    pthread_mutex_lock(&jobs->mutex);
    if (thread->lost) {
        job_run_free(run);
        return;
    }
    jobs->figures.busy--;
    jobs->figures.time_ns += clock_now_ns() - thread->begun_ns;
    thread->job = NULL;
    settle(jobs, job, run);
    come_back(jobs, job);
}

/* There are more threads than the limits allow. */
static bool is_too_many(const struct jobs *jobs)
{
    return jobs->figures.threads > jobs->limits.threads;
}

/* It ends; bury() joins it. */
static void retire(struct job_thread *thread)
{
    list_remove(&thread->node);
    list_append(&thread->jobs->ended, &thread->node);
    pthread_cond_broadcast(&thread->jobs->changed);
}

static void *work(void *context)
{
    struct job_thread *thread = context;
    struct jobs *jobs = thread->jobs;
    pthread_mutex_lock(&jobs->mutex);
    while (!thread->lost && !jobs->ending && !is_too_many(jobs)) {
        if (!list_empty(&jobs->queue)) {
            run_next(thread);
            continue;
        }
        jobs->idle++;
        pthread_cond_wait(&jobs->posted, &jobs->mutex);
        jobs->idle--;
    }
    if (!thread->lost) jobs->figures.threads--;
    if (!list_empty(&jobs->queue)) pthread_cond_signal(&jobs->posted); /* for another thread */
    pthread_mutex_unlock(&jobs->mutex);
    job_state_end(&thread->state);
    pthread_mutex_lock(&jobs->mutex);
    if (thread->lost) jobs->figures.lost--;
    retire(thread);
    pthread_mutex_unlock(&jobs->mutex);
    return NULL;
}

/* The first function of a thread. job_state_init must run on that thread, because it sets up the watch over its
 * calls. */
static void *begin(void *context);

static bool start_thread(struct jobs *jobs)
{
    struct job_thread *thread = calloc(1, sizeof *thread);
    if (thread == NULL) return false;
    thread->jobs = jobs;
    list_append(&jobs->live, &thread->node);
    jobs->figures.threads++;
    if (lua_thread_create(&thread->thread, begin, thread)) return true;
    jobs->figures.threads--;
    list_remove(&thread->node);
    free(thread);
    return false;
}

/* No thread is left that would run them. */
static void refuse_queue(struct jobs *jobs)
{
    struct list *node;
    while ((node = list_take_first(&jobs->queue)) != NULL) {
        struct job *job = container_of(node, struct job, node);
        jobs->figures.queued--;
        job->run->code = "busy";
        settle(jobs, job, job->run);
        deliver(job, job->abandoned);
    }
}

static void give_up(struct job_thread *thread)
{
    struct jobs *jobs = thread->jobs;
    struct job *job = thread->job;
    bool replaced = jobs->given_up < jobs->limits.threads;
    thread->lost = true;
    thread->job = NULL;
    list_remove(&thread->node);
    list_append(&jobs->lost, &thread->node);
    jobs->given_up++;
    jobs->figures.lost++;
    jobs->figures.threads--;
    jobs->figures.busy--;
    log_line(LOG_WARN, "a job does not return and cannot be interrupted: %s",
             replaced ? "its thread is replaced" : "its thread is lost, as many as there may be");
    struct job_run *run = jobs_run_make(jobs, span_text(""), span_text(""), span_text(""));
    if (run != NULL) run->code = "timeout";
    settle(jobs, job, run);
    deliver(job, job->abandoned);
    if (replaced && !jobs->ending) start_thread(jobs);
    if (jobs->figures.threads == 0) refuse_queue(jobs);
    pthread_cond_broadcast(&jobs->changed);
}

/* Called on the watching thread of overtime.c, without the mutex. */
static void stuck(struct overtime *overtime)
{
    struct state *state = container_of(overtime, struct state, overtime);
    struct job_thread *thread = (struct job_thread *)state;
    struct jobs *jobs = thread->jobs;
    pthread_mutex_lock(&jobs->mutex);
    /* It may have come back meanwhile, and be in the next job. */
    bool same = atomic_load(&overtime->calls) == overtime->seen;
    if (same && thread->job != NULL && !thread->lost) give_up(thread);
    pthread_mutex_unlock(&jobs->mutex);
}

static void *begin(void *context)
{
    struct job_thread *thread = context;
    struct jobs *jobs = thread->jobs;
    pthread_mutex_lock(&jobs->mutex);
    static uint32_t number;
    uint32_t mine = ++number;
    pthread_mutex_unlock(&jobs->mutex);
    if (job_state_init(&thread->state, mine, stuck)) return work(thread);
    log_line(LOG_ERROR, "no memory for a thread of jobs");
    pthread_mutex_lock(&jobs->mutex);
    jobs->figures.threads--;
    if (jobs->figures.threads == 0) refuse_queue(jobs);
    retire(thread);
    pthread_mutex_unlock(&jobs->mutex);
    return NULL;
}

/* Joins the threads that have ended: at the next post, or at the end. */
static void bury(struct jobs *jobs)
{
    struct list *node;
    while ((node = list_take_first(&jobs->ended)) != NULL) {
        struct job_thread *thread = container_of(node, struct job_thread, node);
        pthread_join(thread->thread, NULL);
        free(thread);
    }
}

/* ---- the pool ---- */

struct jobs *jobs_open(const struct job_setup *setup, const struct jobs_limits *limits, bool steps)
{
    struct jobs *jobs = calloc(1, sizeof *jobs);
    if (jobs == NULL) return NULL;
    jobs->setup = *setup;
    jobs->bytes.limit = JOBS_BYTES_MAX;
    jobs->limits = *limits;
    jobs->steps = steps;
    list_init(&jobs->queue);
    list_init(&jobs->live);
    list_init(&jobs->lost);
    list_init(&jobs->ended);
    pthread_mutex_init(&jobs->mutex, NULL);
    pthread_cond_init(&jobs->posted, NULL);
    clock_condition_init(&jobs->changed);
    return jobs;
}

void jobs_limit(struct jobs *jobs, const struct jobs_limits *limits)
{
    pthread_mutex_lock(&jobs->mutex);
    jobs->limits = *limits;
    pthread_cond_broadcast(&jobs->posted);
    pthread_mutex_unlock(&jobs->mutex);
}

static const char *refusal(struct jobs *jobs)
{
    if (jobs->ending) return "closed";
    if (jobs->figures.queued >= jobs->limits.queue) return "busy";
    if (jobs->steps) return NULL;
    bool more = jobs->figures.threads < jobs->limits.threads;
    /* A lost thread still exists: without this bound there would be ever more threads. */
    more = more && jobs->figures.threads + jobs->figures.lost < 2 * jobs->limits.threads;
    if (jobs->idle <= jobs->figures.queued && more) start_thread(jobs);
    return jobs->figures.threads == 0 ? "busy" : NULL;
}

const char *jobs_post(struct jobs *jobs, struct job *job)
{
    pthread_mutex_lock(&jobs->mutex);
    bury(jobs);
    const char *why = refusal(jobs);
    bool wakes = why == NULL && jobs->figures.queued >= jobs->returning;
    if (why == NULL) {
        job->phase = JOB_QUEUED;
        job->abandoned = false;
        source_hold(job->source);
        list_append(&jobs->queue, &job->node);
        jobs->figures.queued++;
    }
    pthread_mutex_unlock(&jobs->mutex);
    if (wakes) pthread_cond_signal(&jobs->posted); /* after unlocking: the thread locks at once */
    return why;
}

void jobs_abandon(struct jobs *jobs, struct job *job)
{
    pthread_mutex_lock(&jobs->mutex);
    if (job->phase != JOB_DONE) job->abandoned = true;
    pthread_mutex_unlock(&jobs->mutex);
}

void jobs_await_calls(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    while (jobs->returning > 0) pthread_cond_wait(&jobs->changed, &jobs->mutex);
    pthread_mutex_unlock(&jobs->mutex);
}

static struct job_thread *make_stepper(struct jobs *jobs)
{
    struct job_thread *stepper = calloc(1, sizeof *stepper);
    if (stepper == NULL) return NULL;
    stepper->jobs = jobs;
    if (job_state_init(&stepper->state, 0, NULL)) return stepper;
    free(stepper);
    return NULL;
}

bool jobs_step(struct jobs *jobs)
{
    if (jobs->stepper == NULL) jobs->stepper = make_stepper(jobs);
    pthread_mutex_lock(&jobs->mutex);
    bool any = !list_empty(&jobs->queue) && jobs->stepper != NULL;
    if (any) run_next(jobs->stepper);
    pthread_mutex_unlock(&jobs->mutex);
    return any;
}

void jobs_await(struct jobs *jobs, const struct job *job)
{
    pthread_mutex_lock(&jobs->mutex);
    while (job->phase != JOB_DONE || jobs->returning > 0)
        pthread_cond_wait(&jobs->changed, &jobs->mutex);
    pthread_mutex_unlock(&jobs->mutex);
}

struct jobs_figures jobs_figures(struct jobs *jobs)
{
    pthread_mutex_lock(&jobs->mutex);
    struct jobs_figures figures = jobs->figures;
    pthread_mutex_unlock(&jobs->mutex);
    return figures;
}

/* ---- the end ---- */

static void drop_queue(struct jobs *jobs)
{
    struct list *node;
    while ((node = list_take_first(&jobs->queue)) != NULL) {
        struct job *job = container_of(node, struct job, node);
        check(job->abandoned);
        drop_job(job);
    }
    jobs->figures.queued = 0;
}

static bool all_have_ended(const struct jobs *jobs)
{
    return list_empty(&jobs->live) && list_empty(&jobs->lost);
}

static void interrupt_all(const struct jobs *jobs)
{
    for (struct list *node = jobs->live.next; node != &jobs->live; node = node->next) {
        struct job_thread *thread = container_of(node, struct job_thread, node);
        if (thread->job != NULL) atomic_store(&thread->state.state.overtime.limit_ns, 1);
    }
}

bool jobs_end(struct jobs *jobs, uint32_t *dropped)
{
    pthread_mutex_lock(&jobs->mutex);
    uint64_t deadline_ns = clock_after_ns(PATIENCE_NS);
    if (dropped != NULL) *dropped = jobs->figures.queued;
    jobs->ending = true;
    drop_queue(jobs);
    pthread_cond_broadcast(&jobs->posted);
    while (!all_have_ended(jobs) && clock_now_ns() < deadline_ns) {
        interrupt_all(jobs); /* again: one may only now begin with what it has taken */
        clock_wait(&jobs->changed, &jobs->mutex, clock_after_ns(SLICE_NS));
    }
    bool all = all_have_ended(jobs);
    if (all) bury(jobs);
    pthread_mutex_unlock(&jobs->mutex);
    return all;
}

bool jobs_close(struct jobs *jobs)
{
    if (jobs == NULL) return true;
    if (!jobs_end(jobs, NULL)) return false;
    if (jobs->stepper != NULL) {
        job_state_end(&jobs->stepper->state);
        free(jobs->stepper);
    }
    pthread_cond_destroy(&jobs->changed);
    pthread_cond_destroy(&jobs->posted);
    pthread_mutex_destroy(&jobs->mutex);
    free(jobs);
    return true;
}
