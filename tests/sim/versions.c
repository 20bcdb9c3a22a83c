#include "versions.h"

#include "base/text.h"
#include "reload/rollout.h"
#include "run/runtime.h"
#include "world.h"

#include <stdio.h>

enum { FILES = 3 };

enum flaw { FLAWLESS, FLAW_SYNTAX, FLAW_ONE_WORKER, FLAW_ON_LOAD, FLAW_PACKETS, FLAWS };

struct version {
    struct version *next;
    uint64_t number;
    bool may_run; /* all workers have loaded it */
    enum version_trial trial;
    struct source source;
    struct source_file files[FILES];
    char text[1024]; /* of version.lua */
};

/* What the script knows of its listeners: which have no packets, and which packets of one size. */
static void describe_listeners(const struct config *config, char *place, size_t size)
{
    struct text text = text_in(place, size);
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct frame *frame = &config->listeners[i].frame;
        if (frame->kind == FRAME_RAW)
            text_add(&text, "'raw', ");
        else if (frame->kind == FRAME_WEBSOCKET)
            text_add(&text, "'web', ");
        else
            text_add(&text, "%u, ", frame->kind == FRAME_FIXED ? frame->fixed_size : 0);
    }
    check(!text.cut);
}

static struct version *make(struct world *world, enum flaw flaw)
{
    struct versions *versions = &world->versions;
    struct version *version = calloc(1, sizeof *version);
    char listeners[256];
    check(version != NULL);
    version->number = versions->all == NULL ? 1 : versions->all->number + 1;
    version->next = versions->all;
    versions->all = version;
    describe_listeners(&world->swarm.config, listeners, sizeof listeners);
    uint64_t worker = draw_between(&world->draw, 1, world->swarm.config.workers);
    snprintf(version->text, sizeof version->text,
             "return { number = %llu, listeners = { %s}, waits_at_start = %s, fails_on = %d,\n"
             "  fails_in_load = %s, fails_with_packets = %s }%s\n",
             (unsigned long long)version->number, listeners,
             world->swarm.waits_at_start ? "true" : "false",
             flaw == FLAW_ONE_WORKER ? (int)worker : 0, flaw == FLAW_ON_LOAD ? "true" : "false",
             flaw == FLAW_PACKETS ? "true" : "false", flaw == FLAW_SYNTAX ? " end" : "");
    const struct source_file *main_file = source_find(versions->scripts, "main.lua");
    check(main_file != NULL);
    version->files[0] = *main_file;
    version->files[1] =
        (struct source_file){.name = "version.lua", .text = span_text(version->text)};
    const struct source_file *work_file = source_find(versions->scripts, "work.lua");
    check(work_file != NULL);
    version->files[2] = *work_file;
    version->source = (struct source){
        .directory = "sim", .files = version->files, .count = FILES, .hash = version->number};
    atomic_init(&version->source.holders, 1);
    return version;
}

struct plan *versions_first(struct world *world)
{
    static struct plan plan;
    static struct findings none;
    struct version *version = make(world, FLAWLESS);
    version->may_run = true;
    world->versions.generation = 1;
    world->versions.running = version->number;
    plan = (struct plan){.source = &version->source, .generation = 1, .suspects = &none};
    return &plan;
}

const struct version *version_of(const struct source *source)
{
    return container_of((struct source *)source, struct version, source);
}

uint64_t version_number(const struct version *version)
{
    return version->number;
}

enum version_trial version_trial(const struct version *version)
{
    return version->trial;
}

bool versions_may_run(const struct world *world, uint64_t number)
{
    const struct version *version = world->versions.all;
    while (version != NULL && version->number != number) version = version->next;
    return version != NULL && version->may_run;
}

/* Some of the settings that may change while it serves. */
static void draw_settings(struct world *world, struct config *config)
{
    struct draw *draw = &world->draw;
    if (draw_chance(draw, 500)) return;
    config->idle_timeout_ns = draw_between(draw, 1, 40) * SECOND / 2;
    config->drain_timeout_ns = draw_between(draw, 1, 20) * SECOND / 2;
    config->soft_mark = draw_between(draw, 100, 4000);
    config->hard_mark = config->soft_mark + draw_between(draw, 0, 2 * config->max_packet);
    if (config->drain_timeout_ns < world->drain_ns) world->drain_ns = config->drain_timeout_ns;
    if (config->drain_timeout_ns > world->drain_ns_max)
        world->drain_ns_max = config->drain_timeout_ns;
    if (config->soft_mark > world->soft_mark_max) world->soft_mark_max = config->soft_mark;
}

static bool bring_in(struct world *world, struct rollout *rollout, struct version *version,
                     bool on_trial, struct report *report)
{
    struct error error;
    if (!review_open(&rollout->review, &version->source, false, &error)) return false;
    rollout->plan.suspects = &rollout->review.suspects;
    rollout->options =
        (struct options){.config = world->server->config,
                         .lua_memory = world->swarm.lua_memory,
                         .on_error = world->swarm.keeps ? ON_ERROR_KEEP : ON_ERROR_CLOSE,
                         .jobs = 1,
                         .job_queue = JOB_QUEUE};
    draw_settings(world, &rollout->options.config);
    rollout->plan.on_trial = on_trial;
    version->trial = on_trial ? TRIAL_GOES_ON : TRIAL_NONE;
    version->may_run = true; /* a worker may switch as soon as all have it */
    if (!rollout_prepare(rollout, report)) {
        version->may_run = false;
        return false;
    }
    trials_note_before(world);
    world->versions.generation++;
    if (rollout_switch(rollout, report)) world->versions.running = version->number;
    trials_begin(world, on_trial);
    return true;
}

/* What was refused is kept by no worker, unless it could not be told, or has not come to it yet. */
static void promise_discarded(const struct world *world, bool fine, const char *text)
{
    if (fine || world->memory_failed || strstr(text, "busy") || strstr(text, "ended")) return;
    for (uint32_t i = 0; i < world->server->worker_count; i++) {
        bool told = !mailbox_waiting(&world->server->workers[i].home.streams.port->orders);
        promise(world->runtimes[i] == NULL || world->runtimes[i]->next == NULL || !told,
                "worker %u keeps a version that was refused", i);
    }
}

/* True: it runs. */
static bool reload(struct world *world, enum flaw flaw, bool on_trial)
{
    struct versions *versions = &world->versions;
    char text[4096] = "";
    struct report report = {.text = text, .size = sizeof text};
    versions->reloading = true;
    struct version *version = make(world, flaw);
    trace_note("reload: version %llu, flaw %d", (unsigned long long)version->number, (int)flaw);
    struct rollout *rollout =
        rollout_open(world->server, &version->source, versions->generation + 1);
    bool fine = rollout != NULL && bring_in(world, rollout, version, on_trial, &report);
    if (rollout != NULL) rollout_close(rollout);
    trace_note("reload: %d %.200s", (int)fine, text);
    promise(!fine || (flaw != FLAW_SYNTAX && flaw != FLAW_ONE_WORKER),
            "a version that is broken was loaded");
    promise(fine || flaw == FLAW_SYNTAX || flaw == FLAW_ONE_WORKER || world->memory_failed ||
                strstr(text, "busy") != NULL || strstr(text, "ended") != NULL,
            "a good version was refused: %s", text);
    promise_discarded(world, fine, text);
    versions->reloading = false;
    return fine;
}

void versions_reload(struct world *world)
{
    bool broken = draw_chance(&world->draw, world_faults()->broken_reload);
    enum flaw flaw = broken ? draw_between(&world->draw, 1, FLAWS - 1) : FLAWLESS;
    if (world->versions.reloading || !world->serves) return;
    reload(world, flaw, trials_draw(world));
}

bool versions_go_back(struct world *world)
{
    return reload(world, FLAWLESS, false);
}

void versions_pass(struct world *world)
{
    struct version *newest = world->versions.all;
    while (!newest->may_run) newest = newest->next; /* it was refused */
    check(newest->trial == TRIAL_GOES_ON);
    newest->trial = TRIAL_PASSED;
}

void versions_close(struct world *world)
{
    struct version *version;
    while ((version = world->versions.all) != NULL) {
        world->versions.all = version->next;
        promise(atomic_load(&version->source.holders) == 1, "version %llu is still held",
                (unsigned long long)version->number);
        free(version);
    }
}
