/* What engine and bindings ask of the C library: the linker leads them here. */
#include "exchange.h"
#include "oracle.h"
#include "run/runtime.h"
#include "world.h"

#include "server/worker_task.h"

#include <errno.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { LUA_CHANCES = 20000, STATE_SIZE_MAX = 4096 };
enum { STATES_MAX = WORKERS_MAX + 2 }; /* one to review what is to be loaded, one for jobs */

struct allocations allocations;

/* ---- memory ---- */

/* Lua's hashes hang on where its states are: here, at places that the linker has fixed. */
static struct {
    alignas(max_align_t) uint8_t bytes[STATE_SIZE_MAX];
    bool taken;
} places[STATES_MAX];
static bool state_opens;

static void *take_place(size_t size)
{
    int i = 0;
    state_opens = false;
    while (i < STATES_MAX && places[i].taken) i++;
    check(i < STATES_MAX);
    check(size <= STATE_SIZE_MAX);
    places[i].taken = true;
    return places[i].bytes;
}

static void release(void *block)
{
    for (int i = 0; i < STATES_MAX; i++) {
        if (block != places[i].bytes) continue;
        places[i].taken = false;
        return;
    }
    __real_free(block);
}

/* The first thing that it allocates is the state. */
lua_State *__real_lua_newstate(lua_Alloc allocate, void *state);
lua_State *__wrap_lua_newstate(lua_Alloc allocate, void *state)
{
    state_opens = true;
    lua_State *L = __real_lua_newstate(allocate, state);
    state_opens = false;
    return L;
}

static bool fails(void)
{
    allocations.count++;
    bool fails = allocations.count == allocations.fail_at ||
                 (allocations.draw != NULL && draw_chance(allocations.draw, allocations.permille));
    if (!fails) return false;
    trace_note("allocation %llu fails", (unsigned long long)allocations.count);
    if (sim_world != NULL) sim_world->memory_failed = true;
    return true;
}

static void *made(void *block)
{
    if (block != NULL) allocations.live++;
    return block;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : made(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : made(__real_calloc(count, size));
}

void *__wrap_realloc(void *old, size_t size)
{
    if (fails()) return NULL;
    void *block = state_opens ? take_place(size) : __real_realloc(old, size);
    if (old == NULL) made(block);
    return block;
}

void __wrap_free(void *block)
{
    if (block != NULL) allocations.live--;
    release(block);
}

void *__real_pages_take(size_t size, size_t expected);
void *__wrap_pages_take(size_t size, size_t expected)
{
    return fails() ? NULL : made(__real_pages_take(size, expected));
}

void *__real_pages_resize(void *piece, size_t old_size, size_t new_size, size_t expected);
void *__wrap_pages_resize(void *piece, size_t old_size, size_t new_size, size_t expected)
{
    return fails() ? NULL : __real_pages_resize(piece, old_size, new_size, expected);
}

void __real_pages_give(void *piece, size_t size);
void __wrap_pages_give(void *piece, size_t size)
{
    allocations.live--;
    __real_pages_give(piece, size);
}

/* Not by the functions above: Lua allocates far more often than all others. */
static void *allocate(void *old, size_t new_size)
{
    if (new_size == 0) {
        if (old != NULL) allocations.live--;
        release(old);
        return NULL;
    }
    void *block = __real_realloc(old, new_size);
    if (old == NULL) made(block);
    return block;
}

/* The heap asks again when it has given back what it kept, and so does Lua, with the heap, when it
 * has collected its garbage: that fails, too. */
static void *allocate_for_lua(void *state, void *old, size_t old_size, size_t new_size)
{
    (void)state;
    bool grows = new_size > (old == NULL ? 0 : old_size);
    if (grows && allocations.refused > 0) {
        allocations.refused--;
        return NULL;
    }
    bool fails = grows && allocations.draw != NULL &&
                 draw_below(allocations.draw, LUA_CHANCES) < allocations.permille;
    if (!fails) return allocate(old, new_size);
    trace_note("an allocation of Lua's fails");
    sim_world->memory_failed = true;
    allocations.refused = 3;
    return NULL;
}

void allocations_of_lua(struct heap *heap)
{
    heap->inner = allocate_for_lua;
}

/* ---- time ---- */

time_t __wrap_time(time_t *seconds)
{
    time_t now = sim_world == NULL ? 0 : (time_t)(world_now(sim_world) / SECOND);
    if (seconds != NULL) *seconds = now;
    return now;
}

int __wrap_clock_gettime(clockid_t clock, struct timespec *time)
{
    uint64_t now_ns = sim_world == NULL ? 0 : world_now(sim_world);
    (void)clock;
    time->tv_sec = (time_t)(now_ns / SECOND);
    time->tv_nsec = (long)(now_ns % SECOND);
    return 0;
}

/* Whoever waits for the workers lets them have their turns meanwhile. */
int __wrap_pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex,
                                  const struct timespec *until)
{
    uint64_t until_ns = (uint64_t)until->tv_sec * SECOND + (uint64_t)until->tv_nsec;
    (void)condition;
    if (world_now(sim_world) >= until_ns) return ETIMEDOUT;
    pthread_mutex_unlock(mutex);
    bool goes_on = world_step(sim_world);
    pthread_mutex_lock(mutex);
    return goes_on ? 0 : ETIMEDOUT;
}

/* ... and also before all of them have been told. */
void __real_worker_task_post(struct worker_task *task, struct worker *worker);
void __wrap_worker_task_post(struct worker_task *task, struct worker *worker)
{
    while (draw_chance(&sim_world->draw, 500) && world_step(sim_world)) continue;
    __real_worker_task_post(task, worker);
}

/* ---- the log ---- */

static struct sim_peer *peer_with(unsigned long long id)
{
    for (uint32_t i = 0; i < sim_world->peer_count; i++)
        if (sim_world->peers[i].id == id) return &sim_world->peers[i];
    violation("the script speaks of connection %llu", id);
}

/* on_receive is about to fail, with request `number`: is that what it says? */
static bool read_failure(const char *note)
{
    unsigned long long id, version;
    unsigned number, worker;
    if (sscanf(note, "fails %llu %u %llu %u", &id, &number, &version, &worker) != 4) return false;
    struct sim_peer *peer = peer_with(id);
    trials_failed(sim_world, version, worker - 1, peer->number);
    peer->failed = true;
    if (!peer->spared)
        peer->may_error = true;
    else if (number > 0)
        peer_refused(peer, number);
    return true;
}

/* A script says what it has seen: "sim: connected 257", "sim: bug: ...". */
static void read_note(const char *note)
{
    unsigned long long id;
    if (read_failure(note)) return;
    promise(strncmp(note, "bug", 3) != 0, "the script says: %s", note);
    promise(strcmp(note, "ended early") != 0 || sim_world->told_end, "a call finds no worker");
    exchange_note(note);
    promise(strncmp(note, "amiss", 5) != 0 || sim_world->memory_failed, "the script says: %s",
            note);
    bool connects = sscanf(note, "connected %llu", &id) == 1;
    if (!connects && sscanf(note, "disconnected %llu", &id) != 1) return;
    for (uint32_t i = 0; i < sim_world->peer_count; i++) {
        struct sim_peer *peer = &sim_world->peers[i];
        if (peer->id != id) continue;
        *(connects ? &peer->lua_connects : &peer->lua_disconnects) += 1;
        promise(peer->lua_connects == 1 && peer->lua_disconnects <= 1,
                "peer %u: the script saw it come %u times, and go %u times", peer->number,
                peer->lua_connects, peer->lua_disconnects);
    }
}

static void hear(enum log_level level, char *text)
{
    char *line_end = strchr(text, '\n'); /* a traceback has addresses in it */
    if (line_end != NULL) *line_end = '\0';
    trace_note("log %d: %s", (int)level, text);
    if (strncmp(text, "sim: ", 5) == 0) read_note(text + 5);
}

void __wrap_log_line(enum log_level level, const char *format, ...)
{
    char text[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    hear(level, text);
}

/* What scripts log themselves. */
void __wrap_log_text(enum log_level level, struct span bytes)
{
    char text[1024];
    log_plain(bytes, text, sizeof text);
    hear(level, text);
}
