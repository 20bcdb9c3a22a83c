#include "lua/samples.h"

#include "base/check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Nodes and functions that only notes get: there are a dozen handlers, and a few notes below each. */
enum { RESERVED = 64 };

static uint32_t mix(uint32_t hash, uint32_t value)
{
    hash = (hash ^ value) * UINT32_C(2654435761);
    return hash ^ hash >> 15;
}

static uint32_t mix_text(uint32_t hash, const char *text)
{
    for (; *text != '\0'; text++) hash = (hash ^ (uint8_t)*text) * UINT32_C(16777619);
    return mix(hash, 0);
}

bool samples_open(struct samples *samples, uint32_t nodes_max, uint32_t functions_max)
{
    check(nodes_max >= 2 * RESERVED && (nodes_max & (nodes_max - 1)) == 0);
    check(functions_max >= 2 * RESERVED && (functions_max & (functions_max - 1)) == 0);
    *samples = (struct samples){.nodes_max = nodes_max, .functions_max = functions_max};
    samples->nodes = calloc(nodes_max, sizeof *samples->nodes);
    samples->functions = calloc(functions_max, sizeof *samples->functions);
    samples->node_heads = calloc(nodes_max, sizeof *samples->node_heads);
    samples->function_heads = calloc(functions_max, sizeof *samples->function_heads);
    samples->node_count = samples->function_count = 1; /* the first function is none */
    if (samples->nodes != NULL && samples->functions != NULL && samples->node_heads != NULL &&
        samples->function_heads != NULL)
        return true;
    samples_close(samples);
    return false;
}

void samples_close(struct samples *samples)
{
    free(samples->nodes);
    free(samples->functions);
    free(samples->node_heads);
    free(samples->function_heads);
    *samples = (struct samples){.nodes = NULL};
}

/* ---- functions ---- */

static void name_function(struct samples_function *function, const char *name)
{
    if (function->name[0] == '\0') snprintf(function->name, sizeof function->name, "%s", name);
}

/* A note is known by its name, anything else by its place. */
static bool is_function(const struct samples_function *function, const char *file, int32_t line,
                        const char *name)
{
    if (function->line != line || strcmp(function->file, file) != 0) return false;
    return file[0] != '\0' || strcmp(function->name, name) == 0;
}

static uint32_t find_function(struct samples *samples, const char *file, int32_t line,
                              const char *name, uint32_t reserved)
{
    uint32_t hash = mix(mix_text(0, file[0] != '\0' ? file : name), (uint32_t)line);
    uint32_t *head = &samples->function_heads[hash & (samples->functions_max - 1)];
    for (uint32_t i = *head; i != 0; i = samples->functions[i].next) {
        if (!is_function(&samples->functions[i], file, line, name)) continue;
        name_function(&samples->functions[i], name);
        return i;
    }
    if (samples->function_count >= samples->functions_max - reserved) return UINT32_MAX;
    uint32_t index = samples->function_count++;
    struct samples_function *made = &samples->functions[index];
    snprintf(made->file, sizeof made->file, "%s", file);
    name_function(made, name);
    made->line = line;
    made->next = *head;
    *head = index;
    return index;
}

uint32_t samples_function(struct samples *samples, const char *file, int32_t line, const char *name)
{
    char cut[SAMPLES_FILE_MAX];
    snprintf(cut, sizeof cut, "%s", file);
    return find_function(samples, cut, line, name, RESERVED);
}

/* ---- nodes ---- */

static uint32_t find_node(struct samples *samples, uint32_t parent, uint32_t function,
                          uint32_t line, uint32_t reserved)
{
    if (parent == UINT32_MAX || function == UINT32_MAX) return UINT32_MAX;
    uint32_t hash = mix(mix(mix(0, parent), function), line);
    uint32_t *head = &samples->node_heads[hash & (samples->nodes_max - 1)];
    for (uint32_t i = *head; i != 0; i = samples->nodes[i].next) {
        const struct samples_node *node = &samples->nodes[i];
        if (node->parent == parent && node->function == function && node->line == line) return i;
    }
    if (samples->node_count >= samples->nodes_max - reserved) return UINT32_MAX;
    uint32_t index = samples->node_count++;
    samples->nodes[index] =
        (struct samples_node){.parent = parent, .function = function, .line = line, .next = *head};
    *head = index;
    return index;
}

uint32_t samples_below(struct samples *samples, uint32_t parent, uint32_t function, uint32_t line)
{
    return find_node(samples, parent, function, line, RESERVED);
}

uint32_t samples_note(struct samples *samples, uint32_t parent, const char *name)
{
    char cut[SAMPLES_NAME_MAX];
    if (parent == UINT32_MAX) return UINT32_MAX;
    bool is_high = parent == SAMPLES_TOP || samples->nodes[parent].parent == SAMPLES_TOP;
    snprintf(cut, sizeof cut, "%s", name);
    uint32_t function = find_function(samples, "", 0, cut, is_high ? 0 : RESERVED);
    return find_node(samples, parent, function, 0, is_high ? 0 : RESERVED);
}

/* ---- counting ---- */

static void add(struct samples_node *node, const struct samples_weight *weight)
{
    node->time_ns += weight->time_ns;
    node->samples += weight->samples;
    node->bytes += weight->bytes;
    node->allocations += weight->allocations;
}

void samples_count(struct samples *samples, uint32_t handler, uint32_t node,
                   const struct samples_weight *weight)
{
    if (node == UINT32_MAX) {
        samples->others++;
        node = samples_note(samples, handler, "(others)");
    }
    if (node == UINT32_MAX) node = handler != UINT32_MAX ? handler : SAMPLES_TOP;
    add(&samples->nodes[node], weight);
}

/* The node of `into` that is what this one of `from` is, below `parent`. */
static uint32_t same_below(struct samples *into, uint32_t parent, const struct samples *from,
                           const struct samples_node *node)
{
    const struct samples_function *function = &from->functions[node->function];
    if (function->file[0] == '\0' && node->line == 0)
        return samples_note(into, parent, function->name);
    uint32_t same = samples_function(into, function->file, function->line, function->name);
    return samples_below(into, parent, same, node->line);
}

void samples_merge(struct samples *into, const struct samples *from)
{
    uint32_t *map = calloc(from->node_count, sizeof *map);
    uint32_t *handlers = calloc(from->node_count, sizeof *handlers);
    into->others += from->others;
    for (uint32_t i = 0; i < from->node_count && map != NULL && handlers != NULL; i++) {
        const struct samples_node *node = &from->nodes[i];
        const struct samples_weight weight = {.time_ns = node->time_ns,
                                              .samples = node->samples,
                                              .bytes = node->bytes,
                                              .allocations = node->allocations};
        if (i > SAMPLES_TOP) map[i] = same_below(into, map[node->parent], from, node);
        handlers[i] = node->parent == SAMPLES_TOP ? map[i] : handlers[node->parent];
        if (weight.samples > 0 || weight.bytes > 0)
            samples_count(into, handlers[i], map[i], &weight);
    }
    free(map);
    free(handlers);
}
