#include "run/script_errors.h"

#include "base/clock.h"
#include "base/log_limit.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SECOND_NS UINT64_C(1000000000)
enum {
    PLACE_MAX = 128,
    REST = SCRIPT_ERRORS_MAX
}; /* the entry of what is new when all others are recent */

struct entry {
    uint64_t place, shape; /* hashes; shape 0: what has no entry of its own at that place */
    uint64_t ticket;       /* unique; 0: the entry is empty */
    uint64_t order;        /* when it came last, among all */
    uint64_t since_ns;     /* when its second began */
    uint64_t held_back;    /* in that second */
    uint32_t lines;        /* written in that second */
    enum log_level level;
    char line[LOG_SAMPLE_MAX]; /* the beginning of the first in that second */
    struct script_error shown; /* its texts are these: */
    char place_text[PLACE_MAX], message[SCRIPT_ERROR_TEXT_MAX];
    char *traceback; /* NULL: none */
};

struct script_errors {
    pthread_mutex_t mutex; /* guards all below */
    struct entry entries[SCRIPT_ERRORS_MAX + 1];
    uint64_t tickets, total, last_us;
};

struct script_errors *script_errors_open(void)
{
    struct script_errors *book = calloc(1, sizeof *book);
    if (book == NULL || pthread_mutex_init(&book->mutex, NULL) == 0) return book;
    free(book);
    return NULL;
}

void script_errors_close(struct script_errors *book)
{
    if (book == NULL) return;
    script_errors_tell_all(book);
    for (int i = 0; i <= REST; i++) free(book->entries[i].traceback);
    pthread_mutex_destroy(&book->mutex);
    free(book);
}

/* ---- what is held back ---- */

/* A line that gives a count: taken under the mutex, written without it. */
struct told {
    uint64_t count;
    enum log_level level;
    char line[LOG_SAMPLE_MAX];
};

static struct told take_told(struct entry *entry)
{
    struct told told = {.count = entry->held_back, .level = entry->level};
    memcpy(told.line, entry->line, sizeof told.line);
    entry->held_back = 0;
    return told;
}

static void tell(const struct told *told)
{
    if (told->count > 0)
        log_line(told->level, "%llu more like it within a second: %s",
                 (unsigned long long)told->count, told->line);
}

/* Clocks of workers are those of their turns: one may be behind. */
static bool is_over(const struct entry *entry, uint64_t now_ns)
{
    return now_ns >= entry->since_ns && now_ns - entry->since_ns >= SECOND_NS;
}

/* The first that has something held back in a second that is over. */
static bool find_told(struct script_errors *book, uint64_t now_ns, uint64_t *next_ns,
                      struct told *told)
{
    bool found = false;
    *next_ns = UINT64_MAX;
    pthread_mutex_lock(&book->mutex);
    for (int i = 0; i <= REST && !found; i++) {
        struct entry *entry = &book->entries[i];
        if (entry->held_back == 0) continue;
        found = is_over(entry, now_ns);
        if (found)
            *told = take_told(entry);
        else if (entry->since_ns + SECOND_NS < *next_ns)
            *next_ns = entry->since_ns + SECOND_NS;
    }
    pthread_mutex_unlock(&book->mutex);
    return found;
}

uint64_t script_errors_tell(struct script_errors *book, uint64_t now_ns)
{
    struct told told;
    uint64_t next_ns;
    while (find_told(book, now_ns, &next_ns, &told)) tell(&told);
    return next_ns;
}

void script_errors_tell_all(struct script_errors *book)
{
    script_errors_tell(book, UINT64_MAX);
}

/* ---- what has failed ---- */

static struct span first_line(const char *text)
{
    return span_of(text, strcspn(text, "\n"));
}

static bool begins_with(const char *text, const char *name)
{
    size_t size = strlen(name);
    return strncmp(text, name, size) == 0 && strncmp(text + size, ": ", 2) == 0;
}

/* The line without "on_receive: " and "scripts/main.lua:12: ". */
static const char *message_of(const struct script_failure *failure)
{
    const char *text = failure->line;
    size_t place = strlen(failure->place);
    if (begins_with(text, failure->handler)) text += strlen(failure->handler) + 2;
    const char *name = place == 0 ? NULL : strstr(text, failure->place);
    if (name == NULL || name > text + first_line(text).size) return text;
    bool is_last = name == text || name[-1] == '/'; /* of a path */
    return is_last && begins_with(name, failure->place) ? name + place + 2 : text;
}

/* Copies the first line, cut with a mark. */
static void copy_line(char *room, size_t size, const char *text)
{
    static const char mark[] = "...";
    struct span whole = first_line(text), cut = span_cut_text(whole, size - sizeof mark);
    memcpy(room, cut.data, cut.size);
    memcpy(room + cut.size, mark, cut.size < whole.size ? sizeof mark : 0);
    if (cut.size == whole.size) room[cut.size] = '\0';
}

static void fill(struct script_errors *book, struct entry *entry, uint64_t place, uint64_t shape,
                 const struct script_failure *failure)
{
    free(entry->traceback);
    *entry = (struct entry){.place = place, .shape = shape, .ticket = ++book->tickets};
    copy_line(entry->place_text, sizeof entry->place_text, failure->place);
    entry->shown.handler = failure->handler;
    entry->shown.first_us = clock_unix_us();
}

/* One that is empty, or the oldest whose second is over. */
static struct entry *vacate(struct script_errors *book, uint64_t now_ns)
{
    struct entry *oldest = NULL;
    for (int i = 0; i < SCRIPT_ERRORS_MAX; i++) {
        struct entry *entry = &book->entries[i];
        if (entry->ticket == 0) return entry;
        if (is_over(entry, now_ns) && (oldest == NULL || entry->order < oldest->order))
            oldest = entry;
    }
    return oldest;
}

/* The entry of that kind, which may be a new one. What was held back in the entry that it replaces is in *told. */
static struct entry *find(struct script_errors *book, const struct script_failure *failure,
                          uint64_t now_ns, struct told *told)
{
    char key[PLACE_MAX + 64];
    struct entry *others = NULL;
    int shapes = 0;
    snprintf(key, sizeof key, "%s %s", failure->handler, failure->place);
    uint64_t place = log_place(key), shape = log_shape(span_text(message_of(failure)));
    for (int i = 0; i < SCRIPT_ERRORS_MAX; i++) {
        struct entry *entry = &book->entries[i];
        if (entry->ticket == 0 || entry->place != place) continue;
        if (entry->shape == shape) return entry;
        if (entry->shape == 0) others = entry;
        shapes += entry->shape != 0;
    }
    if (shapes >= SCRIPT_ERRORS_SHAPES) {
        if (others != NULL) return others;
        shape = 0;
    }
    struct entry *entry = vacate(book, now_ns);
    if (entry == NULL) {
        entry = &book->entries[REST];
        if (entry->ticket != 0) return entry;
    }
    *told = take_told(entry);
    fill(book, entry, place, shape, failure);
    return entry;
}

static bool may_log(struct entry *entry, const struct script_failure *failure, uint64_t now_ns,
                    struct told *told)
{
    if (entry->lines == 0 || is_over(entry, now_ns)) {
        if (entry->held_back > 0) *told = take_told(entry);
        entry->since_ns = now_ns;
        entry->lines = 0;
        entry->level = failure->level;
        copy_line(entry->line, sizeof entry->line, failure->line);
    }
    if (entry->lines < SCRIPT_ERRORS_BURST) {
        entry->lines++;
        return true;
    }
    entry->held_back++;
    return false;
}

/* Counts it in its entry, of which it is the last. */
static void count(struct script_errors *book, struct entry *entry,
                  const struct script_failure *failure)
{
    struct script_error *shown = &entry->shown;
    copy_line(entry->message, sizeof entry->message, message_of(failure));
    entry->order = ++book->total;
    book->last_us = shown->last_us = clock_unix_us();
    shown->count++;
    shown->generation = failure->generation;
    shown->connection = failure->connection;
    shown->worker = failure->worker;
}

bool script_errors_note(struct script_errors *book, const struct script_failure *failure,
                        uint64_t now_ns, uint64_t *ticket)
{
    struct told told = {.count = 0};
    pthread_mutex_lock(&book->mutex);
    struct entry *entry = find(book, failure, now_ns, &told);
    bool fine = may_log(entry, failure, now_ns, &told) && log_wants(failure->level);
    count(book, entry, failure);
    *ticket = entry->shown.count == 1 ? entry->ticket : 0;
    pthread_mutex_unlock(&book->mutex);
    tell(&told);
    return fine;
}

void script_errors_trace(struct script_errors *book, uint64_t ticket, const char *text)
{
    if (ticket == 0) return;
    struct span whole = span_cut_text(span_text(text), SCRIPT_ERROR_TRACE_MAX);
    char *copy = malloc(whole.size + 1);
    if (copy == NULL) return;
    memcpy(copy, whole.data, whole.size);
    copy[whole.size] = '\0';
    pthread_mutex_lock(&book->mutex);
    for (int i = 0; i <= REST; i++) {
        struct entry *entry = &book->entries[i];
        if (entry->ticket != ticket || entry->traceback != NULL) continue;
        entry->traceback = copy;
        copy = NULL;
    }
    pthread_mutex_unlock(&book->mutex);
    free(copy);
}

/* ---- readers ---- */

/* A copy of an entry, with room for its texts. */
struct copy {
    uint64_t order;
    struct script_error error;
    char place[PLACE_MAX], message[SCRIPT_ERROR_TEXT_MAX];
    char traceback[SCRIPT_ERROR_TRACE_MAX + 1];
};

static void copy_entry(struct copy *copy, const struct entry *entry)
{
    copy->order = entry->order;
    copy->error = entry->shown;
    memcpy(copy->place, entry->place_text, sizeof copy->place);
    memcpy(copy->message, entry->message, sizeof copy->message);
    copy->traceback[0] = '\0';
    if (entry->traceback != NULL)
        memcpy(copy->traceback, entry->traceback, strlen(entry->traceback) + 1);
}

static int newer_first(const void *one, const void *other)
{
    const struct copy *const *a = one, *const *b = other;
    return (*a)->order < (*b)->order ? 1 : -1;
}

size_t script_errors_list(struct script_errors *book,
                          void (*visit)(void *context, const struct script_error *error),
                          void *context)
{
    struct copy *copies = malloc((REST + 1) * sizeof *copies), *sorted[REST + 1];
    size_t number = 0;
    if (copies == NULL) return 0;
    pthread_mutex_lock(&book->mutex);
    for (int i = 0; i <= REST; i++)
        if (book->entries[i].ticket != 0) copy_entry(&copies[number++], &book->entries[i]);
    pthread_mutex_unlock(&book->mutex);
    for (size_t i = 0; i < number; i++) sorted[i] = &copies[i];
    qsort(sorted, number, sizeof *sorted, newer_first);
    for (size_t i = 0; i < number; i++) {
        sorted[i]->error.place = sorted[i]->place;
        sorted[i]->error.message = sorted[i]->message;
        sorted[i]->error.traceback = sorted[i]->traceback;
        visit(context, &sorted[i]->error);
    }
    free(copies);
    return number;
}

void script_errors_sum(struct script_errors *book, struct script_errors_sum *sum)
{
    pthread_mutex_lock(&book->mutex);
    *sum = (struct script_errors_sum){.total = book->total, .last_us = book->last_us};
    for (int i = 0; i <= REST; i++) sum->distinct += book->entries[i].ticket != 0;
    pthread_mutex_unlock(&book->mutex);
}
