#include "reload/history.h"

#include "base/span.h"

#include <string.h>
#include <sys/time.h>

const char *history_by_text(enum history_by by)
{
    static const char *const texts[] = {
        [HISTORY_START] = "start",     [HISTORY_SAVE] = "save", [HISTORY_SIGNAL] = "signal",
        [HISTORY_COMMAND] = "command", [HISTORY_PAGE] = "page", [HISTORY_PROBATION] = "probation",
    };
    return texts[by];
}

const char *history_outcome_text(enum history_outcome outcome)
{
    static const char *const texts[] = {
        [HISTORY_RUNS] = "runs",
        [HISTORY_REFUSED] = "refused",
        [HISTORY_REPLACED] = "replaced",
        [HISTORY_ROLLED_BACK] = "rolled back",
    };
    return texts[outcome];
}

void history_open(struct history *history)
{
    history->count = 0;
    pthread_mutex_init(&history->mutex, NULL);
}

void history_close(struct history *history)
{
    pthread_mutex_destroy(&history->mutex);
}

void history_begin(struct history_entry *entry, enum history_by by)
{
    struct timeval now;
    gettimeofday(&now, NULL);
    *entry = (struct history_entry){
        .time = (double)now.tv_sec + (double)now.tv_usec / 1e6, .by = by, .outcome = HISTORY_RUNS};
}

/* ---- under the mutex ---- */

/* The one that runs is kept, however many were refused since: the second oldest goes then. */
static void add(struct history *history, const struct history_entry *entry,
                enum history_outcome outcome)
{
    uint64_t number = history->count++;
    struct history_entry *oldest = &history->entries[number % HISTORY_MAX];
    if (number >= HISTORY_MAX && oldest->outcome == HISTORY_RUNS)
        history->entries[history->count % HISTORY_MAX] = *oldest;
    *oldest = *entry;
    oldest->outcome = outcome;
}

/* NULL: none yet. */
static struct history_entry *running(struct history *history)
{
    for (uint64_t back = 1; back <= history->count && back <= HISTORY_MAX; back++) {
        struct history_entry *entry = &history->entries[(history->count - back) % HISTORY_MAX];
        if (entry->outcome == HISTORY_RUNS) return entry;
    }
    return NULL;
}

static void add_text(struct history_entry *entry, const char *text)
{
    size_t used = strlen(entry->text), room = sizeof entry->text - 1 - used;
    struct span more = span_cut_text(span_text(text), room);
    memcpy(entry->text + used, more.data, more.size);
    entry->text[used + more.size] = '\0';
}

/* ---- whose doors these are ---- */

void history_runs(struct history *history, const struct history_entry *entry,
                  enum history_outcome before)
{
    pthread_mutex_lock(&history->mutex);
    struct history_entry *former = running(history);
    if (former != NULL) former->outcome = before;
    add(history, entry, HISTORY_RUNS);
    pthread_mutex_unlock(&history->mutex);
}

void history_refused(struct history *history, const struct history_entry *entry)
{
    pthread_mutex_lock(&history->mutex);
    add(history, entry, HISTORY_REFUSED);
    pthread_mutex_unlock(&history->mutex);
}

void history_tell(struct history *history, const char *text)
{
    pthread_mutex_lock(&history->mutex);
    struct history_entry *entry = running(history);
    if (entry != NULL) add_text(entry, text);
    pthread_mutex_unlock(&history->mutex);
}

/* False: it is not there any more, or was not there yet. */
static bool copy(struct history *history, uint64_t number, struct history_entry *entry)
{
    pthread_mutex_lock(&history->mutex);
    bool there = number < history->count && history->count - number <= HISTORY_MAX;
    if (there) *entry = history->entries[number % HISTORY_MAX];
    pthread_mutex_unlock(&history->mutex);
    return there;
}

uint64_t history_count(struct history *history)
{
    pthread_mutex_lock(&history->mutex);
    uint64_t count = history->count;
    pthread_mutex_unlock(&history->mutex);
    return count;
}

void history_visit(struct history *history,
                   bool (*visit)(void *context, const struct history_entry *entry), void *context)
{
    struct history_entry entry;
    uint64_t number = history_count(history);
    while (number > 0 && copy(history, --number, &entry) && visit(context, &entry)) continue;
}
