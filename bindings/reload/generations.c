#include "reload/generations.h"

#include "base/clock.h"
#include "reload/rollout.h"
#include "run/failure.h"

#include <inttypes.h>
#include <string.h>

/* ---- settings ---- */

struct difference {
    char live[512], later[512]; /* names */
};

static void note_difference(void *context, const struct setting *setting)
{
    struct difference *difference = context;
    char *names = setting->live ? difference->live : difference->later;
    size_t used = strlen(names), room = sizeof difference->live - used;
    snprintf(names + used, room, "%s%s", used > 0 ? ", " : "", setting->name);
}

static void tell_difference(const struct generations *generations, const struct options *options,
                            struct report *report)
{
    struct difference difference = {.live = "", .later = ""};
    settings_compare(&options_settings, &generations->options, options, note_difference,
                     &difference);
    if (difference.live[0] != '\0') report_add(report, "settings changed: %s\n", difference.live);
    if (difference.later[0] != '\0')
        report_add(report, "needs a restart to change: %s\n", difference.later);
}

/* Works out the new settings: those that need a restart keep their values, and must fit the others. */
static bool read_settings(const struct generations *generations, struct rollout *rollout,
                          struct options *wanted, struct error *error)
{
    if (!command_line_configure(generations->line, rollout->plan.source, wanted, error))
        return false;
    rollout->options = generations->options;
    settings_take_live(&options_settings, &rollout->options, wanted);
    return options_finish(&rollout->options, error);
}

static void put_in_force(struct generations *generations, const struct options *options)
{
    pthread_mutex_lock(&generations->quick);
    generations->options = *options;
    pthread_mutex_unlock(&generations->quick);
    log_set_level(options->config.log);
}

/* ---- a new one ---- */

static void refuse(struct generations *generations, struct source *source)
{
    if (source != NULL) source_hold(source);
    if (generations->refused != NULL) source_drop(generations->refused);
    generations->refused = source;
}

void generations_forget_refused(struct generations *generations)
{
    refuse(generations, NULL);
}

/* An empty main.lua is one that is just being written, or was lost. */
static bool says_something(const struct source *source, struct error *error)
{
    struct span text = source_code(source_find(source, "main.lua"));
    while (text.size > 0 && strchr(" \t\r\n", text.data[0]) != NULL) text = span_skip(text, 1);
    return text.size > 0 || error_set(error, ERROR_INPUT,
                                      "%s/main.lua is empty, which only moonport reload takes for "
                                      "what is meant",
                                      source->directory);
}

/* On its way in. */
struct newcomer {
    struct rollout *rollout;
    struct options wanted; /* its settings; what is in force is rollout->options */
    bool is_back;          /* it ran before: it is trusted */
    struct history_entry entry;
};

static bool is_possible(const struct generations *generations, struct newcomer *newcomer,
                        struct report *report)
{
    struct rollout *rollout = newcomer->rollout;
    struct error error;
    bool unasked = newcomer->entry.by == HISTORY_SAVE;
    rollout->keeps_handlers = unasked;
    if ((!unasked || says_something(rollout->plan.source, &error)) &&
        read_settings(generations, rollout, &newcomer->wanted, &error) &&
        review_open(&rollout->review, rollout->plan.source, false, &error)) {
        rollout->plan.suspects = &rollout->review.suspects;
        rollout->plan.on_trial = !newcomer->is_back && rollout->options.probation_ns > 0 &&
                                 !kept_is_proven(&generations->kept, rollout->plan.source);
        return true;
    }
    report_add(report, "%s\n", error.text);
    return false;
}

/* ---- probation ---- */

static void show_probation(struct generations *generations)
{
    const struct probation *probation = &generations->probation;
    pthread_mutex_lock(&generations->quick);
    generations->on_probation = probation->generation;
    generations->probation_end_ns = probation->end_ns;
    pthread_mutex_unlock(&generations->quick);
}

static void show_taken_back(struct generations *generations, uint64_t generation, const char *why)
{
    struct span line = span_first(span_text(why), strcspn(why, "\n"));
    line = span_cut_text(line, sizeof generations->why - 1);
    pthread_mutex_lock(&generations->quick);
    generations->taken_back = generation;
    memcpy(generations->why, line.data, line.size);
    generations->why[line.size] = '\0';
    pthread_mutex_unlock(&generations->quick);
}

/* The workers are about to switch: from here on the counts of the generation that still runs are lost. Of several that
 * are on probation one after the other, the one before the first is what each is held against. */
static void note_before(struct generations *generations)
{
    struct trial_count counts[TRIAL_KINDS];
    if (!kept_is_proven(&generations->kept, kept_newest(&generations->kept))) return;
    trials_count(generations->trials, generations->server, generations->number, counts);
    probation_past_lately(&generations->past, counts, generations->probation.before);
}

/* They have switched. */
static void begin_probation(struct generations *generations, const struct rollout *rollout)
{
    uint64_t now_ns = clock_now_ns();
    probation_past_begin(&generations->past, now_ns);
    show_taken_back(generations, 0, "");
    if (rollout->plan.on_trial)
        probation_begin(&generations->probation, rollout->plan.generation, now_ns,
                        rollout->options.probation_ns);
    else
        probation_end(&generations->probation);
    show_probation(generations);
}

/* All workers have it, and switch. */
static bool let_in(struct generations *generations, struct newcomer *newcomer,
                   struct report *report)
{
    struct rollout *rollout = newcomer->rollout;
    const char *files = newcomer->entry.files;
    report_add(report, "generation %llu runs%s%s\n", (unsigned long long)rollout->plan.generation,
               files[0] != '\0' ? ": " : "", files);
    tell_difference(generations, &newcomer->wanted, report);
    rollout_tell(rollout, report);
    note_before(generations);
    generations->number = newcomer->entry.generation = rollout->plan.generation;
    bool fine = rollout_switch(rollout, report);
    put_in_force(generations, &rollout->options);
    begin_probation(generations, rollout);
    return fine;
}

static void tell_unchanged(const struct generations *generations, struct report *report)
{
    report_add(report, "nothing has changed: generation %llu runs\n",
               (unsigned long long)generations->number);
}

/* `begin`: where in the report its own lines begin. */
static void note(struct generations *generations, struct history_entry *entry,
                 enum history_outcome before, const struct report *report, size_t begin)
{
    struct span lines = span_text(report->text + begin);
    lines = span_cut_text(lines, sizeof entry->text - 1);
    memcpy(entry->text, lines.data, lines.size);
    if (entry->generation != 0)
        history_runs(&generations->history, entry, before);
    else
        history_refused(&generations->history, entry);
}

/* Loads the source in all workers, or in none; `before` is what becomes of the one that runs. */
static bool try(struct generations *generations, struct source *source, enum history_by by,
                enum history_outcome before, struct report *report)
{
    struct newcomer newcomer = {.is_back = before == HISTORY_ROLLED_BACK};
    size_t begin = report->used;
    history_begin(&newcomer.entry, by);
    source_changes(kept_newest(&generations->kept), source, newcomer.entry.files,
                   sizeof newcomer.entry.files);
    newcomer.rollout = rollout_open(generations->server, source, generations->number + 1);
    bool fine = newcomer.rollout != NULL;
    if (!fine) report_add(report, "no memory to load the scripts\n");
    fine = fine && is_possible(generations, &newcomer, report) &&
           rollout_prepare(newcomer.rollout, report);
    if (fine)
        fine = let_in(generations, &newcomer, report);
    else
        tell_unchanged(generations, report);
    if (newcomer.rollout != NULL) rollout_close(newcomer.rollout);
    note(generations, &newcomer.entry, before, report, begin);
    return fine;
}

void generations_refuse(struct generations *generations, struct source *source, enum history_by by,
                        struct report *report, size_t begin)
{
    struct history_entry entry;
    history_begin(&entry, by);
    tell_unchanged(generations, report);
    if (source != NULL) {
        source_changes(kept_newest(&generations->kept), source, entry.files, sizeof entry.files);
        refuse(generations, source);
    }
    note(generations, &entry, HISTORY_RUNS, report, begin);
}

bool generations_wants_tests(const struct generations *generations, const struct source *source,
                             enum history_by by, struct options *options)
{
    struct error error;
    struct review review;
    bool wants = command_line_configure(generations->line, source, options, &error) &&
                 options->reload_tests && (by != HISTORY_SAVE || says_something(source, &error)) &&
                 review_open(&review, source, false, &error);
    if (wants) review_close(&review);
    return wants;
}

bool generations_bring_in(struct generations *generations, struct source *source,
                          enum history_by by, struct report *report)
{
    uint64_t before = generations->number;
    bool fine = try(generations, source, by, HISTORY_REPLACED, report);
    bool runs = generations->number != before;
    if (runs) kept_put(&generations->kept, source);
    if (runs && generations->probation.generation == 0) kept_prove(&generations->kept);
    refuse(generations, runs ? NULL : source);
    return fine;
}

static void tell_unloaded(struct report *report)
{
    report_add(report,
               "the files on disk are unchanged: they are loaded when one of them is saved\n");
}

bool generations_go_back(struct generations *generations, enum history_by by, struct report *report)
{
    struct kept *kept = &generations->kept;
    struct source *left = kept_newest(kept), *former = kept_former(kept);
    uint64_t before = generations->number;
    if (former == NULL) {
        report_add(report, "there is no generation to go back to\n");
        return false;
    }
    bool fine = try(generations, former, by, HISTORY_ROLLED_BACK, report);
    if (generations->number == before) return fine;
    tell_unloaded(report);
    refuse(generations, left); /* the files still have this content: do not load it again */
    kept_step_back(kept);
    kept_prove(kept);
    return fine;
}

/* ---- the end of a probation ---- */

static void pass(struct generations *generations)
{
    log_line(LOG_DEBUG, "generation %" PRIu64 " has passed its probation", generations->number);
    kept_prove(&generations->kept);
    trials_pass(generations->server);
    probation_end(&generations->probation);
    show_probation(generations);
}

/* What has failed, how often, and where. */
static void tell_failures(const struct generations *generations,
                          const struct trial_count counts[TRIAL_KINDS], struct report *report)
{
    char first[TRIAL_TEXT_MAX];
    int kind = generations->probation.kind;
    const struct trial_count *now = &counts[kind], *before = &generations->probation.before[kind];
    uint64_t calls = now->calls > now->failed ? now->calls : now->failed;
    trials_first(generations->trials, generations->number, kind, first);
    report_add(report,
               "%s has failed in %" PRIu64 " of %" PRIu64 " calls of generation %" PRIu64
               ", and in %" PRIu64 " of %" PRIu64 " shortly before it%s%s\n",
               run_names[kind], now->failed, calls, generations->number, before->failed,
               before->calls, first[0] != '\0' ? ": " : "", first);
}

static void take_back(struct generations *generations, const struct trial_count counts[TRIAL_KINDS])
{
    char text[4096] = "";
    struct report report = {.text = text, .size = sizeof text};
    struct kept *kept = &generations->kept;
    struct source *left = kept_newest(kept);
    uint64_t before = generations->number;
    tell_failures(generations, counts, &report);
    if (generations->probation.tries == 0) history_tell(&generations->history, text);
    try(generations, kept->proven, HISTORY_PROBATION, HISTORY_ROLLED_BACK, &report);
    if (generations->number != before) {
        tell_unloaded(&report);
        report_add(&report, "connections whose handlers failed stay open, and packets that failed "
                            "are not handed on again\n");
        refuse(generations, left);
        kept_return(kept);
        show_taken_back(generations, before, text);
    } else {
        probation_retry(&generations->probation, clock_now_ns());
        report_add(&report, "going back is tried again\n");
    }
    log_line(LOG_ERROR, "probation: %s", text);
}

uint64_t generations_look(struct generations *generations)
{
    struct trial_count counts[TRIAL_KINDS];
    uint64_t now_ns = clock_now_ns();
    struct probation *probation = &generations->probation;
    trials_count(generations->trials, generations->server, generations->number, counts);
    uint64_t mark_ns = probation_past_note(&generations->past, counts, now_ns);
    if (probation->generation != 0) switch (probation_look(probation, counts, now_ns)) {
        case PROBATION_GOES_ON: break;
        case PROBATION_PASSED: pass(generations); break;
        case PROBATION_FAILED: take_back(generations, counts); break;
        }
    return probation->look_ns < mark_ns ? probation->look_ns : mark_ns;
}

/* ---- opening and closing ---- */

void generations_open(struct generations *generations, struct server *server,
                      const struct command_line *line, const struct options *options,
                      struct source *source, struct trials *trials)
{
    struct history_entry first;
    *generations = (struct generations){
        .server = server, .line = line, .number = 1, .trials = trials, .options = *options};
    pthread_mutex_init(&generations->quick, NULL);
    kept_put(&generations->kept, source);
    kept_prove(&generations->kept);
    probation_past_begin(&generations->past, clock_now_ns());
    probation_end(&generations->probation);
    history_open(&generations->history);
    history_begin(&first, HISTORY_START);
    first.generation = 1;
    history_runs(&generations->history, &first, HISTORY_REPLACED);
}

void generations_close(struct generations *generations)
{
    kept_close(&generations->kept);
    refuse(generations, NULL);
    history_close(&generations->history);
    pthread_mutex_destroy(&generations->quick);
}

struct options generations_options(struct generations *generations)
{
    pthread_mutex_lock(&generations->quick);
    struct options options = generations->options;
    pthread_mutex_unlock(&generations->quick);
    return options;
}

void generations_probation(struct generations *generations, struct probation_state *state)
{
    struct trial_count counts[TRIAL_KINDS];
    uint64_t now_ns = clock_now_ns();
    *state = (struct probation_state){.generation = 0};
    pthread_mutex_lock(&generations->quick);
    uint64_t end_ns = generations->probation_end_ns;
    state->generation = generations->on_probation;
    state->taken_back = generations->taken_back;
    memcpy(state->why, generations->why, sizeof state->why);
    pthread_mutex_unlock(&generations->quick);
    if (state->generation == 0) return;
    state->left_ns = end_ns > now_ns ? end_ns - now_ns : 0;
    trials_count(generations->trials, generations->server, state->generation, counts);
    for (int kind = 0; kind < TRIAL_KINDS; kind++) {
        uint64_t calls = counts[kind].calls, failed = counts[kind].failed;
        state->calls += calls > failed ? calls : failed; /* that begin and fail meanwhile */
        state->failed += failed;
    }
}
