#include "reload/reload.h"

#include "lua/lua_thread.h"
#include "reload/rollout.h"
#include "reload/watch.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { SOURCES_KEPT = GENERATIONS_KEPT };

/* Why the files are read. FIRST: they may have changed between the first reading and the start of the watch,
 * which nothing reports. AGAIN: they have changed. ALWAYS: a reload was asked for, even if they run already or
 * were refused. */
enum look { LOOK_FIRST, LOOK_AGAIN, LOOK_ALWAYS };

struct reloader {
    struct server *server;
    const struct command_line *line;
    bool watches;             /* the setting `reload`, which a reload cannot change */
    pthread_mutex_t mutex;    /* one reload at a time; guards all below */
    bool unasked;             /* the present reload was not asked for: files have changed */
    pthread_mutex_t settings; /* guards `options`, too: reading them must not wait for a reload */
    struct options options;   /* in force */
    struct source *kept[SOURCES_KEPT]; /* the newest first, which is running */
    uint64_t generation;               /* the last number used */
    struct source *refused;            /* the last one that was tried, if it had an error */
    struct error unreadable;           /* why the last reading failed, or "" */
    pthread_t thread;                  /* opens the watch, waits for it, closes it */
    struct watch *watch;
    pthread_cond_t changed; /* `opened` is set, or the watch failed */
    bool opened;
    struct error error;
    _Atomic bool ending;
};

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

static void tell_difference(const struct reloader *reloader, const struct options *options,
                            struct report *report)
{
    struct difference difference = {.live = "", .later = ""};
    settings_compare(&options_settings, &reloader->options, options, note_difference, &difference);
    if (difference.live[0] != '\0') report_add(report, "settings changed: %s\n", difference.live);
    if (difference.later[0] != '\0')
        report_add(report, "needs a restart to change: %s\n", difference.later);
}

/* ---- a reload ---- */

static void refuse_source(struct reloader *reloader, struct source *source)
{
    if (source != NULL) source_hold(source);
    if (reloader->refused != NULL) source_drop(reloader->refused);
    reloader->refused = source;
}

/* Keeps the source as the newest one, and drops the oldest. */
static void keep_source(struct reloader *reloader, struct source *source)
{
    struct source **kept = reloader->kept;
    if (kept[SOURCES_KEPT - 1] != NULL) source_drop(kept[SOURCES_KEPT - 1]);
    memmove(kept + 1, kept, (SOURCES_KEPT - 1) * sizeof *kept);
    source_hold(source);
    kept[0] = source;
}

/* Works out the new settings: those that need a restart keep their values, and must fit the others. */
static bool read_settings(struct reloader *reloader, struct rollout *rollout,
                          struct options *wanted, struct error *error)
{
    if (!command_line_configure(reloader->line, rollout->plan.source, wanted, error)) return false;
    rollout->options = reloader->options;
    settings_take_live(&options_settings, &rollout->options, wanted);
    return options_finish(&rollout->options, error);
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

static bool is_possible(struct reloader *reloader, struct rollout *rollout, struct options *wanted,
                        struct report *report)
{
    struct error error;
    rollout->keeps_handlers = reloader->unasked;
    if ((!reloader->unasked || says_something(rollout->plan.source, &error)) &&
        read_settings(reloader, rollout, wanted, &error) &&
        review_open(&rollout->review, rollout->plan.source, false, &error)) {
        rollout->plan.suspects = &rollout->review.suspects;
        return true;
    }
    report_add(report, "%s\n", error.text);
    return false;
}

/* Loads the source in all workers, or in none. */
static bool bring_in(struct reloader *reloader, struct source *source, struct report *report)
{
    struct rollout *rollout = rollout_open(reloader->server, source, reloader->generation + 1);
    if (rollout == NULL) {
        report_add(report, "no memory to load the scripts\n");
        return false;
    }
    struct options wanted;
    bool fine = is_possible(reloader, rollout, &wanted, report) && rollout_prepare(rollout, report);
    if (fine) {
        reloader->generation = rollout->plan.generation;
        report_add(report, "generation %llu runs", (unsigned long long)reloader->generation);
        char changes[256];
        source_changes(reloader->kept[0], source, changes, sizeof changes);
        report_add(report, "%s%s\n", changes[0] != '\0' ? ": " : "", changes);
        tell_difference(reloader, &wanted, report);
        rollout_tell(rollout, report);
        fine = rollout_switch(rollout, report);
        pthread_mutex_lock(&reloader->settings);
        reloader->options = rollout->options;
        pthread_mutex_unlock(&reloader->settings);
        log_set_level(reloader->options.config.log);
    } else {
        report_add(report, "nothing has changed: generation %llu runs\n",
                   (unsigned long long)reloader->generation);
    }
    rollout_close(rollout);
    return fine;
}

static bool finish(const char *command, struct report *report, bool fine)
{
    log_line(fine ? LOG_INFO : LOG_ERROR, "%s: %s", command, report->text);
    return fine;
}

/* Have these files been seen before? If they are the running ones, forgets what was refused in between. */
static bool is_known(struct reloader *reloader, struct source *source, enum look look)
{
    if (source_is_same(source, reloader->kept[0])) {
        enum log_level level = reloader->refused != NULL ? LOG_INFO : LOG_DEBUG;
        if (look != LOOK_FIRST) log_line(level, "reload: these files are running already");
        refuse_source(reloader, NULL);
        return true;
    }
    if (reloader->refused == NULL || !source_is_same(source, reloader->refused)) return false;
    log_line(LOG_DEBUG, "reload: these files have been refused already");
    return true;
}

/* NULL: the reason is reported; if it is the same as before, only to a caller who asked. A reload that nobody
 * asked for also waits for files that are being written. */
static struct source *read_source(struct reloader *reloader, enum look look, struct report *report)
{
    struct error error = {.text = ""};
    struct source *source = source_read(reloader->line->directory, &error);
    if (look != LOOK_ALWAYS && watch_saw_writing(reloader->watch)) {
        log_line(LOG_DEBUG, "reload: a file is being written, and waited for");
        if (source != NULL) source_drop(source);
        return NULL;
    }
    bool known = strcmp(error.text, reloader->unreadable.text) == 0;
    reloader->unreadable = error;
    if (source != NULL || (known && look != LOOK_ALWAYS)) return source;
    report_add(report, "%s\nnothing has changed: generation %llu runs\n", error.text,
               (unsigned long long)reloader->generation);
    finish("reload", report, false);
    return NULL;
}

static bool reload(struct reloader *reloader, enum look look, struct report *report)
{
    struct source *source = read_source(reloader, look, report);
    if (source == NULL) return false;
    bool fine = true;
    reloader->unasked = look != LOOK_ALWAYS;
    if (look == LOOK_ALWAYS || !is_known(reloader, source, look)) {
        uint64_t before = reloader->generation;
        fine = bring_in(reloader, source, report);
        bool runs = reloader->generation != before;
        if (runs && !source_is_same(source, reloader->kept[0])) keep_source(reloader, source);
        refuse_source(reloader, runs ? NULL : source);
        finish("reload", report, fine);
    }
    source_drop(source);
    return fine;
}

bool reloader_reload(void *context, char *text, size_t size)
{
    struct reloader *reloader = context;
    struct report report = {.text = text, .size = size};
    pthread_mutex_lock(&reloader->mutex);
    bool fine = reload(reloader, LOOK_ALWAYS, &report);
    pthread_mutex_unlock(&reloader->mutex);
    return fine;
}

static bool roll_back(struct reloader *reloader, struct report *report)
{
    struct source **kept = reloader->kept, *left = kept[0];
    uint64_t before = reloader->generation;
    reloader->unasked = false;
    if (kept[1] == NULL) {
        report_add(report, "there is no generation to go back to\n");
        return false;
    }
    bool fine = bring_in(reloader, kept[1], report);
    if (reloader->generation == before) return finish("rollback", report, fine);
    report_add(report,
               "the files on disk are unchanged: they are loaded when one of them is saved\n");
    memmove(kept, kept + 1, (SOURCES_KEPT - 1) * sizeof *kept);
    kept[SOURCES_KEPT - 1] = NULL;
    refuse_source(reloader, left); /* the files still have this content: do not load it again */
    source_drop(left);
    return finish("rollback", report, fine);
}

bool reloader_rollback(void *context, char *text, size_t size)
{
    struct reloader *reloader = context;
    struct report report = {.text = text, .size = size};
    pthread_mutex_lock(&reloader->mutex);
    bool fine = roll_back(reloader, &report);
    pthread_mutex_unlock(&reloader->mutex);
    return fine;
}

/* ---- the thread ---- */

static struct watch *open_watch(const struct reloader *reloader, struct error *error)
{
    const char *directory = reloader->line->directory;
    if (reloader->watches) {
        struct watch *watch = watch_open(directory, error);
        if (watch != NULL) return watch;
        log_line(LOG_WARN, "%s is not watched, use moonport reload: %s", directory, error->text);
    }
    return watch_open(NULL, error);
}

static void look_at(struct reloader *reloader, enum look look)
{
    char text[4096] = "";
    struct report report = {.text = text, .size = sizeof text};
    pthread_mutex_lock(&reloader->mutex);
    reload(reloader, look, &report);
    pthread_mutex_unlock(&reloader->mutex);
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
    if (reloader->watches) look_at(reloader, LOOK_FIRST);
    for (;;) {
        bool woken = watch_wait(reloader->watch) == WATCH_WOKEN;
        if (atomic_load(&reloader->ending)) break;
        look_at(reloader, woken ? LOOK_ALWAYS : LOOK_AGAIN);
    }
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
    for (int i = 0; i < SOURCES_KEPT; i++)
        if (reloader->kept[i] != NULL) source_drop(reloader->kept[i]);
    if (reloader->refused != NULL) source_drop(reloader->refused);
    pthread_cond_destroy(&reloader->changed);
    pthread_mutex_destroy(&reloader->settings);
    pthread_mutex_destroy(&reloader->mutex);
    free(reloader);
}

struct reloader *reloader_open(struct server *server, const struct command_line *line,
                               const struct options *options, struct source *source,
                               struct error *error)
{
    struct reloader *reloader = calloc(1, sizeof *reloader);
    if (reloader == NULL) {
        error_set(error, ERROR_SYSTEM, "no memory to watch %s", line->directory);
        return NULL;
    }
    reloader->server = server;
    reloader->line = line;
    reloader->options = *options;
    reloader->watches = options->reload == RELOAD_WATCH;
    reloader->generation = 1;
    pthread_mutex_init(&reloader->mutex, NULL);
    pthread_mutex_init(&reloader->settings, NULL);
    pthread_cond_init(&reloader->changed, NULL);
    keep_source(reloader, source);
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
    pthread_mutex_lock(&reloader->settings);
    struct options options = reloader->options;
    pthread_mutex_unlock(&reloader->settings);
    return options;
}

void reloader_wake(struct reloader *reloader)
{
    watch_wake(reloader->watch);
}

void reloader_close(struct reloader *reloader)
{
    atomic_store(&reloader->ending, true);
    watch_wake(reloader->watch);
    pthread_join(reloader->thread, NULL);
    free_reloader(reloader);
}
