#include "reload/rollout.h"

#include "lua/modules.h"
#include "run/slow.h"

#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS UINT64_C(10000000000) /* in addition to the time that loading may take */

struct rollout *rollout_open(struct server *server, struct source *source, uint64_t generation)
{
    uint32_t workers = server_config(server)->workers;
    struct rollout *rollout = calloc(1, sizeof *rollout + workers * sizeof *rollout->errors);
    if (rollout == NULL) return NULL;
    atomic_init(&rollout->holders, 1);
    rollout->server = server;
    rollout->workers = workers;
    rollout->plan = (struct plan){.source = source, .generation = generation};
    source_hold(source);
    return rollout;
}

static void drop(void *context)
{
    struct rollout *rollout = context;
    if (atomic_fetch_sub(&rollout->holders, 1) > 1) return;
    source_drop(rollout->plan.source);
    review_close(&rollout->review);
    free(rollout);
}

static bool has_any(const bool *has)
{
    for (int i = 0; i < HANDLERS; i++)
        if (has[i]) return true;
    return false;
}

/* False with an error if the new code has no handler but the running code has: packets would be discarded
 * silently. */
static bool keeps_handlers(const struct rollout *rollout, const struct runtime *runtime,
                           struct error *error)
{
    if (!rollout->keeps_handlers || !has_any(runtime->has) || has_any(runtime->next->has))
        return true;
    return error_set(
        error, ERROR_INPUT,
        "%s/main.lua defines no handler any more, which only moonport reload takes for "
        "what is meant",
        rollout->plan.source->directory);
}

/* The memory limit is raised while both generations are loaded, so that even code which has filled its memory can
 * be replaced. */
static void prepare(void *context, struct worker *worker, void *state)
{
    struct rollout *rollout = context;
    struct runtime *runtime = state;
    heap_lend(&runtime->state.heap, rollout->options.lua_memory);
    uint32_t index = worker_index(worker);
    struct error *error = &rollout->errors[index];
    if (!code_prepare(runtime, &rollout->plan, error)) return;
    if (!keeps_handlers(rollout, runtime, error) || index > 0) return;
    modules_tell_outside(&runtime->state, rollout->outside, sizeof rollout->outside);
    rollout->forgets = code_forgets(runtime->next);
}

static void discard(void *context, struct worker *worker, void *state)
{
    (void)context, (void)worker;
    struct runtime *runtime = state;
    code_discard(runtime);
    heap_take_back(&runtime->state.heap, runtime->state.L);
}

static void change(void *context, struct worker *worker, void *state)
{
    struct rollout *rollout = context;
    struct runtime *runtime = state;
    server_configure_worker(worker, &rollout->options.config);
    runtime->state.timeout_ns = rollout->options.handler_timeout_ns;
    runtime->keeps_failed = rollout->options.on_error == ON_ERROR_KEEP;
    slow_set(runtime, rollout->options.slow_handler_ns);
    const struct jobs_limits limits = options_jobs(&rollout->options);
    jobs_limit(runtime->program->jobs, &limits);
    code_switch(runtime, true, &rollout->errors[worker_index(worker)]);
    runtime->state.heap.limit = rollout->options.lua_memory + runtime->state.heap.lent;
    heap_take_back(&runtime->state.heap, runtime->state.L);
}

/* Do all workers have the same error? Then it is reported once. */
static bool have_all(const struct rollout *rollout, const bool *ran)
{
    for (uint32_t i = 0; i < rollout->workers; i++)
        if (!ran[i] || rollout->errors[i].kind == ERROR_NONE ||
            strcmp(rollout->errors[i].text, rollout->errors[0].text) != 0)
            return false;
    return true;
}

static void tell_missing(const struct rollout *rollout, uint32_t worker, uint64_t waited_ns,
                         struct report *report)
{
    if (server_is_active(rollout->server))
        report_add(report, "worker %u: it has been busy for %.0f s\n", worker + 1,
                   (double)waited_ns / 1e9);
    else
        report_add(report, "worker %u: it has ended\n", worker + 1);
}

/* Runs `run` on all workers. False: one failed or did not get to it in time, and the report says so. `report` may
 * be NULL. */
static bool all_do(struct rollout *rollout,
                   void (*run)(void *context, struct worker *worker, void *state),
                   struct report *report)
{
    bool ran[CONFIG_WORKERS_MAX], fine = true;
    const struct server_task task = {.run = run, .release = drop, .context = rollout};
    uint64_t patience_ns = rollout->options.handler_timeout_ns + PATIENCE_NS;
    atomic_fetch_add(&rollout->holders, 1);
    server_run_on_workers(rollout->server, &task, patience_ns, ran);
    if (have_all(rollout, ran)) {
        report_add(report, "%s\n", rollout->errors[0].text);
        return false;
    }
    for (uint32_t i = 0; i < rollout->workers; i++) {
        if (ran[i] && rollout->errors[i].kind == ERROR_NONE) continue;
        fine = false;
        if (!ran[i])
            tell_missing(rollout, i, patience_ns, report);
        else
            report_add(report, "worker %u: %s\n", i + 1, rollout->errors[i].text);
    }
    return fine;
}

bool rollout_prepare(struct rollout *rollout, struct report *report)
{
    if (all_do(rollout, prepare, report)) return true;
    all_do(rollout, discard, NULL);
    return false;
}

void rollout_tell(const struct rollout *rollout, struct report *report)
{
    if (rollout->outside[0] != '\0')
        report_add(report, "not loaded anew, because it is outside of %s: %s\n",
                   rollout->plan.source->directory, rollout->outside);
    if (rollout->forgets) report_add(report, "warning: %s\n", code_forgets_text);
}

bool rollout_switch(struct rollout *rollout, struct report *report)
{
    return all_do(rollout, change, report);
}

void rollout_close(struct rollout *rollout)
{
    drop(rollout);
}
