#include "admin/profile_view.h"

#include "base/text.h"
#include "base/utf8.h"

#include <string.h>

enum { NODES = 1 << 14, FUNCTIONS = 1 << 12 }; /* so that no answer is too large to be sent */

/* ---- adding up ---- */

bool profile_view_open(struct profile_view *view, uint32_t seconds)
{
    *view = (struct profile_view){.seconds = seconds};
    return samples_open(&view->samples, NODES, FUNCTIONS);
}

void profile_view_add(struct profile_view *view, uint32_t worker, const struct samples *samples,
                      uint64_t lasted_ns)
{
    samples_merge(&view->samples, samples);
    view->worker_ns += lasted_ns;
    view->took[worker] = true;
}

static bool is_function(const struct samples *samples, uint32_t node)
{
    const struct samples_node *one = &samples->nodes[node];
    return one->line == 0 && samples->functions[one->function].file[0] != '\0';
}

/* Whether the same function is above it: then its time is counted there. */
static bool is_inside_itself(const struct samples *samples, uint32_t node)
{
    uint32_t function = samples->nodes[node].function;
    for (uint32_t up = samples->nodes[node].parent; up != SAMPLES_TOP;
         up = samples->nodes[up].parent)
        if (samples->nodes[up].function == function) return true;
    return false;
}

static void add_totals(struct profile_view *view)
{
    const struct samples *samples = &view->samples;
    for (uint32_t i = samples->node_count; i-- > 0;) { /* children come behind their parents */
        const struct samples_node *node = &samples->nodes[i];
        view->total_ns[i] += node->time_ns;
        view->total_bytes[i] += node->bytes;
        view->sample_count += node->samples;
        view->allocations += node->allocations;
        if (i == SAMPLES_TOP) continue;
        view->total_ns[node->parent] += view->total_ns[i];
        view->total_bytes[node->parent] += view->total_bytes[i];
    }
    view->time_ns = view->total_ns[SAMPLES_TOP];
    view->bytes = view->total_bytes[SAMPLES_TOP];
}

static void add_self(struct profile_sum *sum, const struct samples_node *node)
{
    sum->self_ns += node->time_ns;
    sum->bytes += node->bytes;
    sum->allocations += node->allocations;
}

static void add_functions(struct profile_view *view)
{
    const struct samples *samples = &view->samples;
    for (uint32_t i = 1; i < samples->function_count; i++) view->functions[i].function = i;
    for (uint32_t i = 1; i < samples->node_count; i++) {
        const struct samples_node *node = &samples->nodes[i];
        struct profile_sum *sum = &view->functions[node->function];
        add_self(sum, node);
        if (is_function(samples, i) && !is_inside_itself(samples, i))
            sum->total_ns += view->total_ns[i];
    }
    uint32_t kept = 0;
    for (uint32_t i = 1; i < samples->function_count; i++)
        if (samples->functions[i].file[0] != '\0') view->functions[kept++] = view->functions[i];
    view->function_count = kept;
}

static int compare_places(const void *one, const void *other)
{
    const struct profile_sum *left = one, *right = other;
    if (left->function != right->function) return left->function < right->function ? -1 : 1;
    return (left->line > right->line) - (left->line < right->line);
}

static void add_lines(struct profile_view *view)
{
    const struct samples *samples = &view->samples;
    uint32_t count = 0, kept = 0;
    for (uint32_t i = 1; i < samples->node_count; i++) {
        const struct samples_node *node = &samples->nodes[i];
        if (node->line == 0) continue;
        view->lines[count] = (struct profile_sum){.function = node->function, .line = node->line};
        add_self(&view->lines[count++], node);
    }
    if (count > 1) qsort(view->lines, count, sizeof *view->lines, compare_places);
    for (uint32_t i = 0; i < count; i++) {
        struct profile_sum *last = &view->lines[kept > 0 ? kept - 1 : 0];
        if (kept == 0 || compare_places(last, &view->lines[i]) != 0) {
            view->lines[kept++] = view->lines[i];
            continue;
        }
        last->self_ns += view->lines[i].self_ns;
        last->bytes += view->lines[i].bytes;
        last->allocations += view->lines[i].allocations;
    }
    view->line_count = kept;
}

static int compare_children(const void *one, const void *other)
{
    const struct profile_child *left = one, *right = other;
    if (left->parent != right->parent) return left->parent < right->parent ? -1 : 1;
    if (left->total != right->total) return left->total > right->total ? -1 : 1;
    return (left->node > right->node) - (left->node < right->node);
}

static bool sort_children(struct profile_view *view, bool bytes)
{
    const uint64_t *totals = bytes ? view->total_bytes : view->total_ns;
    struct profile_child *children = calloc(view->samples.node_count, sizeof *children);
    uint32_t count = 0;
    if (children == NULL) return false;
    for (uint32_t i = 1; i < view->samples.node_count; i++)
        if (totals[i] > 0)
            children[count++] = (struct profile_child){
                .parent = view->samples.nodes[i].parent, .node = i, .total = totals[i]};
    if (count > 1) qsort(children, count, sizeof *children, compare_children);
    view->children[bytes] = children;
    view->child_counts[bytes] = count;
    return true;
}

bool profile_view_finish(struct profile_view *view)
{
    uint32_t nodes = view->samples.node_count;
    view->total_ns = calloc(nodes, sizeof *view->total_ns);
    view->total_bytes = calloc(nodes, sizeof *view->total_bytes);
    view->functions = calloc(view->samples.function_count, sizeof *view->functions);
    view->lines = calloc(nodes, sizeof *view->lines);
    if (view->total_ns == NULL || view->total_bytes == NULL || view->functions == NULL ||
        view->lines == NULL)
        return false;
    add_totals(view);
    add_functions(view);
    add_lines(view);
    return sort_children(view, false) && sort_children(view, true);
}

void profile_view_close(struct profile_view *view)
{
    samples_close(&view->samples);
    free(view->total_ns);
    free(view->total_bytes);
    for (int i = 0; i < 2; i++) free(view->children[i]);
    free(view->functions);
    free(view->lines);
}

/* ---- the tree ---- */

const struct profile_child *profile_view_children(const struct profile_view *view, uint32_t node,
                                                  bool bytes, uint32_t *count)
{
    const struct profile_child *all = view->children[bytes];
    uint32_t from = 0, to = view->child_counts[bytes];
    while (from < to) { /* the first that does not belong to a parent before it */
        uint32_t middle = from + (to - from) / 2;
        if (all[middle].parent < node)
            from = middle + 1;
        else
            to = middle;
    }
    *count = 0;
    while (from + *count < view->child_counts[bytes] && all[from + *count].parent == node) ++*count;
    return all + from;
}

/* ---- names ---- */

/* Copies text that may be of any bytes: a character that is none, or commands a terminal, becomes a question mark. */
static void add_clean(struct text *text, const char *dirty)
{
    struct span left = span_text(dirty);
    while (left.size > 0) {
        size_t size = utf8_size(left);
        bool is_control = left.data[0] < 0x20 || left.data[0] == 0x7f ||
                          (left.data[0] == 0xc2 && size == 2 && left.data[1] < 0xa0);
        bool is_none = size == 3 && memcmp(left.data, "\xef\xbf", 2) == 0 && left.data[2] >= 0xbe;
        if (size == 0 || is_control || is_none)
            text_add(text, "?");
        else
            text_add(text, "%.*s", (int)size, (const char *)left.data);
        left = span_skip(left, size > 0 ? size : 1);
    }
}

const char *profile_view_place(const struct profile_view *view, uint32_t function,
                               char room[PROFILE_NAME_MAX])
{
    const struct samples_function *known = &view->samples.functions[function];
    struct text text = text_in(room, PROFILE_NAME_MAX);
    if (known->file[0] == '\0') return room;
    add_clean(&text, known->file);
    if (known->line > 0) text_add(&text, ":%d", known->line);
    return room;
}

const char *profile_view_name(const struct profile_view *view, uint32_t function, uint32_t line,
                              char room[PROFILE_NAME_MAX])
{
    const struct samples_function *known = &view->samples.functions[function];
    struct text text = text_in(room, PROFILE_NAME_MAX);
    if (line > 0) {
        add_clean(&text, known->file);
        text_add(&text, ":%u", line);
    } else if (known->name[0] != '\0') {
        add_clean(&text, known->name);
    } else {
        return profile_view_place(view, function, room);
    }
    return room;
}
