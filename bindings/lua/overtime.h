/* overtime.h - ends calls of Lua that do not return, and sees which are slow, and where.
 *
 * A call that runs costs some plain stores at its begin and its end: no clock is read and no hook is
 * set for it. A thread of its own looks now and then whether a call is still the one it saw before;
 * one that is over its time gets a hook, put there on the call's own thread between two of its
 * instructions. The hook yields out of the call, where that can be, and else raises an error at every
 * instruction until the call has ended: either way no pcall keeps it alive. After a yield the
 * variables with __close can still be closed; after an error out of a hook no hook runs in the
 * coroutine any more, and nothing would end a __close that loops.
 *
 * One that may become slow gets such a hook, too, once: it notes where the call is, and goes. When the call has ended,
 * its thread is told.
 *
 * Where calls are can be sampled, too: the watching thread asks for a sample some hundreds of times a second, and the hook
 * takes it at the next instruction, or when the C function returns that was called by Lua.
 *
 * What no hook reaches is only told of in the log: a C function that loops by itself (a pattern of
 * the string library), a finalizer, with Lua 5.4 the search for a function through a long chain of __call,
 * and with LuaJIT a loop that it has compiled. */
#ifndef MOONPORT_OVERTIME_H
#define MOONPORT_OVERTIME_H

#include "base/list.h"
#include "lua/place.h"

#include <stdatomic.h>
#include <stdint.h>

enum { OVERTIME_PLACE_MAX = PLACE_MAX + 64 };

struct overtime {
    _Atomic uint64_t calls;     /* begun and ended: odd while one runs */
    _Atomic uint64_t doomed;    /* the value of `calls` that is to be interrupted */
    _Atomic uint64_t limit_ns;  /* of the call that runs; 0: none */
    lua_State *_Atomic running; /* the coroutine that runs now, one of the script's own perhaps */
    lua_State *first;           /* may yield when it is interrupted; NULL: none */
    char text[160];             /* what was interrupted, and where, if `first` yielded for it */
    const char *_Atomic what;   /* "on_receive" */
    _Atomic uint8_t raised;     /* what became of the call that runs: only this thread looks */
    void *thread;               /* interrupt.h's own */
    uint32_t number;            /* of the worker, for a log line */
    const char *who;            /* has that number: "worker" */
    const char *limit_name;     /* the setting that limit_ns is */

    /* On another thread, when a call does not end although it was interrupted; again from time to time. NULL: it is
     * only logged. */
    void (*stuck)(struct overtime *overtime);

    /* Calls that run for longer than slow_ns (0: no calls) are slow, and perhaps some that are a little shorter. When one
     * has ended, its thread calls `slow`: it had not begun at not_before_ns, and was at `place` ("main.lua:12 in work") before it
     * became slow; "": no hook has reached it. It may be called for others, too, that were interrupted. */
    _Atomic uint64_t slow_ns;
    void (*slow)(struct overtime *overtime, bool interrupted);
    const char *directory;          /* of the script, for places */
    _Atomic uint64_t marked;        /* the value of `calls` that may become slow */
    _Atomic uint64_t not_before_ns; /* of that one */
    char place[OVERTIME_PLACE_MAX];

    /* Takes a sample of the call that runs, which stands for so long; L: where it is, NULL: no hook has reached it before it
     * ended. On its thread; it may be called for 0 ns, too: see overtime_ask_sample. NULL: none are ever asked for. */
    void (*sample)(struct overtime *overtime, lua_State *L, uint64_t stands_for_ns);
    _Atomic uint64_t
        due_ns; /* what the next sample stands for, if a call runs when it is asked for; */
    _Atomic uint64_t sampled_ns; /* and of the one that was asked for */
    uint64_t sample_until_ns;    /* under the watching thread's mutex; 0: none are taken */

    /* The watching thread's. */
    struct list node;
    uint64_t seen, since_ns, told_ns, looked_ns, before_ns, asked_ns;
};

/* In `raised`. */
enum {
    OVERTIME_DOOMED = 1, /* it is being interrupted; */
    OVERTIME_MARKED = 2, /* it may be slow; */
    OVERTIME_ASKED = 4,  /* and where it is, is not known yet */
    OVERTIME_SAMPLE = 8, /* a sample of it is to be taken */
};

/* On the thread whose calls these are; who, limit_name, stuck, slow and directory are set before. False: there is no memory, or no thread to watch them. */
bool overtime_open(struct overtime *overtime, uint32_t number);
void overtime_close(struct overtime *overtime);

/* Its calls are those of this state, before the first. False: no memory, which is told on L. */
bool overtime_bind(struct overtime *overtime, lua_State *L);

static inline void overtime_begin(struct overtime *overtime, lua_State *L, const char *what,
                                  uint64_t limit_ns)
{
    uint64_t calls = atomic_load_explicit(&overtime->calls, memory_order_relaxed);
    atomic_store_explicit(&overtime->running, L, memory_order_relaxed);
    atomic_store_explicit(&overtime->what, what, memory_order_relaxed);
    overtime->first = NULL;
    atomic_store_explicit(&overtime->limit_ns, limit_ns, memory_order_relaxed);
    atomic_store_explicit(&overtime->calls, calls + 1, memory_order_release);
}

/* The call that runs has another name from now on. */
static inline void overtime_rename(struct overtime *overtime, const char *what)
{
    atomic_store_explicit(&overtime->what, what, memory_order_relaxed);
}

/* For a call that has ended: takes the hook off, if there is one, and tells that it may have been slow. */
void overtime_calm(struct overtime *overtime, lua_State *L);

/* True: the call was interrupted. */
static inline bool overtime_end(struct overtime *overtime, lua_State *L)
{
    uint64_t calls = atomic_load_explicit(&overtime->calls, memory_order_relaxed);
    atomic_store_explicit(&overtime->calls, calls + 1, memory_order_release);
    uint8_t raised = atomic_load_explicit(&overtime->raised, memory_order_relaxed);
    if (raised != 0) overtime_calm(overtime, L);
    return (raised & OVERTIME_DOOMED) != 0;
}

/* One call is over, and the next of its kind begins in its place. */
static inline void overtime_again(struct overtime *overtime, lua_State *L)
{
    uint64_t calls = atomic_load_explicit(&overtime->calls, memory_order_relaxed);
    atomic_store_explicit(&overtime->calls, calls + 2, memory_order_release);
    /* Afterwards: until then the one that is over may still get a hook, which is not the next one's. */
    if (atomic_load_explicit(&overtime->raised, memory_order_relaxed) != 0)
        overtime_calm(overtime, L);
}

/* Its thread: the call that runs is being interrupted. */
static inline bool overtime_is_raised(const struct overtime *overtime)
{
    return (atomic_load_explicit(&overtime->raised, memory_order_relaxed) & OVERTIME_DOOMED) != 0;
}

/* Its thread: whether a call runs, and in which coroutine. */
static inline lua_State *overtime_running(const struct overtime *overtime)
{
    bool runs = atomic_load_explicit(&overtime->calls, memory_order_relaxed) % 2 != 0;
    return runs ? atomic_load_explicit(&overtime->running, memory_order_relaxed) : NULL;
}

/* Its thread: from now on until then (of clock_now_ns) samples are taken; 0: none any more. */
void overtime_set_sampling(struct overtime *overtime, uint64_t until_ns);

/* Its thread, while a call runs, in an allocation, too: takes a sample at the next instruction. */
void overtime_ask_sample(struct overtime *overtime);

/* The call goes on in another coroutine; after that one, in the first again. */
void overtime_enter(struct overtime *overtime, lua_State *L);
void overtime_leave(struct overtime *overtime, lua_State *left, lua_State *L);

#endif
