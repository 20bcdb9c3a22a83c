/* The tree of what samples have found: it has a fixed size, and what does not fit is counted all the same. */
#include "lua/samples.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

enum { NODES = 128, FUNCTIONS = 128, ROOM = 64 /* of each, beside what is kept for notes */ };

static const struct samples_weight one = {.time_ns = 5, .samples = 1};

static struct samples open_samples(void)
{
    struct samples samples;
    cr_assert(samples_open(&samples, NODES, FUNCTIONS));
    return samples;
}

static uint64_t total_ns(const struct samples *samples)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < samples->node_count; i++) sum += samples->nodes[i].time_ns;
    return sum;
}

/* One at this line, of a function of this file that begins at line 10, which on_receive has called. */
static uint32_t count_at(struct samples *samples, const char *file, uint32_t line)
{
    uint32_t root = samples_note(samples, SAMPLES_TOP, "on_receive");
    uint32_t function = samples_function(samples, file, 10, "work");
    uint32_t node =
        samples_below(samples, samples_below(samples, root, function, 0), function, line);
    samples_count(samples, root, node, &one);
    return node;
}

Test(samples, the_same_stack_is_the_same_node)
{
    struct samples samples = open_samples();
    uint32_t node = count_at(&samples, "main.lua", 12);
    cr_assert_eq(count_at(&samples, "main.lua", 12), node);
    cr_assert_eq(samples.nodes[node].time_ns, 10);
    cr_assert_eq(samples.nodes[node].samples, 2);
    cr_assert_neq(count_at(&samples, "main.lua", 13), node);
    cr_assert_neq(count_at(&samples, "other.lua", 12), node);
    cr_assert_eq(total_ns(&samples), 20);
    cr_assert_eq(samples.others, 0);
    samples_close(&samples);
}

Test(samples, a_function_is_its_place_and_the_first_who_names_it_does)
{
    struct samples samples = open_samples();
    uint32_t function = samples_function(&samples, "main.lua", 3, "");
    cr_assert_str_eq(samples.functions[function].name, "");
    cr_assert_eq(samples_function(&samples, "main.lua", 3, "first"), function);
    cr_assert_eq(samples_function(&samples, "main.lua", 3, "second"), function);
    cr_assert_str_eq(samples.functions[function].name, "first");
    cr_assert_neq(samples_function(&samples, "main.lua", 4, "first"), function);
    cr_assert_neq(samples_function(&samples, "main.luax", 3, "first"), function);
    samples_close(&samples);
}

Test(samples, notes_are_known_by_their_names)
{
    struct samples samples = open_samples();
    uint32_t timer = samples_note(&samples, SAMPLES_TOP, "timer");
    cr_assert_neq(samples_note(&samples, SAMPLES_TOP, "on_call"), timer);
    cr_assert_eq(samples_note(&samples, SAMPLES_TOP, "timer"), timer);
    cr_assert_neq(samples_note(&samples, timer, "timer"), timer);
    samples_close(&samples);
}

Test(samples, names_of_any_length_are_cut)
{
    struct samples samples = open_samples();
    char text[3 * SAMPLES_FILE_MAX];
    memset(text, 'x', sizeof text);
    text[sizeof text - 1] = '\0';
    uint32_t function = samples_function(&samples, text, 1, text);
    cr_assert_eq(strlen(samples.functions[function].file), SAMPLES_FILE_MAX - 1);
    cr_assert_eq(strlen(samples.functions[function].name), SAMPLES_NAME_MAX - 1);
    cr_assert_eq(samples_function(&samples, text, 1, text), function);
    uint32_t note = samples_note(&samples, SAMPLES_TOP, text);
    cr_assert_eq(samples_note(&samples, SAMPLES_TOP, text), note);
    samples_close(&samples);
}

Test(samples, what_has_no_room_counts_for_others_of_its_handler)
{
    struct samples samples = open_samples();
    enum { LINES = 200 };
    for (uint32_t i = 1; i <= LINES; i++) count_at(&samples, "main.lua", i);
    cr_assert_eq(samples.node_count, ROOM + 1); /* and (others) */
    cr_assert_eq(total_ns(&samples), LINES * 5);
    uint32_t root = samples_note(&samples, SAMPLES_TOP, "on_receive");
    const struct samples_node *others = &samples.nodes[samples_note(&samples, root, "(others)")];
    cr_assert_eq(others->samples, samples.others);
    cr_assert_eq(others->samples, LINES - (ROOM - 3)); /* top, handler, function */

    /* Another handler still has a node, and others of its own. */
    uint32_t timer = samples_note(&samples, SAMPLES_TOP, "timer");
    cr_assert_neq(timer, UINT32_MAX);
    samples_count(&samples, timer, UINT32_MAX, &one);
    cr_assert_eq(samples.nodes[samples_note(&samples, timer, "(others)")].samples, 1);
    samples_close(&samples);
}

Test(samples, when_functions_have_no_room_their_samples_count_for_others)
{
    struct samples samples = open_samples();
    char file[32];
    enum { FILES = 200 };
    for (int i = 0; i < FILES; i++) {
        snprintf(file, sizeof file, "%d.lua", i);
        uint32_t function = samples_function(&samples, file, 1, "");
        cr_assert_eq(function == UINT32_MAX, i >= ROOM - 1, "%d", i); /* the first is none */
    }
    cr_assert_eq(count_at(&samples, "another.lua", 1), UINT32_MAX);
    cr_assert_eq(samples.others, 1);
    cr_assert_eq(total_ns(&samples), 5);
    samples_close(&samples);
}

Test(samples, so_many_handlers_that_there_is_no_room_at_all_lose_nothing)
{
    struct samples samples = open_samples();
    char name[32];
    enum { HANDLERS_TRIED = 300 };
    for (int i = 0; i < HANDLERS_TRIED; i++) {
        snprintf(name, sizeof name, "handler %d", i);
        uint32_t root = samples_note(&samples, SAMPLES_TOP, name);
        samples_count(&samples, root, UINT32_MAX, &one);
    }
    cr_assert_leq(samples.node_count, NODES);
    cr_assert_leq(samples.function_count, FUNCTIONS);
    cr_assert_eq(total_ns(&samples), HANDLERS_TRIED * 5);
    samples_close(&samples);
}

Test(samples, those_of_several_workers_add_up)
{
    struct samples into = open_samples(), from = open_samples();
    const struct samples_weight bytes = {.bytes = 100, .allocations = 2.5};
    count_at(&into, "a.lua", 1);
    count_at(&into, "main.lua", 12);
    uint32_t node = count_at(&from, "main.lua", 12);
    samples_count(&from, 0, node, &bytes);
    count_at(&from, "main.lua", 13);
    samples_count(&from, samples_note(&from, SAMPLES_TOP, "timer"), UINT32_MAX, &one);
    samples_merge(&into, &from);
    node = count_at(&into, "main.lua", 12);
    cr_assert_eq(into.nodes[node].samples, 3);
    cr_assert_eq(into.nodes[node].bytes, 100);
    cr_assert(into.nodes[node].allocations > 2.4 && into.nodes[node].allocations < 2.6);
    cr_assert_eq(into.others, 1);
    uint32_t timer = samples_note(&into, SAMPLES_TOP, "timer");
    cr_assert_eq(into.nodes[samples_note(&into, timer, "(others)")].time_ns, 5);
    cr_assert_eq(total_ns(&into), 6 * 5);
    samples_close(&into);
    samples_close(&from);
}

Test(samples, a_merge_that_does_not_fit_counts_for_others)
{
    struct samples into = open_samples(), from = open_samples();
    for (uint32_t i = 1; i <= 50; i++) count_at(&into, "a.lua", i);
    for (uint32_t i = 1; i <= 50; i++) count_at(&from, "b.lua", i);
    samples_merge(&into, &from);
    cr_assert_eq(total_ns(&into), 100 * 5);
    cr_assert_gt(into.others, 0);
    uint32_t root = samples_note(&into, SAMPLES_TOP, "on_receive");
    cr_assert_eq(into.nodes[samples_note(&into, root, "(others)")].samples, into.others);
    samples_close(&into);
    samples_close(&from);
}
