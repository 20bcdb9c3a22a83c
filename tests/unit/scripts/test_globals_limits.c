/* Code as deep, as long, and with as many locals, as Lua allows, and beyond that. */
#include "scripts/globals.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>

/* Writes `part` as often; returns where it ended. */
static char *repeat(char *to, const char *part, size_t count)
{
    size_t size = strlen(part);
    for (size_t i = 0; i < count; i++, to += size) memcpy(to, part, size);
    return to;
}

/* One kind of code within itself. */
struct nest {
    const char *begin, *open, *middle, *close;
    size_t levels; /* nearly as many as Lua 5.4 allows */
};

static const struct nest nests[] = {
    {"return ", "(", "y", ")", 190},
    {"return ", "{", "y", "}", 190},
    {"return ", "{x={},", "y", "}", 190},
    {"return ", "f(", "y", ")", 190},
    {"return ", "t[", "y", "]", 190},
    {"return ", "-(a + ", "y", ")", 60},
    {"return ", "function() return ", "y", " end", 95},
    {"", "do ", "y()", " end ", 190},
    {"", "if a then ", "y()", " end ", 190},
    {"", "if a then else ", "y()", " end ", 190},
    {"", "while a do ", "y()", " end ", 190},
    {"", "repeat ", "y()", " until a ", 190},
    {"", "for i = 1, 2 do ", "y()", " end ", 45},
    {"", "local function f() ", "y()", " end ", 190},
    {"", "function f() ", "y()", " end ", 190},
};

/* Code that has `size` bytes, and as many levels; the caller frees it. */
static char *nested(const struct nest *nest, size_t levels, size_t closed, size_t *size)
{
    size_t outside = strlen(nest->begin) + strlen(nest->middle);
    char *text = malloc(outside + levels * strlen(nest->open) + closed * strlen(nest->close));
    char *end = repeat(text, nest->begin, 1);
    end = repeat(end, nest->open, levels);
    end = repeat(end, nest->middle, 1);
    end = repeat(end, nest->close, closed);
    *size = (size_t)(end - text);
    return text;
}

static void count_y(void *context, const struct global *global)
{
    size_t *count = context;
    if (global->name.size == 1 && global->name.data[0] == 'y') (*count)++;
}

Test(globals, code_may_be_as_deep_as_lua_allows)
{
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        size_t size, levels = nests[i].levels, count = 0;
        char *text = nested(&nests[i], levels, levels, &size);
        cr_assert(globals_find(span_of(text, size), count_y, &count), "%s", nests[i].open);
        cr_assert_eq(count, 1, "%s", nests[i].open);
        free(text);
    }
}

Test(globals, code_beyond_any_depth_is_not_followed)
{
    enum { DEEP = 100000 };
    for (size_t i = 0; i < sizeof nests / sizeof *nests; i++) {
        for (size_t closed = 0; closed <= DEEP; closed += DEEP) {
            size_t size, count = 0;
            char *text = nested(&nests[i], DEEP, closed, &size);
            cr_assert_not(globals_find(span_of(text, size), count_y, &count), "%s", nests[i].open);
            cr_assert_eq(count, 0, "%s", nests[i].open);
            free(text);
        }
    }
}

Test(globals, long_code_is_not_deep)
{
    static const struct nest chains[] = {
        {"return ", "not ", "y", "", 0},
        {"return ", "- ", "y", "", 0},
        {"return ", "a .. ", "y", "", 0},
        {"return ", "2 ^ ", "y", "", 0},
        {"return ", "a, ", "y", "", 0},
        {"return y", ".a", "", "", 0},
        {"return y", "()", "", "", 0},
        {"return y", "[1]", "", "", 0},
        {"return {", "{}, ", "y}", "", 0},
        {"if a then ", "elseif a then ", "y() end", "", 0},
        {"", "a, ", "y = 1", "", 0},
        {"", "do local a = 1 end ", "y()", "", 0},
        {"", "local function f() end f = nil ", "y()", "", 0},
    };
    for (size_t i = 0; i < sizeof chains / sizeof *chains; i++) {
        bool declares = strncmp(chains[i].open, "local", 5) == 0;
        size_t size, count = 0;
        char *text = nested(&chains[i], declares ? 150 : 20000, 0, &size);
        cr_assert(globals_find(span_of(text, size), count_y, &count), "%s", chains[i].open);
        cr_assert_eq(count, 1, "%s", chains[i].open);
        free(text);
    }
}

/* Functions within each other, with as many locals each, and a use of y in the innermost. */
static bool holds(size_t functions, size_t locals)
{
    size_t room = 64 + functions * (32 + locals * 16), size = 0, count = 0;
    char *text = malloc(room);
    for (size_t i = 0; i < functions; i++) {
        size += (size_t)snprintf(text + size, room - size, "return function() ");
        for (size_t j = 0; j < locals; j++)
            size += (size_t)snprintf(text + size, room - size, "local x%zu ", j);
    }
    char *end = repeat(text + size, "y() ", 1);
    end = repeat(end, "end ", functions);
    bool whole = globals_find(span_of(text, (size_t)(end - text)), count_y, &count);
    cr_assert_eq(count, whole, "%zu functions with %zu locals", functions, locals);
    free(text);
    return whole;
}

Test(globals, functions_may_have_the_locals_that_lua_allows)
{
    cr_assert(holds(1, 200));
    cr_assert(holds(9, 200));
}

Test(globals, more_locals_than_it_holds_end_the_reading)
{
    cr_assert_not(holds(11, 200));
    cr_assert_not(holds(1, 100000));
    cr_assert_not(holds(100, 200));
}
