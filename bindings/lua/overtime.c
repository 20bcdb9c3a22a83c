#include "lua/overtime.h"

#include "base/check.h"
#include "base/clock.h"
#include "base/log.h"
#include "system/interrupt.h"

#include <pthread.h>
#include <stdio.h>

#define MILLISECOND UINT64_C(1000000)
#define TICK_NS_MAX (100 * MILLISECOND)
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

static void expire(lua_State *L, lua_Debug *at)
{
    lua_pushlightuserdata(L, &key);
    lua_rawget(L, LUA_REGISTRYINDEX);
    struct overtime *mine = lua_touserdata(L, -1);
    lua_pop(L, 1);
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

/* lua_sethook is made to be called from a signal's handler. */
static void set_hook(lua_State *L)
{
    lua_sethook(L, expire, LUA_MASKCOUNT, 1);
}

static void raise_hook(void *context)
{
    struct overtime *overtime = context;
    uint64_t calls = atomic_load(&overtime->calls);
    /* Another one of this thread may be meant, while of these none runs, or none ever did. */
    if (calls % 2 == 0 || calls != atomic_load(&overtime->doomed)) return;
    atomic_store(&overtime->raised, true);
    set_hook(atomic_load(&overtime->running));
}

void overtime_calm(struct overtime *overtime, lua_State *L)
{
    atomic_store(&overtime->raised, false);
    lua_sethook(L, NULL, 0, 0);
}

void overtime_enter(struct overtime *overtime, lua_State *L)
{
    atomic_store_explicit(&overtime->running, L, memory_order_relaxed);
    atomic_signal_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&overtime->raised, memory_order_relaxed)) set_hook(L);
}

void overtime_leave(struct overtime *overtime, lua_State *left, lua_State *L)
{
    overtime_enter(overtime, L);
    if (atomic_load_explicit(&overtime->raised, memory_order_relaxed))
        lua_sethook(left, NULL, 0, 0);
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

static void look_at(struct overtime *overtime, uint64_t now)
{
    uint64_t calls = atomic_load(&overtime->calls), limit_ns = atomic_load(&overtime->limit_ns);
    if (calls != overtime->seen) {
        overtime->seen = calls;
        overtime->since_ns = now;
        overtime->told_ns = limit_ns + STUCK_NS;
        return;
    }
    if (calls % 2 == 0 || limit_ns == 0 || now - overtime->since_ns < limit_ns) return;
    atomic_store(&overtime->doomed, calls);
    interrupt(overtime->thread);
    tell_stuck(overtime, now - overtime->since_ns);
}

/* Often enough for the shortest limit there is now. */
static uint64_t tick_ns(void)
{
    uint64_t tick = TICK_NS_MAX;
    for (struct list *node = watched.next; node != &watched; node = node->next) {
        uint64_t limit_ns = atomic_load(&container_of(node, struct overtime, node)->limit_ns);
        if (limit_ns > 0 && limit_ns / 8 < tick) tick = limit_ns / 8;
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
        for (struct list *node = watched.next; node != &watched; node = node->next)
            look_at(container_of(node, struct overtime, node), now);
        clock_wait(&changed, &mutex, clock_after_ns(tick_ns()));
    }
    pthread_mutex_unlock(&mutex);
    return NULL;
}

bool overtime_open(struct overtime *overtime, uint32_t number)
{
    overtime->number = number;
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
