/* A profile as text, for a terminal of 80 columns. */
#include "admin/amount.h"
#include "admin/profile_view.h"

#include <inttypes.h>
#include <stdio.h>

enum { FUNCTIONS_SHOWN = 20, LINES_SHOWN = 20, COLUMNS = 80 };

struct writing {
    const struct profile_view *view;
    struct buffer *out;
    bool failed;
};

__attribute__((format(printf, 2, 3))) static void add(struct writing *writing, const char *format,
                                                      ...)
{
    char line[1024];
    va_list arguments;
    va_start(arguments, format);
    int size = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    if (size < 0 || (size_t)size >= sizeof line) size = (int)sizeof line - 1;
    if (!buffer_add_bytes(writing->out, span_of(line, (size_t)size))) writing->failed = true;
}

/* ---- tables ---- */

static int compare_numbers(uint64_t one, uint64_t other)
{
    return (one < other) - (one > other); /* the largest first */
}

static int by_place(const struct profile_sum *one, const struct profile_sum *other)
{
    if (one->function != other->function) return one->function < other->function ? -1 : 1;
    return (one->line > other->line) - (one->line < other->line);
}

static int by_self(const void *one, const void *other)
{
    const struct profile_sum *left = one, *right = other;
    int order = compare_numbers(left->self_ns, right->self_ns);
    if (order == 0) order = compare_numbers(left->total_ns, right->total_ns);
    return order != 0 ? order : by_place(left, right);
}

static int by_bytes(const void *one, const void *other)
{
    const struct profile_sum *left = one, *right = other;
    int order = compare_numbers(left->bytes, right->bytes);
    return order != 0 ? order : by_place(left, right);
}

/* "work  main.lua:12", "main.lua:14 in work": behind `used` columns of the line, which it ends. */
static void add_name(struct writing *writing, uint32_t function, uint32_t line, int used)
{
    char first[PROFILE_NAME_MAX], second[PROFILE_NAME_MAX], all[2 * PROFILE_NAME_MAX + 8];
    const struct profile_view *view = writing->view;
    bool has_name = view->samples.functions[function].name[0] != '\0';
    const char *between = line > 0 ? " in " : "  ";
    profile_view_name(view, function, line, first);
    if (line > 0)
        profile_view_name(view, function, 0, second);
    else
        profile_view_place(view, function, second);
    bool has_second = has_name && second[0] != '\0';
    snprintf(all, sizeof all, "%s%s%s", first, has_second ? between : "", has_second ? second : "");
    size_t size = strlen(all), most = (size_t)(COLUMNS - 2 - used);
    if (size > most) size = most;
    while (size > 0 && ((uint8_t)all[size] & 0xc0) == 0x80) size--; /* within a character */
    add(writing, "  %.*s\n", (int)size, all);
}

static void add_workers(struct writing *writing, const bool *which, const char *before)
{
    unsigned count = 0;
    for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++) count += which[i];
    if (count == 0) return;
    add(writing, "%sworker%s", before, count > 1 ? "s" : "");
    const char *between = " ";
    for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++) {
        if (!which[i]) continue;
        add(writing, "%s%u", between, i + 1);
        between = ", ";
    }
}

static void add_head(struct writing *writing)
{
    const struct profile_view *view = writing->view;
    char share[AMOUNT_MAX], bytes[AMOUNT_MAX], count[AMOUNT_MAX];
    add(writing, "Profile of %u s", view->seconds);
    add_workers(writing, view->took, ", ");
    add(writing,
        ". Calls took %s of that time: %" PRIu64 " samples.\nAllocated: %s in about %s pieces.\n",
        amount_share(view->time_ns, view->worker_ns, share), view->sample_count,
        amount_bytes(view->bytes, bytes), amount_count((uint64_t)(view->allocations + 0.5), count));
    add_workers(writing, view->missing, "Missing, for a call kept it: ");
    for (uint32_t i = 0; i < CONFIG_WORKERS_MAX; i++) {
        if (!view->missing[i]) continue;
        add(writing, "\n");
        break;
    }
    if (view->note != NULL) add(writing, "%s\n", view->note);
    if (view->samples.others > 0)
        add(writing, "%" PRIu64 " samples are (others): there were too many places.\n",
            view->samples.others);
}

static void add_handlers(struct writing *writing)
{
    const struct profile_view *view = writing->view;
    char share[AMOUNT_MAX], time[AMOUNT_MAX], bytes[AMOUNT_MAX];
    uint32_t count, bytes_count;
    const struct profile_child *child = profile_view_children(view, SAMPLES_TOP, false, &count);
    const struct profile_child *other =
        profile_view_children(view, SAMPLES_TOP, true, &bytes_count);
    add(writing, "\n  share       time   allocated  handler\n");
    for (uint32_t i = 0; i < count + bytes_count; i++) {
        uint32_t node = i < count ? child[i].node : other[i - count].node;
        if (i >= count && view->total_ns[node] > 0) continue; /* it was there already */
        add(writing, "%7s %10s  %10s", amount_share(view->total_ns[node], view->time_ns, share),
            amount_seconds(view->total_ns[node], time),
            amount_bytes(view->total_bytes[node], bytes));
        add_name(writing, view->samples.nodes[node].function, 0, 30);
    }
}

/* A copy in that order, of which the first are shown. NULL: there is no memory. */
static struct profile_sum *sorted(struct writing *writing, const struct profile_sum *sums,
                                  uint32_t count, int (*compare)(const void *, const void *))
{
    struct profile_sum *copy = malloc((count + 1) * sizeof *copy);
    if (copy == NULL) {
        writing->failed = true;
        return NULL;
    }
    memcpy(copy, sums, count * sizeof *copy);
    qsort(copy, count, sizeof *copy, compare);
    return copy;
}

static void add_functions(struct writing *writing)
{
    const struct profile_view *view = writing->view;
    char self[AMOUNT_MAX], total[AMOUNT_MAX];
    struct profile_sum *sums = sorted(writing, view->functions, view->function_count, by_self);
    add(writing, "\n   self   total  function\n");
    for (uint32_t i = 0; i < view->function_count && i < FUNCTIONS_SHOWN && sums != NULL; i++) {
        const struct profile_sum *sum = &sums[i];
        if (sum->total_ns == 0) break;
        add(writing, "%7s %7s", amount_share(sum->self_ns, view->time_ns, self),
            amount_share(sum->total_ns, view->time_ns, total));
        add_name(writing, sum->function, 0, 15);
    }
    free(sums);
}

static void add_lines(struct writing *writing)
{
    const struct profile_view *view = writing->view;
    char share[AMOUNT_MAX];
    struct profile_sum *sums = sorted(writing, view->lines, view->line_count, by_self);
    add(writing, "\n   self  line\n");
    for (uint32_t i = 0; i < view->line_count && i < LINES_SHOWN && sums != NULL; i++) {
        if (sums[i].self_ns == 0) break;
        add(writing, "%7s", amount_share(sums[i].self_ns, view->time_ns, share));
        add_name(writing, sums[i].function, sums[i].line, 7);
    }
    free(sums);
}

static void add_allocations(struct writing *writing)
{
    const struct profile_view *view = writing->view;
    char share[AMOUNT_MAX], bytes[AMOUNT_MAX], count[AMOUNT_MAX];
    struct profile_sum *sums = sorted(writing, view->lines, view->line_count, by_bytes);
    add(writing, "\n  share   allocated    pieces  line\n");
    for (uint32_t i = 0; i < view->line_count && i < LINES_SHOWN && sums != NULL; i++) {
        const struct profile_sum *sum = &sums[i];
        if (sum->bytes == 0) break;
        add(writing, "%7s  %10s %9s", amount_share(sum->bytes, view->bytes, share),
            amount_bytes(sum->bytes, bytes),
            amount_count((uint64_t)(sum->allocations + 0.5), count));
        add_name(writing, sum->function, sum->line, 29);
    }
    free(sums);
}

bool profile_text(const struct profile_view *view, struct buffer *out)
{
    struct writing writing = {.view = view, .out = out};
    add_head(&writing);
    if (view->time_ns > 0 || view->bytes > 0) add_handlers(&writing);
    if (view->time_ns > 0) {
        add_functions(&writing);
        add_lines(&writing);
    }
    if (view->bytes > 0) add_allocations(&writing);
    return !writing.failed;
}
