#include "lua/overtime.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "system/interrupt.h"

#include <pthread.h>
#include <stdio.h>

#define MILLISECOND UINT64_C(1000000)
#define TICK_NS_MAX (100 * MILLISECOND)
#define SLOW_TICKS 4                  /* looks while a call becomes slow */
#define SAMPLE_NS (2 * MILLISECOND)   /* from sample to sample, on average */
#define STUCK_NS (2000 * MILLISECOND) /* this long over its time: it is told of, then ever rarer */

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t changed;
static bool has_condition; /* it was initialized; as all below, under the mutex */
static struct list watched = {&watched, &watched};
static bool watching;     /* a thread does, */
static pthread_t watcher; /* this one; those before it end, or have ended */

/* ---- on the thread whose call it is, or in its stead ---- */

static char key; /* in the registry: whose calls a state's are */

static int bind(lua_State *L)
{
    lua_pushlightuserdata(L, &key);
    lua_pushvalue(L, 1);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

bool overtime_bind(struct overtime *overtime, lua_State *L)
{
    return compat_protected(L, bind, overtime) == LUA_OK;
}

static struct overtime *overtime_of(lua_State *L)
{
    lua_pushlightuserdata(L, &key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct overtime *mine = lua_touserdata(L, -1);
    lua_pop(L, 1);
    return mine;
}

static void expire(struct overtime *mine, lua_State *L, lua_Debug *at)
{
    lua_getinfo(L, "Sl", at);
    snprintf(mine->text, sizeof mine->text, "%s:%d: interrupted, it has run for longer than %s",
             at->short_src, at->currentline, mine->limit_name);
    if (COMPAT_HOOK_PER_COROUTINE && L == mine->first && lua_isyieldable(L)) {
        lua_yield(L, 0);
        return; /* what yields is the instruction, afterwards */
    }
    lua_pushstring(L, mine->text);
    lua_error(L); /* luaL_error would add the caller's place */
}

static void note_place(struct overtime *mine, lua_State *L, lua_Debug *at)
{
    char place[PLACE_MAX];
    lua_getinfo(L, "Sln", at);
    if (place_is_ours(at)) return;
    place_write(place, at, mine->directory);
    snprintf(mine->place, sizeof mine->place, "%s%s%.48s", place, at->name != NULL ? " in " : "",
             at->name != NULL ? at->name : "");
}

static void take_sample(struct overtime *mine, lua_State *L)
{
    atomic_fetch_and(&mine->raised, (uint8_t)~OVERTIME_SAMPLE);
    mine->sample(mine, L, atomic_exchange(&mine->sampled_ns, 0));
}

/* It may have been left in a coroutine that the call has gone out of. Only samples are taken where a function returns: there
 * nothing may yield, and places are those of instructions. */
static void on_hook(lua_State *L, lua_Debug *at)
{
    struct overtime *mine = overtime_of(L);
    uint8_t raised = atomic_load(&mine->raised);
    bool returns = at->event != LUA_HOOKCOUNT;
    if (raised & OVERTIME_DOOMED) {
        if (!returns) expire(mine, L, at);
        return;
    }
    if (raised & OVERTIME_SAMPLE) take_sample(mine, L);
    if (returns && (raised & OVERTIME_ASKED)) return;
    lua_sethook(L, NULL, 0, 0);
    if (!(raised & OVERTIME_ASKED)) return;
    note_place(mine, L, at);
    atomic_fetch_and(&mine->raised, (uint8_t)~OVERTIME_ASKED);
}

/* lua_sethook is made to be called from a signal's handler. */
static void set_hook(lua_State *L)
{
    lua_sethook(L, on_hook, LUA_MASKCOUNT, 1);
}

/* Beside the next instruction's, there is the hook of the return from a C function: so the time in it counts for the line that
 * has called it, not for the one behind it. In LuaJIT no C function's return has one. Another hook is left alone: that of
 * the memory limit, or the one of a call that is interrupted. */
static void set_sample_hook(struct overtime *overtime, lua_State *L)
{
    const int mask = COMPAT_HOOK_PER_COROUTINE ? LUA_MASKCOUNT | LUA_MASKRET : LUA_MASKCOUNT;
    uint8_t raised = atomic_fetch_or(&overtime->raised, (uint8_t)OVERTIME_SAMPLE);
    lua_Hook present = lua_gethook(L);
    bool is_free = present == NULL || (present == on_hook && !(raised & OVERTIME_DOOMED));
    if (is_free) lua_sethook(L, on_hook, mask, 1);
}

/* Between calls no Lua runs, and there is nothing to sample. */
static void raise_sample(struct overtime *overtime)
{
    uint64_t due_ns = atomic_exchange(&overtime->due_ns, 0);
    lua_State *L = overtime_running(overtime);
    if (due_ns == 0 || L == NULL) return;
    atomic_fetch_add(&overtime->sampled_ns, due_ns);
    set_sample_hook(overtime, L);
}

void overtime_ask_sample(struct overtime *overtime)
{
    set_sample_hook(overtime, atomic_load(&overtime->running));
}

static void raise_hook(void *context)
{
    struct overtime *overtime = context;
    raise_sample(overtime);
    uint64_t calls = atomic_load(&overtime->calls);
    uint8_t raised = atomic_load(&overtime->raised);
    lua_State *L = atomic_load(&overtime->running);
    /* Another one of this thread may be meant, while of these none runs, or none ever did. */
    bool doomed = calls % 2 != 0 && calls == atomic_load(&overtime->doomed);
    bool marked = calls % 2 != 0 && calls == atomic_load(&overtime->marked);
    if (marked && !(raised & OVERTIME_MARKED)) {
        overtime->place[0] = '\0';
        atomic_fetch_or(&overtime->raised, (uint8_t)(OVERTIME_MARKED | OVERTIME_ASKED));
        if (lua_gethook(L) == NULL) set_hook(L); /* that of the memory limit may be there */
    }
    if (!doomed) return;
    atomic_fetch_or(&overtime->raised, (uint8_t)OVERTIME_DOOMED);
    set_hook(L);
}

void overtime_calm(struct overtime *overtime, lua_State *L)
{
    uint8_t raised = atomic_exchange(&overtime->raised, 0);
    lua_sethook(L, NULL, 0, 0);
    if (raised & OVERTIME_SAMPLE)
        overtime->sample(overtime, NULL, atomic_exchange(&overtime->sampled_ns, 0));
    if (raised & OVERTIME_MARKED) overtime->slow(overtime, (raised & OVERTIME_DOOMED) != 0);
}

static bool wants_hook(const struct overtime *overtime)
{
    uint8_t raised = atomic_load_explicit(&overtime->raised, memory_order_relaxed);
    return (raised & (OVERTIME_DOOMED | OVERTIME_ASKED | OVERTIME_SAMPLE)) != 0;
}

void overtime_enter(struct overtime *overtime, lua_State *L)
{
    atomic_store_explicit(&overtime->running, L, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (wants_hook(overtime)) set_hook(L);
}

void overtime_leave(struct overtime *overtime, lua_State *left, lua_State *L)
{
    overtime_enter(overtime, L);
    if (wants_hook(overtime)) lua_sethook(left, NULL, 0, 0);
}

/* ---- the thread that watches ---- */

static void tell_stuck(struct overtime *overtime, uint64_t ran_ns)
{
    if (ran_ns < overtime->told_ns) return;
    overtime->told_ns = 2 * ran_ns;
    log_line(LOG_WARN,
             "%s %u: %s has run for %.0f s and cannot be interrupted: it is in a C function, "
             "perhaps a pattern of the string library that takes too long" COMPAT_OR_COMPILED,
             overtime->who, overtime->number, atomic_load(&overtime->what), (double)ran_ns / 1e9);
    if (overtime->stuck != NULL) overtime->stuck(overtime);
}

/* Marks it a tick before it may have run for slow_ns, so that none is missed. */
static void mark(struct overtime *overtime, uint64_t calls, uint64_t now)
{
    uint64_t slow_ns = atomic_load(&overtime->slow_ns);
    if (slow_ns == 0 || calls == atomic_load(&overtime->marked) ||
        now - overtime->before_ns < slow_ns - slow_ns / SLOW_TICKS)
        return;
    atomic_store(&overtime->not_before_ns, overtime->before_ns);
    atomic_store(&overtime->marked, calls);
    interrupt(overtime->thread);
}

static void look_at(struct overtime *overtime, uint64_t now)
{
    uint64_t calls = atomic_load(&overtime->calls), limit_ns = atomic_load(&overtime->limit_ns);
    uint64_t looked_ns = overtime->looked_ns;
    overtime->looked_ns = now;
    if (calls != overtime->seen) {
        overtime->before_ns = looked_ns;
        overtime->seen = calls;
        overtime->since_ns = now;
        overtime->told_ns = limit_ns + STUCK_NS;
        return;
    }
    if (calls % 2 == 0) return;
    mark(overtime, calls, now);
    if (limit_ns == 0 || now - overtime->since_ns < limit_ns) return;
    atomic_store(&overtime->doomed, calls);
    interrupt(overtime->thread);
    tell_stuck(overtime, now - overtime->since_ns);
}

/* It stands for the time since the one before it, so that it does not matter when this thread gets to it. */
static void ask_sample(struct overtime *overtime, uint64_t now)
{
    if (now >= overtime->sample_until_ns || now <= overtime->asked_ns) return;
    atomic_fetch_add(&overtime->due_ns, now - overtime->asked_ns);
    overtime->asked_ns = now;
    interrupt(overtime->thread);
}

/* From half to one and a half of the time between samples, so that they do not keep step with what scripts do. The factor and
 * the summand are those of Knuth's MMIX. */
static uint64_t sample_tick_ns(void)
{
    static uint64_t random;
    random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    return SAMPLE_NS / 2 + (random >> 32) * SAMPLE_NS / (UINT64_C(1) << 32);
}

/* Often enough for the shortest limit there is now. */
static uint64_t tick_ns(uint64_t now)
{
    uint64_t tick = TICK_NS_MAX;
    for (struct list *node = watched.next; node != &watched; node = node->next) {
        const struct overtime *overtime = container_of(node, struct overtime, node);
        uint64_t limit_ns = atomic_load(&overtime->limit_ns);
        uint64_t slow_ns = atomic_load(&overtime->slow_ns);
        if (limit_ns > 0 && limit_ns / 8 < tick) tick = limit_ns / 8;
        if (slow_ns > 0 && slow_ns / SLOW_TICKS < tick) tick = slow_ns / SLOW_TICKS;
        if (now < overtime->sample_until_ns && SAMPLE_NS < tick) tick = sample_tick_ns();
    }
    return tick < MILLISECOND ? MILLISECOND : tick;
}

/* Ends even if others have been opened meanwhile, which the next such thread watches: whoever closed
 * the last one before them waits for this one's end. */
static void *watch(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&mutex);
    while (watching && pthread_equal(watcher, pthread_self())) {
        uint64_t now = clock_now_ns();
        for (struct list *node = watched.next; node != &watched; node = node->next) {
            look_at(container_of(node, struct overtime, node), now);
            ask_sample(container_of(node, struct overtime, node), now);
        }
        clock_wait(&changed, &mutex, clock_after_ns(tick_ns(now)));
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

void overtime_set_sampling(struct overtime *overtime, uint64_t until_ns)
{
    pthread_mutex_lock(&mutex);
    overtime->asked_ns = clock_now_ns();
    overtime->sample_until_ns = until_ns;
    pthread_cond_signal(&changed);
    pthread_mutex_unlock(&mutex);
}

bool overtime_open(struct overtime *overtime, uint32_t number)
{
    overtime->number = number;
    overtime->looked_ns = clock_now_ns();
    overtime->thread = interrupt_open(raise_hook, overtime);
    if (overtime->thread == NULL) return false;
    pthread_mutex_lock(&mutex);
    if (!has_condition) clock_condition_init(&changed);
    has_condition = true;
    list_append(&watched, &overtime->node);
    bool fine = watching || pthread_create(&watcher, NULL, watch, NULL) == 0;
    if (!fine) list_remove(&overtime->node);
    watching = fine;
    pthread_mutex_unlock(&mutex);
    if (!fine) interrupt_close(overtime->thread);
    return fine;
}

void overtime_close(struct overtime *overtime)
{
    pthread_mutex_lock(&mutex);
    list_remove(&overtime->node);
    pthread_t ended = watcher;
    bool last = list_empty(&watched);
    if (last) {
        watching = false;
        pthread_cond_signal(&changed);
    }
    pthread_mutex_unlock(&mutex);
    if (last) pthread_join(ended, NULL);
    interrupt_close(overtime->thread);
}
