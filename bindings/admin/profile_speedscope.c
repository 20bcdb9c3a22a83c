/* A profile as a file for speedscope (https://www.speedscope.app/file-format-schema.json): two profiles of type "sampled", time
 * and allocations. A stack is the handler, its functions, and the line in the innermost. */
#include "admin/json.h"
#include "admin/profile_view.h"
#include "run/runtime.h"

/* Frames are all functions, in the order of their indices, and behind them the lines: the same place is the same frame. */
static void write_frame(struct json *json, const struct profile_view *view, uint32_t function,
                        uint32_t line)
{
    char name[PROFILE_NAME_MAX];
    const struct samples_function *known = &view->samples.functions[function];
    uint32_t at = line > 0 ? line : known->line > 0 ? (uint32_t)known->line : 0;
    json_open(json, NULL, '{');
    json_string(json, "name", profile_view_name(view, function, line, name));
    if (known->file[0] != '\0') json_string(json, "file", known->file);
    if (at > 0) json_count(json, "line", at);
    json_close(json, '}');
}

static void write_frames(struct json *json, const struct profile_view *view)
{
    json_open(json, "shared", '{');
    json_open(json, "frames", '[');
    for (uint32_t i = 1; i < view->samples.function_count; i++) write_frame(json, view, i, 0);
    for (uint32_t i = 0; i < view->line_count; i++)
        write_frame(json, view, view->lines[i].function, view->lines[i].line);
    json_close(json, ']');
    json_close(json, '}');
}

static int compare_places(const void *one, const void *other)
{
    const struct profile_sum *left = one, *right = other;
    if (left->function != right->function) return left->function < right->function ? -1 : 1;
    return (left->line > right->line) - (left->line < right->line);
}

static uint32_t frame_of(const struct profile_view *view, const struct samples_node *node)
{
    const struct profile_sum wanted = {.function = node->function, .line = node->line};
    if (node->line == 0) return node->function - 1;
    const struct profile_sum *found =
        bsearch(&wanted, view->lines, view->line_count, sizeof wanted, compare_places);
    check(found != NULL);
    return view->samples.function_count - 1 + (uint32_t)(found - view->lines);
}

static void write_stack(struct json *json, const struct profile_view *view, uint32_t node)
{
    const struct samples_node *nodes = view->samples.nodes;
    uint32_t path[PROFILE_VIEW_DEPTH], depth = 0;
    for (; node != SAMPLES_TOP && depth < PROFILE_VIEW_DEPTH; node = nodes[node].parent)
        path[depth++] = frame_of(view, &nodes[node]);
    json_open(json, NULL, '[');
    while (depth > 0) json_count(json, NULL, path[--depth]);
    json_close(json, ']');
}

static uint64_t weight_of(const struct samples_node *node, bool bytes)
{
    return bytes ? node->bytes : node->time_ns;
}

static void write_profile(struct json *json, const struct profile_view *view, bool bytes)
{
    const struct samples *samples = &view->samples;
    json_open(json, NULL, '{');
    json_string(json, "type", "sampled");
    json_string(json, "name", bytes ? "allocations" : "time");
    json_string(json, "unit", bytes ? "bytes" : "nanoseconds");
    json_count(json, "startValue", 0);
    json_count(json, "endValue", bytes ? view->bytes : view->time_ns);
    json_open(json, "samples", '[');
    for (uint32_t i = 1; i < samples->node_count; i++)
        if (weight_of(&samples->nodes[i], bytes) > 0) write_stack(json, view, i);
    json_close(json, ']');
    json_open(json, "weights", '[');
    for (uint32_t i = 1; i < samples->node_count; i++) {
        uint64_t weight = weight_of(&samples->nodes[i], bytes);
        if (weight > 0) json_count(json, NULL, weight);
    }
    json_close(json, ']');
    json_close(json, '}');
}

bool profile_speedscope(const struct profile_view *view, struct buffer *out)
{
    struct json json = {.out = out};
    json_open(&json, NULL, '{');
    json_string(&json, "$schema", "https://www.speedscope.app/file-format-schema.json");
    json_string(&json, "name", "moonport profile");
    json_string(&json, "exporter", "moonport " MOONPORT_VERSION);
    json_count(&json, "activeProfileIndex", 0);
    write_frames(&json, view);
    json_open(&json, "profiles", '[');
    write_profile(&json, view, false);
    write_profile(&json, view, true);
    json_close(&json, ']');
    json_close(&json, '}');
    return !json.failed;
}
