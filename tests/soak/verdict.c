/* What all of it comes to, in words. */
#include "soak.h"

#include <inttypes.h>

/* What may be added between the middle and the end: an allocator is never quite still, and
 * slow to warm up. */
#define GROWTH_NS (60 * SECOND_NS) /* the shortest run in which it is judged */
#define GROWTH_PART 0.04
#define RSS_ROOM (6 << 20)
#define LUA_ROOM (512 << 10)

/* What the server may keep in a quiet moment, beyond what it had when it was new: all blocks of both kinds,
 * touched (16 MiB with the settings of the soak), and what it keeps for the next packets (6 MiB). */
#define REST_ROOM (28 << 20)

struct judge {
    const struct soak *soak;
    FILE *file;
    bool fine;
};

__attribute__((format(printf, 3, 4))) static void judge(struct judge *judge, bool fine,
                                                        const char *format, ...)
{
    char text[512];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(judge->file, "%-7s %s\n", fine ? "ok" : "FAILED", text);
    judge->fine = judge->fine && fine;
}

/* ---- growth ---- */

static double rss_of(const struct valley *valley)
{
    return (double)valley->usage.rss;
}

static double lua_of(const struct valley *valley)
{
    return valley->figures[LUA] * 1024;
}

static int compare(const void *one, const void *other)
{
    double left = *(const double *)one, right = *(const double *)other;
    return (left > right) - (left < right);
}

static double median(const struct soak *soak, size_t from, size_t to,
                     double (*figure)(const struct valley *))
{
    double values[VALLEYS_MAX];
    size_t count = 0;
    for (size_t i = from; i < to; i++) values[count++] = figure(&soak->valleys[i]);
    qsort(values, count, sizeof *values, compare);
    return count % 2 != 0 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* The first valley, before any noise, does not count. */
static void judge_growth(struct judge *to, const char *name, double room,
                         double (*figure)(const struct valley *))
{
    size_t count = to->soak->valley_count - 1;
    if (to->soak->duration_ns < GROWTH_NS || count < 3) {
        fprintf(to->file, "%-7s %s: what it grows shows after a minute\n", "-", name);
        return;
    }
    size_t middle = 1 + count / 3, last = 1 + 2 * count / 3;
    double before = median(to->soak, middle, last, figure);
    double after = median(to->soak, last, count + 1, figure);
    judge(to, after <= before * (1 + GROWTH_PART) + room,
          "%s in valleys: %.2f MiB in the middle third, %.2f MiB in the last (%+.1f %%; at most "
          "%+.0f %% and %.1f MiB)",
          name, before / 1048576, after / 1048576, (after / before - 1) * 100, GROWTH_PART * 100,
          room / 1048576);
}

/* However short the run is: most of what does not come back is there after the first seconds. */
static void judge_rest(struct judge *to)
{
    double first = rss_of(&to->soak->valleys[0]), most = first;
    for (size_t i = 1; i < to->soak->valley_count; i++)
        if (rss_of(&to->soak->valleys[i]) > most) most = rss_of(&to->soak->valleys[i]);
    judge(to, most <= first + REST_ROOM,
          "resident memory in valleys: %.2f MiB in the first, %.2f MiB at most (at most %+.1f MiB)",
          first / 1048576, most / 1048576, (double)REST_ROOM / 1048576);
}

/* ---- valleys ---- */

static void judge_home(struct judge *to, const char *name,
                       double (*away)(const struct soak *, const struct valley *))
{
    size_t count = to->soak->valley_count, home = 0;
    double most = 0;
    for (size_t i = 0; i < count; i++) {
        double figure = away(to->soak, &to->soak->valleys[i]);
        home += figure == 0;
        if (figure < 0 ? -figure > most : figure > most) most = figure < 0 ? -figure : figure;
    }
    judge(to, home == count && count > 0, "%s: home in %zu of %zu valleys, off by %.0f at most",
          name, home, count, most);
}

static double blocks_away(const struct soak *soak, const struct valley *valley)
{
    (void)soak;
    return valley->figures[BLOCKS_USED];
}

static double budget_away(const struct soak *soak, const struct valley *valley)
{
    double more = valley->figures[MEMORY_USED] - soak->valleys[0].figures[MEMORY_USED];
    return more > 0 ? more : 0; /* rooms shrink when somebody was lost */
}

static double links_away(const struct soak *soak, const struct valley *valley)
{
    double stay = (double)(soak->steady_count + soak->member_count + 1);
    return valley->figures[CONNECTIONS] + (double)valley->gone - stay;
}

static double descriptors_away(const struct soak *soak, const struct valley *valley)
{
    const struct valley *first = &soak->valleys[0];
    double had = (double)(first->usage.descriptors + first->gone);
    return (double)(valley->usage.descriptors + valley->gone) - had;
}

static double scripts_away(const struct soak *soak, const struct valley *valley)
{
    (void)soak;
    return valley->home ? 0 : 1;
}

/* ---- all ---- */

static void tell_what_was(const struct soak *soak, FILE *file)
{
    const double *figures = soak->figures;
    double seconds = seconds_of(soak->now_ns - soak->begin_ns);
    uint64_t opened = 0;
    for (int i = CHURN; i < KINDS; i++) opened += soak->opened[i];
    fprintf(file,
            "Seed %" PRIu64 ", %.0f s: %.0f packets, %" PRIu64 " connections came and went, %.0f "
            "reloads and %" PRIu64 " broken ones, blocks or memory ran out %.0f times.\n",
            soak->seed, seconds, figures[PACKETS], opened, figures[GENERATION] - 1, soak->broken,
            figures[STARVED]);
    fprintf(file, "Ended by the server, of those that came:");
    for (int i = CHURN; i < KINDS; i++)
        fprintf(file, " %s %" PRIu64 " of %" PRIu64 "%s", kind_names[i], soak->cut[i],
                soak->opened[i], i + 1 < KINDS ? "," : ".\n");
    fprintf(file, "Latency of the steady: p50 %.0f us, p99 %.0f us, at most %.0f ms.\n",
            histogram_part_us(&soak->whole, 0.5), histogram_part_us(&soak->whole, 0.99),
            (double)soak->whole.max / 1e6);
}

bool verdict(const struct soak *soak)
{
    struct judge to = {.soak = soak, .file = fopen(soak->verdict, "we"), .fine = true};
    if (to.file == NULL) fail(3, "%s: %m", soak->verdict);
    tell_what_was(soak, to.file);
    judge(&to, soak->wrong_steady == 0,
          "bytes to the steady: %" PRIu64 " wrong, in %" PRIu64 " answers", soak->wrong_steady,
          soak->whole.count);
    judge(&to, soak->wrong_others == 0, "bytes to those that come and go: %" PRIu64 " wrong",
          soak->wrong_others);
    judge(&to, soak->lost == 0 && soak->whole.count > 0,
          "steady connections: %" PRIu64 " of %zu lost", soak->lost,
          soak->steady_count + soak->member_count + 1);
    judge(&to, soak->missed + soak->disordered == 0 && soak->heard > 0,
          "heard in rooms: %" PRIu64 ", %" PRIu64 " missing, %" PRIu64 " out of order", soak->heard,
          soak->missed, soak->disordered);
    judge_home(&to, "blocks", blocks_away);
    judge_home(&to, "budget, bytes", budget_away);
    judge_home(&to, "links", links_away);
    judge_home(&to, "descriptors", descriptors_away);
    judge_home(&to, "all of these, and the newest scripts", scripts_away);
    judge_rest(&to);
    judge_growth(&to, "resident memory", RSS_ROOM, rss_of);
    judge_growth(&to, "Lua", LUA_ROOM, lua_of);
    if (fclose(to.file) != 0) fail(3, "%s: %m", soak->verdict);
    return to.fine;
}
