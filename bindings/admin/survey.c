#include "admin/survey.h"

#include "base/clock.h"
#include "base/least.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#define PATIENCE_NS UINT64_C(1500000000)     /* for one step */
#define PATIENCE_ALL_NS UINT64_C(3000000000) /* for all of them */

/* Of one worker; written on its thread, and read when it has done its step in time. */
struct part {
    struct survey_row *rows;
    size_t count;
    uint64_t total, matching;
    bool owes; /* it is to look, and has not begun */
    bool lacks_memory;
    bool goes_on; /* there are connections beyond this step */
};

/* One step. The thread that asks holds it, and the task until no worker will look any more. */
struct survey {
    _Atomic uint32_t holders;
    _Atomic bool is_over; /* nobody waits for what is looked up from now on */
    struct survey_owed *owed;
    struct survey_question question;
    uint32_t workers, from; /* the place that this step begins with */
    uint64_t begun_ns;      /* the first step */
    size_t room;            /* for rows, in each part */
    struct part parts[];
};

/* ---- order ---- */

static const char *const names[] = {"id", "address", "worker", "listener", "age", "idle", "queued"};

bool survey_order_of(const char *name, uint8_t *order)
{
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (strcmp(names[i], name) != 0) continue;
        *order = (uint8_t)i;
        return true;
    }
    return false;
}

static int compare_numbers(uint64_t one, uint64_t other)
{
    return (one > other) - (one < other);
}

static int compare_addresses(const struct address *one, const struct address *other)
{
    if (one->family != other->family) return one->family < other->family ? -1 : 1;
    if (one->family == ADDRESS_UNIX) return strcmp(one->path, other->path);
    int order = memcmp(one->ip, other->ip, one->family == ADDRESS_IPV4 ? 4 : sizeof one->ip);
    return order != 0 ? order : compare_numbers(one->port, other->port);
}

static int compare_by(uint8_t order, const struct survey_row *one, const struct survey_row *other)
{
    switch (order) {
    case SURVEY_ADDRESS: return compare_addresses(&one->peer, &other->peer);
    case SURVEY_WORKER: return compare_numbers(one->worker, other->worker);
    case SURVEY_LISTENER: return compare_numbers(one->listener, other->listener);
    case SURVEY_AGE: return compare_numbers(one->age_ns, other->age_ns);
    case SURVEY_IDLE: return compare_numbers(one->idle_ns, other->idle_ns);
    case SURVEY_QUEUED: return compare_numbers(one->queued, other->queued);
    default: return 0;
    }
}

/* qsort passes nothing on. */
static _Thread_local const struct survey_question *sorted_by;

static int compare(const void *one, const void *other)
{
    const struct survey_row *left = one, *right = other;
    int order = compare_by(sorted_by->order, left, right);
    if (order == 0) order = compare_numbers(left->id, right->id);
    return sorted_by->descending ? -order : order;
}

/* Sorts, and keeps the first `most`. Returns how many there are. */
static size_t keep_first(const struct survey_question *question, struct survey_row *rows,
                         size_t count)
{
    sorted_by = question;
    if (count > 1) qsort(rows, count, sizeof *rows, compare);
    return count < question->most ? count : question->most;
}

/* ---- on a worker's thread ---- */

static bool is_in(const char *text, const char *part)
{
    return strstr(text, part) != NULL;
}

static bool lets_through(const struct survey_question *question, const struct survey_row *row)
{
    char address[ADDRESS_TEXT_MAX], id[24];
    if (question->filter[0] == '\0') return true;
    snprintf(id, sizeof id, "%" PRIu64, row->id);
    return is_in(address_format(&row->peer, address), question->filter) ||
           is_in(id, question->filter) || is_in(row->state, question->filter);
}

/* Ages are those of one moment, whenever the workers come to look: else they would not be in order. */
static struct survey_row describe(const struct survey *survey, const struct worker *worker,
                                  const struct link *link)
{
    struct survey_row row = {
        .id = link_id(link),
        .worker = worker_number(worker),
        .listener = link_listener(link) + 1,
        .idle_ns = link_silent_ns(link),
        .queued = link_pending(link),
        .state = link_state_text(link),
        .waits = link_is_held(link),
        .paused = link_is_paused(link),
    };
    double age = (double)survey->begun_ns / 1e9 - link_connected_at(link);
    row.age_ns = age > 0 ? (uint64_t)(age * 1e9) : 0;
    row.idle_ns = least_of(row.idle_ns, row.age_ns);
    link_peer(link, &row.peer);
    return row;
}

static void add_row(const struct survey *survey, struct part *part, const struct survey_row *row)
{
    if (part->rows == NULL) part->rows = malloc(survey->room * sizeof *part->rows);
    if (part->rows == NULL) part->lacks_memory = true;
    if (part->lacks_memory) return;
    check(part->count < survey->room);
    part->rows[part->count++] = *row;
    if (part->count == survey->room)
        part->count = keep_first(&survey->question, part->rows, part->count);
}

static void settle(struct survey *survey, uint32_t worker)
{
    if (survey->parts[worker].owes) atomic_fetch_sub(&survey->owed->of[worker], 1);
    survey->parts[worker].owes = false;
}

static void look(void *context, struct worker *worker, void *state)
{
    struct survey *survey = context;
    struct part *part = &survey->parts[worker_index(worker)];
    (void)state;
    settle(survey, worker_index(worker));
    if (atomic_load(&survey->is_over)) return;
    uint32_t end = worker_slots_used(worker), to = survey->from + survey->question.step;
    part->goes_on = end > to;
    for (uint32_t slot = survey->from; slot < end && slot < to; slot++) {
        const struct link *link = worker_at(worker, slot);
        if (link == NULL) continue;
        struct survey_row row = describe(survey, worker, link);
        part->total++;
        if (!lets_through(&survey->question, &row)) continue;
        part->matching++;
        add_row(survey, part, &row);
    }
}

/* ---- on the thread that asks ---- */

static void drop(void *context)
{
    struct survey *survey = context;
    if (atomic_fetch_sub(&survey->holders, 1) > 1) return;
    for (uint32_t i = 0; i < survey->workers; i++) {
        settle(survey, i); /* a worker that has ended never looks */
        free(survey->parts[i].rows);
    }
    free(survey);
}

/* Takes what a worker has found; it does not use it any more. */
static bool take_part(struct survey_answer *answer, const struct survey_question *question,
                      struct part *part)
{
    size_t count = answer->count + part->count;
    answer->total += part->total;
    answer->matching += part->matching;
    if (part->lacks_memory) return false;
    if (part->count == 0) return true;
    struct survey_row *rows = realloc(answer->rows, count * sizeof *rows);
    if (rows == NULL) return false;
    memcpy(rows + answer->count, part->rows, part->count * sizeof *rows);
    free(part->rows); /* the step may be held by a worker that is late, for long */
    part->rows = NULL;
    answer->rows = rows;
    answer->count = keep_first(question, rows, count);
    return true;
}

static struct survey *make_step(uint32_t workers, const struct survey_question *question,
                                struct survey_owed *owed, uint32_t from, uint64_t begun_ns)
{
    size_t room = 2 * (size_t)question->most + 1; /* so that sorting is rare */
    struct survey *survey = calloc(1, sizeof *survey + workers * sizeof survey->parts[0]);
    if (survey == NULL) return NULL;
    atomic_init(&survey->holders, 2);
    survey->owed = owed;
    survey->question = *question;
    survey->workers = workers;
    survey->from = from;
    survey->begun_ns = begun_ns;
    survey->room = room < question->step ? room : question->step; /* it never finds more */
    return survey;
}

/* Has the workers look that are to be asked; those of them that have more are to be asked again. */
static bool do_step(struct server *server, struct survey *survey, bool *ask,
                    struct survey_answer *answer, uint64_t patience_ns)
{
    bool ran[CONFIG_WORKERS_MAX] = {false}, fine = true;
    const struct server_task task = {.run = look, .release = drop, .context = survey, .only = ask};
    for (uint32_t i = 0; i < survey->workers; i++) {
        survey->parts[i].owes = ask[i];
        if (ask[i]) atomic_fetch_add(&survey->owed->of[i], 1);
    }
    server_run_on_workers(server, &task, patience_ns, ran);
    atomic_store(&survey->is_over, true);
    for (uint32_t i = 0; i < survey->workers; i++) {
        if (!ask[i]) continue;
        answer->missing[i] = !ran[i];
        ask[i] = ran[i] && survey->parts[i].goes_on;
        if (ran[i]) fine = take_part(answer, &survey->question, &survey->parts[i]) && fine;
    }
    return fine;
}

static bool is_any(const bool *list, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++)
        if (list[i]) return true;
    return false;
}

/* Those that are to be asked still when the time is over are missing. False: there is no memory. */
static bool do_steps(struct server *server, const struct survey_question *question,
                     struct survey_owed *owed, bool *ask, struct survey_answer *answer)
{
    uint32_t workers = server_config(server)->workers;
    uint64_t begun_ns = clock_now_ns(), end_ns = begun_ns + PATIENCE_ALL_NS;
    for (uint32_t from = 0; is_any(ask, workers); from += question->step) {
        uint64_t now_ns = clock_now_ns();
        if (now_ns >= end_ns) break;
        struct survey *step = make_step(workers, question, owed, from, begun_ns);
        if (step == NULL) return false;
        bool fine = do_step(server, step, ask, answer, least_of(PATIENCE_NS, end_ns - now_ns));
        drop(step);
        if (!fine) return false;
    }
    for (uint32_t i = 0; i < workers; i++) answer->missing[i] = answer->missing[i] || ask[i];
    return true;
}

bool survey_ask(struct server *server, const struct survey_question *question,
                struct survey_owed *owed, struct survey_answer *answer)
{
    uint32_t workers = server_config(server)->workers;
    bool ask[CONFIG_WORKERS_MAX] = {false};
    *answer = (struct survey_answer){.rows = NULL};
    for (uint32_t i = 0; i < workers; i++) {
        ask[i] = atomic_load(&owed->of[i]) < SURVEY_OWED_MAX;
        answer->missing[i] = !ask[i];
    }
    if (do_steps(server, question, owed, ask, answer)) return true;
    free(answer->rows);
    answer->rows = NULL;
    return false;
}
