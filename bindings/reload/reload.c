#include "reload/reload.h"

#include "base/clock.h"
#include "lua/lua_thread.h"
#include "reload/generations.h"
#include "reload/reload_tests.h"
#include "reload/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

/* Why the files are read. FIRST: they may have changed between the first reading and the start of the watch,
 * which nothing reports. AGAIN: they have changed. ALWAYS: a reload was asked for, even if they run already or
 * were refused. */
enum look { LOOK_FIRST, LOOK_AGAIN, LOOK_ALWAYS };

enum { SECURED_LOOK_MS = 1000 };
enum { TESTS_MAX = 3 /* in a row, while the files change */ };

struct reloader {
    const struct command_line *line;
    struct trials *trials;
    struct site *sites; /* read again whenever the files are */
    struct secured
        *secured; /* and these; they are looked at once a second, too, wherever their files are */
    bool watches; /* the setting `reload`, which a reload cannot change */
    pthread_mutex_t mutex; /* one reload at a time; guards all below */
    struct generations generations;
    int tested_in_vain;      /* how often in a row: the files had changed meanwhile */
    bool told_no_tests;      /* that there are none to run, since there were some */
    struct error unreadable; /* why the last reading failed, or "" */
    pthread_t thread;        /* opens the watch, waits for it, closes it */
    struct watch *watch;
    pthread_cond_t changed; /* `opened` is set, or the watch failed */
    bool opened;
    struct error error;
    _Atomic bool asked;     /* by reloader_wake */
    _Atomic bool resting;   /* see reloader_rest */
    _Atomic int going_back; /* how many wait to go back to what ran before */
    _Atomic bool ending;
};

/* ---- the files ---- */

static bool finish(const char *command, enum history_by by, struct report *report, bool fine)
{
    log_line(fine ? LOG_INFO : LOG_ERROR, "%s: %sby: %s", command, report->text,
             history_by_text(by));
    return fine;
}

/* Have these files been seen before? If they are the running ones, forgets what was refused in between. */
static bool is_known(struct reloader *reloader, struct source *source, enum look look)
{
    struct generations *generations = &reloader->generations;
    if (source_is_same(source, kept_newest(&generations->kept))) {
        enum log_level level = generations->refused != NULL ? LOG_INFO : LOG_DEBUG;
        if (look != LOOK_FIRST) log_line(level, "reload: these files are running already");
        generations_forget_refused(generations);
        return true;
    }
    if (generations->refused == NULL || !source_is_same(source, generations->refused)) return false;
    log_line(LOG_DEBUG, "reload: these files have been refused already");
    return true;
}

/* NULL: the reason is reported; if it is the same as before, only to a caller who asked. A reload that nobody
 * asked for also waits for files that are being written. */
static struct source *read_source(struct reloader *reloader, enum look look, enum history_by by,
                                  struct report *report)
{
    struct error error = {.text = ""};
    struct source *source = source_read(reloader->line->directory, &error);
    if (look != LOOK_ALWAYS && watch_saw_writing(reloader->watch)) {
        log_line(LOG_DEBUG, "reload: a file is being written, and waited for");
        if (source != NULL) source_drop(source);
        return NULL;
    }
    sites_reread(reloader->sites, reloader->line->directory);
    secured_look(reloader->secured, reloader->line->directory, look == LOOK_ALWAYS);
    bool known = strcmp(error.text, reloader->unreadable.text) == 0;
    reloader->unreadable = error;
    if (source != NULL || (known && look != LOOK_ALWAYS)) return source;
    size_t begin = report->used;
    report_add(report, "%s\n", error.text);
    generations_refuse(&reloader->generations, NULL, by, report, begin);
    finish("reload", by, report, false);
    return NULL;
}

/* ---- tests before a reload ---- */

static bool is_called_off(struct reloader *reloader)
{
    return atomic_load(&reloader->resting) || atomic_load(&reloader->going_back) > 0;
}

/* Meanwhile what runs may be on probation. */
static bool goes_on(void *context)
{
    struct reloader *reloader = context;
    if (is_called_off(reloader)) return false;
    generations_look(&reloader->generations);
    return true;
}

/* Those that were tested are to be those that are loaded. */
static bool has_changed(const struct reloader *reloader, const struct source *source)
{
    struct error error;
    struct source *now = source_read(reloader->line->directory, &error);
    bool changed = now == NULL || !source_is_same(now, source);
    if (now != NULL) source_drop(now);
    return changed;
}

static void tell_no_tests(struct reloader *reloader, struct report *report)
{
    if (!reloader->told_no_tests)
        report_add(report, "there are no tests to run: no file is called *_test.lua\n");
    reloader->told_no_tests = true;
}

enum tested { TESTED_WELL, TESTED_BADLY, TESTED_OTHERS };

/* OTHERS: the files have changed meanwhile, and are to be read again. BADLY: it is refused, and the report says why. */
static enum tested test(struct reloader *reloader, struct source *source, enum history_by by,
                        struct report *report)
{
    const struct reload_tests tests = {
        .patience_ns = RELOAD_TESTS_PATIENCE_NS, .goes_on = goes_on, .context = reloader};
    struct options options;
    size_t begin = report->used;
    if (!generations_wants_tests(&reloader->generations, source, by, &options)) return TESTED_WELL;
    if (!reload_tests_any(source)) {
        tell_no_tests(reloader, report);
        return TESTED_WELL;
    }
    reloader->told_no_tests = false;
    bool pass = reload_tests_run(&tests, reloader->line, &options, report);
    if ((pass || !is_called_off(reloader)) && has_changed(reloader, source)) {
        pass = false;
        report_cut(report, begin);
        if (++reloader->tested_in_vain < TESTS_MAX) return TESTED_OTHERS;
        report_add(report, "the files change again and again while they are tested\n");
    }
    reloader->tested_in_vain = 0;
    if (pass) return TESTED_WELL;
    generations_refuse(&reloader->generations, source, by, report, begin);
    return TESTED_BADLY;
}

/* ---- a reload ---- */

static bool load(struct reloader *reloader, struct source *source, enum tested tested,
                 enum history_by by, struct report *report)
{
    bool fine =
        tested == TESTED_WELL && generations_bring_in(&reloader->generations, source, by, report);
    return finish("reload", by, report, fine);
}

static bool reload(struct reloader *reloader, enum look look, enum history_by by,
                   struct report *report)
{
    for (;;) {
        struct source *source = read_source(reloader, look, by, report);
        if (source == NULL) return false;
        bool known = look != LOOK_ALWAYS && is_known(reloader, source, look), fine = known;
        enum tested tested = known ? TESTED_WELL : test(reloader, source, by, report);
        if (!known && tested != TESTED_OTHERS) fine = load(reloader, source, tested, by, report);
        source_drop(source);
        if (tested != TESTED_OTHERS) return fine;
    }
}

bool reloader_reload(struct reloader *reloader, enum history_by by, char *text, size_t size)
{
    struct report report = {.text = text, .size = size};
    pthread_mutex_lock(&reloader->mutex);
    bool fine = reload(reloader, LOOK_ALWAYS, by, &report);
    pthread_mutex_unlock(&reloader->mutex);
    watch_wake(reloader->watch); /* there is a probation to look after, perhaps */
    return fine;
}

bool reloader_rollback(struct reloader *reloader, enum history_by by, char *text, size_t size)
{
    struct report report = {.text = text, .size = size};
    atomic_fetch_add(&reloader->going_back, 1);
    pthread_mutex_lock(&reloader->mutex);
    atomic_fetch_sub(&reloader->going_back, 1);
    bool is_there = kept_former(&reloader->generations.kept) != NULL;
    bool fine = generations_go_back(&reloader->generations, by, &report);
    if (is_there) finish("rollback", by, &report, fine);
    pthread_mutex_unlock(&reloader->mutex);
    return fine;
}

/* ---- the thread ---- */

static bool follow_sites(const struct reloader *reloader, struct watch *watch, struct error *error)
{
    for (const struct site *site = reloader->sites; site != NULL; site = site->next)
        if (!watch_follow(watch, site->public_dir, error)) return false;
    return true;
}

static struct watch *open_watch(const struct reloader *reloader, struct error *error)
{
    const char *directory = reloader->line->directory;
    if (reloader->watches) {
        struct watch *watch = watch_open(directory, error);
        if (watch != NULL && follow_sites(reloader, watch, error)) return watch;
        if (watch != NULL) watch_close(watch);
        log_line(LOG_WARN, "%s is not watched, use moonport reload: %s", directory, error->text);
    }
    return watch_open(NULL, error);
}

static void look_at(struct reloader *reloader, enum look look, enum history_by by)
{
    char text[4096] = "";
    struct report report = {.text = text, .size = sizeof text};
    pthread_mutex_lock(&reloader->mutex);
    reload(reloader, look, by, &report);
    pthread_mutex_unlock(&reloader->mutex);
}

/* Returns for how long at most. */
static uint64_t look_at_probation(struct reloader *reloader)
{
    const uint64_t millisecond = 1000000;
    if (atomic_load(&reloader->resting)) return UINT64_MAX;
    pthread_mutex_lock(&reloader->mutex);
    uint64_t next_ns = generations_look(&reloader->generations), now_ns = clock_now_ns();
    pthread_mutex_unlock(&reloader->mutex);
    return next_ns > now_ns ? (next_ns - now_ns + millisecond - 1) / millisecond : 0;
}

/* Whatever renews certificates replaces files or links anywhere: they are looked at, not watched. Returns for how long the
 * next look may wait, at most this long. */
static uint64_t look_at_secured(struct reloader *reloader, uint64_t patience_ms)
{
    if (!reloader->watches || reloader->secured == NULL) return patience_ms;
    pthread_mutex_lock(&reloader->mutex);
    secured_look(reloader->secured, reloader->line->directory, false);
    pthread_mutex_unlock(&reloader->mutex);
    return patience_ms < SECURED_LOOK_MS ? patience_ms : SECURED_LOOK_MS;
}

/* A worker's thread: handlers of what is on probation fail. */
static void hear(void *context)
{
    struct reloader *reloader = context;
    watch_wake(reloader->watch);
}

/* True if it watches. */
static bool begin_to_watch(struct reloader *reloader)
{
    struct watch *watch = open_watch(reloader, &reloader->error);
    pthread_mutex_lock(&reloader->mutex);
    reloader->watch = watch;
    reloader->opened = true;
    pthread_cond_signal(&reloader->changed);
    pthread_mutex_unlock(&reloader->mutex);
    return watch != NULL;
}

static void *wait_for_changes(void *context)
{
    struct reloader *reloader = context;
    if (!begin_to_watch(reloader)) return NULL;
    trials_hear(reloader->trials, hear, reloader);
    if (reloader->watches) look_at(reloader, LOOK_FIRST, HISTORY_SAVE);
    for (;;) {
        uint64_t patience_ms = look_at_secured(reloader, look_at_probation(reloader));
        enum watch_event event = watch_wait(reloader->watch, patience_ms);
        if (atomic_load(&reloader->ending)) break;
        if (atomic_exchange(&reloader->asked, false))
            look_at(reloader, LOOK_ALWAYS, HISTORY_SIGNAL);
        if (event == WATCH_CHANGED) look_at(reloader, LOOK_AGAIN, HISTORY_SAVE);
    }
    trials_hear(reloader->trials, NULL, NULL);
    watch_close(reloader->watch);
    return NULL;
}

static bool await_watch(struct reloader *reloader)
{
    pthread_mutex_lock(&reloader->mutex);
    while (!reloader->opened) pthread_cond_wait(&reloader->changed, &reloader->mutex);
    bool watches = reloader->watch != NULL;
    pthread_mutex_unlock(&reloader->mutex);
    return watches;
}

static void free_reloader(struct reloader *reloader)
{
    generations_close(&reloader->generations);
    pthread_cond_destroy(&reloader->changed);
    pthread_mutex_destroy(&reloader->mutex);
    free(reloader);
}

struct reloader *reloader_open(struct server *server, const struct project *project,
                               struct error *error)
{
    const struct command_line *line = &project->line;
    const struct options *options = &project->options;
    struct reloader *reloader = calloc(1, sizeof *reloader);
    if (reloader == NULL) {
        error_set(error, ERROR_SYSTEM, "no memory to watch %s", line->directory);
        return NULL;
    }
    reloader->line = line;
    reloader->trials = project->program.trials;
    reloader->sites = project->sites;
    reloader->secured = project->secured;
    reloader->watches = options->reload == RELOAD_WATCH;
    pthread_mutex_init(&reloader->mutex, NULL);
    pthread_cond_init(&reloader->changed, NULL);
    generations_open(&reloader->generations, server, line, options, project->source,
                     reloader->trials);
    if (!lua_thread_create(&reloader->thread, wait_for_changes, reloader)) {
        error_set(error, ERROR_SYSTEM, "cannot make a thread to watch %s", line->directory);
        goto failed;
    }
    if (await_watch(reloader)) return reloader;
    pthread_join(reloader->thread, NULL);
    *error = reloader->error;
failed:
    free_reloader(reloader);
    return NULL;
}

struct options reloader_options(struct reloader *reloader)
{
    return generations_options(&reloader->generations);
}

uint64_t reloader_attempts(struct reloader *reloader)
{
    return history_count(&reloader->generations.history);
}

void reloader_history(struct reloader *reloader,
                      bool (*visit)(void *context, const struct history_entry *entry),
                      void *context)
{
    history_visit(&reloader->generations.history, visit, context);
}

void reloader_probation(struct reloader *reloader, struct probation_state *state)
{
    generations_probation(&reloader->generations, state);
}

void reloader_wake(struct reloader *reloader)
{
    atomic_store(&reloader->asked, true);
    watch_wake(reloader->watch);
}

void reloader_rest(struct reloader *reloader)
{
    atomic_store(&reloader->resting, true);
}

void reloader_close(struct reloader *reloader)
{
    atomic_store(&reloader->ending, true);
    watch_wake(reloader->watch);
    pthread_join(reloader->thread, NULL);
    free_reloader(reloader);
}
