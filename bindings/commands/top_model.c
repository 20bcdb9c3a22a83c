#include "commands/top_model.h"

#include "base/check.h"
#include "commands/top_text.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>

/* ---- what is read ---- */

struct field {
    const char *name;
    size_t place; /* of the double in its struct */
};

#define FIELD(type, member) offsetof(struct type, member)
#define SAME(type, member) \
    { \
#member, FIELD(type, member) \
    }

static const struct field whole_fields[] = {
    SAME(top_whole, uptime),
    SAME(top_whole, generation),
    SAME(top_whole, draining),
    SAME(top_whole, connections),
    SAME(top_whole, connections_max),
    SAME(top_whole, accepted),
    SAME(top_whole, refused),
    SAME(top_whole, blocks),
    SAME(top_whole, blocks_used),
    SAME(top_whole, blocks_lowest),
    SAME(top_whole, memory_used),
    SAME(top_whole, memory_max),
    SAME(top_whole, lua_memory),
    SAME(top_whole, lua_memory_max),
    SAME(top_whole, packets_received),
    SAME(top_whole, packets_sent),
    SAME(top_whole, bytes_received),
    SAME(top_whole, bytes_sent),
    SAME(top_whole, queued_bytes),
    SAME(top_whole, mailbox),
    {"jobs.threads", FIELD(top_whole, jobs_threads)},
    {"jobs.busy", FIELD(top_whole, jobs_busy)},
    {"jobs.queued", FIELD(top_whole, jobs_queued)},
};

static const struct field worker_fields[] = {
    SAME(top_worker, connections),  SAME(top_worker, packets_received),
    SAME(top_worker, packets_sent), SAME(top_worker, busy),
    SAME(top_worker, lua_memory),   {"turn.p99", FIELD(top_worker, turn_p99)},
};

static const struct field call_fields[] = {
    SAME(top_calls, calls),
    SAME(top_calls, failed),
    SAME(top_calls, interrupted),
    {"time.p50", FIELD(top_calls, p50)},
    {"time.p99", FIELD(top_calls, p99)},
    {"time.max", FIELD(top_calls, max)},
};

static const struct field accept_fields[] = {
    SAME(top_accepts, accepted),
    SAME(top_accepts, refused),
    SAME(top_accepts, connections),
};

/* Names of other figures with labels: what stands behind the point may be any text. */
static const char *const labelled[] = {"closed.", "closed_words.", "refused_by.", "jobs.", "turn."};

/* ---- lines ---- */

struct line {
    struct span name, value;
};

static bool take_line(struct span *text, struct line *line)
{
    if (text->size == 0) return false;
    const uint8_t *end = memchr(text->data, '\n', text->size);
    struct span whole = span_first(*text, end == NULL ? text->size : (size_t)(end - text->data));
    *text = span_skip(*text, whole.size + (end != NULL));
    const uint8_t *space = whole.size == 0 ? NULL : memchr(whole.data, ' ', whole.size);
    line->name = span_first(whole, space == NULL ? whole.size : (size_t)(space - whole.data));
    line->value = span_skip(whole, line->name.size);
    while (line->value.size > 0 && line->value.data[0] == ' ')
        line->value = span_skip(line->value, 1);
    return true;
}

static bool is(struct span text, const char *word)
{
    return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

static bool begins(struct span text, const char *word)
{
    return text.size >= strlen(word) && memcmp(text.data, word, strlen(word)) == 0;
}

/* A number as the server writes them: digits, perhaps a point and more. NAN: it is none. */
static double number_of(struct span text)
{
    double value = 0, part = 1;
    bool behind = false;
    if (text.size == 0 || !isdigit(text.data[0])) return NAN;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] == '.' && !behind) {
            behind = true;
            continue;
        }
        if (!isdigit(text.data[i])) return NAN;
        if (behind) part /= 10;
        value = behind ? value + part * (text.data[i] - '0') : 10 * value + (text.data[i] - '0');
    }
    return value;
}

/* Reads "3." at the front. 0: there is no such number. */
static uint32_t take_index(struct span *name)
{
    uint32_t index = 0;
    size_t size = 0;
    while (size < name->size && size < 4 && isdigit(name->data[size]))
        index = index * 10 + (uint32_t)(name->data[size++] - '0');
    if (size < name->size && name->data[size] != '.') return 0;
    *name = span_skip(*name, size < name->size ? size + 1 : size);
    return index;
}

/* False: no field is called so. */
static bool put(const struct field *fields, size_t count, void *place, const struct line *line,
                struct span name)
{
    for (size_t i = 0; i < count; i++) {
        if (!is(name, fields[i].name)) continue;
        double *field = (void *)((char *)place + fields[i].place);
        *field = number_of(line->value);
        return true;
    }
    return false;
}

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* ---- a sample ---- */

/* Structs of doubles: all that a struct of another one adds is filled in elsewhere. */
#define DOUBLES(type) (sizeof(struct type) / sizeof(double))
static_assert(sizeof(struct top_whole) % sizeof(double) == 0, "doubles alone");
static_assert(COUNT(whole_fields) + 1 == DOUBLES(top_whole), "each but `failed` has a name");
static_assert(COUNT(worker_fields) == DOUBLES(top_worker), "each has a name");
static_assert(COUNT(call_fields) == DOUBLES(top_calls), "each has a name");
static_assert(COUNT(accept_fields) == DOUBLES(top_accepts), "each has a name");

static void forget(void *place, size_t count)
{
    for (size_t i = 0; i < count; i++) ((double *)place)[i] = NAN;
}

static void put_worker(struct top_sample *sample, const struct line *line, struct span name)
{
    uint32_t number = take_index(&name);
    if (number == 0 || number > CONFIG_WORKERS_MAX) return;
    while (sample->worker_count < number)
        forget(&sample->workers[sample->worker_count++], DOUBLES(top_worker));
    put(worker_fields, COUNT(worker_fields), &sample->workers[number - 1], line, name);
}

/* "listener.1 127.0.0.1:7000 open", and lines "listener.1.accepted 17". */
static void put_listener(struct top_sample *sample, const struct line *line, struct span name)
{
    uint32_t number = take_index(&name);
    if (number == 0 || number > CONFIG_LISTENERS_MAX) return;
    while (sample->listener_count < number) {
        struct top_listener *fresh = &sample->listeners[sample->listener_count++];
        *fresh = (struct top_listener){.is_open = false};
        forget(&fresh->of, DOUBLES(top_accepts));
    }
    struct top_listener *listener = &sample->listeners[number - 1];
    if (name.size > 0) {
        put(accept_fields, COUNT(accept_fields), &listener->of, line, name);
        return;
    }
    size_t size = line->value.size; /* the path of a unix socket may have spaces */
    while (size > 0 && line->value.data[size - 1] != ' ') size--;
    listener->is_open = is(span_skip(line->value, size), "open");
    top_clean(span_first(line->value, size > 0 ? size - 1 : 0), listener->address,
              sizeof listener->address);
}

static struct top_handler *find_handler(struct top_sample *sample, const char *name)
{
    for (uint32_t i = 0; i < sample->handler_count; i++)
        if (strcmp(sample->handlers[i].name, name) == 0) return &sample->handlers[i];
    return NULL;
}

/* "on_receive.calls 17": a handler is known by its calls, which come first. */
static void put_handler(struct top_sample *sample, const struct line *line)
{
    char name[TOP_NAME_MAX];
    for (size_t i = 0; i < COUNT(labelled); i++)
        if (begins(line->name, labelled[i])) return;
    const uint8_t *point =
        line->name.size == 0 ? NULL : memchr(line->name.data, '.', line->name.size);
    if (point == NULL) return;
    struct span handler = span_first(line->name, (size_t)(point - line->name.data));
    struct span figure = span_skip(line->name, handler.size + 1);
    top_clean(handler, name, sizeof name);
    struct top_handler *found = find_handler(sample, name);
    if (found == NULL && is(figure, "calls") && sample->handler_count < TOP_HANDLERS_MAX) {
        found = &sample->handlers[sample->handler_count++];
        memcpy(found->name, name, sizeof name);
        forget(&found->of, DOUBLES(top_calls));
    }
    if (found != NULL) put(call_fields, COUNT(call_fields), &found->of, line, figure);
}

/* The busiest first, for those that ran once (on_start) matter least. */
static void order_handlers(struct top_sample *sample)
{
    for (uint32_t i = 1; i < sample->handler_count; i++) {
        struct top_handler moved = sample->handlers[i];
        uint32_t to = i;
        while (to > 0 && sample->handlers[to - 1].of.calls < moved.of.calls) {
            sample->handlers[to] = sample->handlers[to - 1];
            to--;
        }
        sample->handlers[to] = moved;
    }
}

/* False: it has no figures. */
static bool read_sample(struct top_sample *sample, struct span text)
{
    struct line line;
    *sample = (struct top_sample){.worker_count = 0};
    forget(&sample->whole, DOUBLES(top_whole));
    while (take_line(&text, &line)) {
        if (is(line.name, "version"))
            top_clean(line.value, sample->version, sizeof sample->version);
        else if (is(line.name, "probation"))
            top_clean(line.value, sample->probation, sizeof sample->probation);
        else if (is(line.name, "taken_back"))
            top_clean(line.value, sample->taken_back, sizeof sample->taken_back);
        else if (begins(line.name, "worker."))
            put_worker(sample, &line, span_skip(line.name, strlen("worker.")));
        else if (begins(line.name, "listener."))
            put_listener(sample, &line, span_skip(line.name, strlen("listener.")));
        else if (!put(whole_fields, COUNT(whole_fields), &sample->whole, &line, line.name))
            put_handler(sample, &line);
    }
    sample->whole.failed = 0;
    for (uint32_t i = 0; i < sample->handler_count; i++)
        if (sample->handlers[i].of.failed > 0)
            sample->whole.failed += sample->handlers[i].of.failed;
    order_handlers(sample);
    return sample->whole.uptime >= 0;
}

/* ---- rates ---- */

/* before NULL: it was not there, so all of it came since. A figure that fell is no count, or began anew. */
static void rate(const void *before, const void *now, void *grown, size_t count, double seconds)
{
    const double *was = before, *is_now = now;
    for (size_t i = 0; i < count; i++) {
        double by = is_now[i] - (was == NULL ? 0 : was[i]);
        ((double *)grown)[i] = seconds > 0 && by >= 0 ? by / seconds : NAN;
    }
}

static void find_rates(const struct top_sample *before, const struct top_sample *now,
                       struct top_sample *grown, double seconds)
{
    *grown = *now;
    rate(&before->whole, &now->whole, &grown->whole, DOUBLES(top_whole), seconds);
    for (uint32_t i = 0; i < now->worker_count; i++)
        rate(&before->workers[i], &now->workers[i], &grown->workers[i], DOUBLES(top_worker),
             i < before->worker_count ? seconds : 0);
    for (uint32_t i = 0; i < now->handler_count; i++) {
        const struct top_handler *same = NULL;
        for (uint32_t j = 0; j < before->handler_count && same == NULL; j++)
            if (strcmp(before->handlers[j].name, now->handlers[i].name) == 0)
                same = &before->handlers[j];
        rate(same == NULL ? NULL : &same->of, &now->handlers[i].of, &grown->handlers[i].of,
             DOUBLES(top_calls), seconds);
    }
    for (uint32_t i = 0; i < now->listener_count; i++)
        rate(&before->listeners[i].of, &now->listeners[i].of, &grown->listeners[i].of,
             DOUBLES(top_accepts), i < before->listener_count ? seconds : 0);
}

bool top_model_take(struct top_model *model, struct span text)
{
    struct top_sample next;
    if (!read_sample(&next, text)) return false;
    double seconds = model->has_now ? next.whole.uptime - model->now.whole.uptime : 0;
    find_rates(&model->now, &next, &model->rate, seconds);
    model->now = next;
    model->has_now = true;
    return true;
}
