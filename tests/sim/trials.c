#include "trials.h"

#include "run/code.h"
#include "run/runtime.h"
#include "run/trial.h"
#include "world.h"

enum { CONNECTIONS_ENOUGH = 3 };
#define LATE_NS (PROBATION_LOOK_NS + 20 * MILLISECOND)

static void alarm(void *context)
{
    struct world *world = context;
    trace_note("alarm: what is on probation fails");
    world->trials.alarmed = true;
}

void trials_model_open(struct world *world)
{
    struct trials *trials = trials_open(world->swarm.config.workers);
    check(trials != NULL);
    world->program.trials = trials;
    trials_hear(trials, alarm, world);
    probation_end(&world->trials.probation);
    probation_past_begin(&world->trials.past, world->now_ns);
}

void trials_model_close(struct world *world)
{
    trials_hear(world->program.trials, NULL, NULL);
    trials_close(world->program.trials);
}

/* ---- a version comes ---- */

bool trials_draw(struct world *world)
{
    return draw_chance(&world->draw, 700);
}

void trials_note_before(struct world *world)
{
    struct trial_count counts[TRIAL_KINDS];
    if (world->trials.probation.generation != 0) return; /* that of the one before it counts on */
    trials_count(world->program.trials, world->server, world->versions.generation, counts);
    probation_past_lately(&world->trials.past, counts, world->trials.probation.before);
}

void trials_begin(struct world *world, bool on_trial)
{
    struct trials_model *model = &world->trials;
    probation_past_begin(&model->past, world->now_ns);
    model->must_ns = 0;
    probation_end(&model->probation);
    if (on_trial)
        probation_begin(&model->probation, world->versions.generation, world->now_ns,
                        draw_between(&world->draw, 1, 20) * SECOND / 2);
}

/* ---- what it does, counted a second time ---- */

static const struct version *version_on(const struct world *world, uint32_t worker)
{
    return version_of(world->runtimes[worker]->code->source);
}

static void turn_to(struct world *world, uint32_t worker)
{
    const struct version *version = version_on(world, worker);
    if (world->trials.workers[worker].version == version) return;
    world->trials.workers[worker].version = version;
    world->trials.workers[worker].calls = world->trials.workers[worker].failed = 0;
    world->trials.workers[worker].connections = 0;
}

bool trials_handed(struct world *world, uint32_t worker)
{
    enum version_trial trial = version_trial(version_on(world, worker));
    turn_to(world, worker);
    world->trials.workers[worker].calls++;
    /* One that has passed: its worker hears of that a little later. */
    bool passes = trial == TRIAL_PASSED && world->runtimes[worker]->on_trial;
    return trial == TRIAL_GOES_ON || passes || world->swarm.keeps;
}

/* Is what is counted of this worker of the newest generation? */
static bool is_newest(const struct world *world, uint32_t worker)
{
    const struct runtime *runtime = world->runtimes[worker];
    return runtime != NULL && code_generation(runtime) == world->versions.generation &&
           world->trials.workers[worker].version == version_on(world, worker);
}

static uint64_t failed_connections(const struct world *world)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < world->server->worker_count; i++)
        if (is_newest(world, i))
            count += (uint64_t)__builtin_popcountll(world->trials.workers[i].connections);
    return count;
}

void trials_failed(struct world *world, uint64_t number, uint32_t worker, uint32_t peer)
{
    struct trials_model *model = &world->trials;
    turn_to(world, worker);
    if (version_number(model->workers[worker].version) != number) return; /* it waited */
    model->workers[worker].failed++;
    model->workers[worker].connections |= UINT64_C(1) << peer;
    bool must = model->probation.generation != 0 && model->must_ns == 0 &&
                model->probation.before[ON_RECEIVE].failed == 0 &&
                failed_connections(world) >= CONNECTIONS_ENOUGH;
    if (must) model->must_ns = world->now_ns;
}

static void compare(const struct world *world, const struct trial_count *count)
{
    uint64_t calls = 0, failed = 0;
    for (uint32_t i = 0; i < world->server->worker_count; i++) {
        if (!is_newest(world, i)) continue;
        calls += world->trials.workers[i].calls;
        failed += world->trials.workers[i].failed;
    }
    promise(count->calls == calls && count->failed == failed,
            "%llu of %llu calls of on_receive have failed, it counts %llu of %llu",
            (unsigned long long)failed, (unsigned long long)calls,
            (unsigned long long)count->failed, (unsigned long long)count->calls);
}

/* ---- what follows ---- */

static void go_back(struct world *world)
{
    trace_note("version %llu is gone back from", (unsigned long long)world->versions.running);
    if (!versions_go_back(world)) probation_retry(&world->trials.probation, world->now_ns);
}

bool trials_look(struct world *world)
{
    struct trials_model *model = &world->trials;
    struct probation *probation = &model->probation;
    struct trial_count counts[TRIAL_KINDS];
    if (probation->generation == 0 || !world->serves) return false;
    if (!model->alarmed && world->now_ns < probation->look_ns) {
        promise(model->must_ns == 0 || probation->tries > 0 || world->memory_failed ||
                    world->now_ns - model->must_ns <= LATE_NS,
                "three connections have failed on probation, and nobody looks");
        return false;
    }
    model->alarmed = false;
    trials_count(world->program.trials, world->server, world->versions.generation, counts);
    if (!world->memory_failed) compare(world, &counts[ON_RECEIVE]);
    enum probation_verdict verdict = probation_look(probation, counts, world->now_ns);
    promise(verdict == PROBATION_FAILED || model->must_ns == 0 || probation->tries > 0 ||
                world->memory_failed,
            "three connections have failed on probation, and it is not gone back from");
    if (verdict == PROBATION_FAILED) go_back(world);
    if (verdict != PROBATION_PASSED) return true;
    trace_note("generation %llu has passed", (unsigned long long)probation->generation);
    versions_pass(world);
    probation_end(probation);
    world->versions.reloading = true; /* one thread does both */
    trials_pass(world->server);
    world->versions.reloading = false;
    return true;
}
