#include "lua/profile.h"

#include "base/clock.h"
#include "lua/place.h"

/* So many bytes stand between two samples of allocations at first. After each SLOWER_AFTER of them it is twice as many, so
 * that scripts that allocate much are not held up. */
enum { STEP = 64 << 10, SLOWER_AFTER = 4096, LEVELS_MAX = 4 * PROFILE_DEPTH };

/* ---- a stack ---- */

struct stack {
    uint32_t functions[PROFILE_DEPTH]; /* the innermost first; C functions are left out */
    uint32_t line;                     /* in the innermost */
    uint32_t count;
    bool deeper; /* there are more */
};

static const char *name_of(const lua_Debug *at)
{
    if (strcmp(at->what, "main") == 0) return "(file)";
    return at->name != NULL ? at->name : "";
}

static void read_stack(struct profile *profile, lua_State *L, struct stack *stack)
{
    lua_Debug at;
    char file[SAMPLES_FILE_MAX];
    stack->count = 0;
    stack->deeper = false;
    for (int level = 0; !stack->deeper && lua_getstack(L, level, &at) != 0; level++) {
        lua_getinfo(L, "Sln", &at);
        if (at.what[0] == 'C' || place_is_ours(&at)) continue;
        stack->deeper = stack->count == PROFILE_DEPTH || level > LEVELS_MAX;
        if (stack->deeper) break;
        if (stack->count == 0) stack->line = at.currentline > 0 ? (uint32_t)at.currentline : 1;
        place_write_file(file, sizeof file, &at, profile->state->directory);
        stack->functions[stack->count++] =
            samples_function(&profile->samples, file, at.linedefined, name_of(&at));
    }
}

/* What the server itself calls has no caller that names it: a handler has its own name. */
static void name_outermost(struct samples *samples, uint32_t function, const char *handler)
{
    if (function == UINT32_MAX || strncmp(handler, "on_", 3) != 0) return;
    struct samples_function *outermost = &samples->functions[function];
    if (outermost->name[0] == '\0')
        snprintf(outermost->name, sizeof outermost->name, "%s", handler);
}

/* Counts a sample at a stack; with L NULL, at the handler itself. */
static void count(struct profile *profile, lua_State *L, const struct samples_weight *weight)
{
    struct samples *samples = &profile->samples;
    const struct overtime *overtime = &profile->state->overtime;
    const char *handler = atomic_load_explicit(&overtime->what, memory_order_relaxed);
    struct stack stack = {.count = 0};
    uint32_t root = samples_note(samples, SAMPLES_TOP, handler), node = root;
    bool is_own = overtime->first != NULL && L != overtime->first; /* a coroutine of the script's */
    if (L != NULL) read_stack(profile, L, &stack);
    if (L != NULL && COMPAT_HOOK_PER_COROUTINE && is_own && stack.count > 0)
        node = samples_note(samples, node, "(coroutine)");
    if (stack.deeper) node = samples_note(samples, node, "(deeper)");
    if (stack.count > 0 && !is_own && !stack.deeper)
        name_outermost(samples, stack.functions[stack.count - 1], handler);
    for (uint32_t i = stack.count; i > 0; i--)
        node = samples_below(samples, node, stack.functions[i - 1], 0);
    if (stack.count > 0) node = samples_below(samples, node, stack.functions[0], stack.line);
    samples_count(samples, root, node, weight);
}

void profile_sample(struct overtime *overtime, lua_State *L, uint64_t stands_for_ns)
{
    struct profile *profile = container_of(overtime, struct state, overtime)->profile;
    if (profile == NULL) return;
    struct samples_weight weight = profile->owed;
    weight.time_ns = stands_for_ns;
    weight.samples = stands_for_ns > 0;
    profile->owed = (struct samples_weight){.time_ns = 0};
    count(profile, L, &weight);
}

/* ---- allocations ---- */

/* From half to one and a half of a step: see sample_tick_ns in overtime.c. */
static uint64_t draw(struct profile *profile)
{
    profile->random =
        profile->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return profile->step / 2 + (profile->random >> 32) * profile->step / (UINT64_C(1) << 32);
}

/* Whether the stack says now where this allocation is. Lua 5.4 calls the allocator with the stack in order, and before it
 * moves it; but when an instruction makes a table, the place of an earlier one is still noted. */
static bool knows_place(const struct heap *heap, lua_State *L)
{
    lua_Debug at;
    if (!COMPAT_HOOK_PER_COROUTINE) return false;
    if (!heap->makes_table || lua_getstack(L, 0, &at) == 0) return true;
    lua_getinfo(L, "S", &at);
    return at.what[0] == 'C';
}

static void count_outside(struct profile *profile, const struct samples_weight *weight)
{
    uint32_t node = samples_note(&profile->samples, SAMPLES_TOP, "(between calls)");
    samples_count(&profile->samples, node, node, weight);
}

static void tap(struct heap *heap, size_t size)
{
    struct state *state = container_of(heap, struct state, heap);
    struct profile *profile = state->profile;
    lua_State *L = overtime_running(&state->overtime);
    const struct samples_weight weight = {.bytes = heap->tapped,
                                          .allocations = (double)heap->tapped / (double)size};
    if (++profile->taken % SLOWER_AFTER == 0) profile->step *= 2;
    heap->tapped = 0;
    heap->tap_at = draw(profile);
    if (L == NULL) {
        count_outside(profile, &weight);
    } else if (knows_place(heap, L)) {
        count(profile, L, &weight);
    } else {
        profile->owed.bytes += weight.bytes;
        profile->owed.allocations += weight.allocations;
        overtime_ask_sample(&state->overtime);
    }
}

/* ---- from begin to end ---- */

bool profile_begin(struct profile *profile, struct state *state, uint64_t until_ns)
{
    if (state->profile != NULL ||
        !samples_open(&profile->samples, PROFILE_NODES, PROFILE_FUNCTIONS))
        return false;
    profile->begun_ns = profile->random = clock_now_ns();
    profile->state = state;
    profile->step = STEP;
    state->profile = profile;
    heap_tap(&state->heap, tap, draw(profile));
    overtime_set_sampling(&state->overtime, until_ns);
    return true;
}

void profile_end(struct state *state)
{
    struct profile *profile = state->profile;
    if (profile == NULL) return;
    overtime_set_sampling(&state->overtime, 0);
    heap_untap(&state->heap);
    state->profile = NULL;
    profile->state = NULL;
    profile->ended_ns = clock_now_ns();
    profile->ended(profile);
}

void profile_free(struct profile *profile)
{
    samples_close(&profile->samples);
}
