/* timers.h - timers of a script's, whose function runs on a coroutine as handlers do. */
#ifndef MOONPORT_TIMERS_H
#define MOONPORT_TIMERS_H

#include "run/runtime.h"

/* In a userdata of Lua's. */
struct timer {
    struct wheel_timer timer;
    struct runtime *runtime;
    struct list node; /* among the runtime's, while it runs */
    int kept;         /* in the registry, so that nobody has to keep it: { itself, its function } */
    uint64_t interval_ns; /* 0: once */
    uint64_t due_ns;
    bool ended;   /* it does not fire again */
    bool calling; /* its function runs or waits: it is not called again before that ends */
};

/* One that does not run. */
void timers_init(struct timer *timer, struct runtime *runtime);

/* Starts the timer that is on the top of the stack, with its function at `function`: in so much time; and then
 * after each interval, if it is not 0. */
void timers_start(lua_State *L, struct timer *timer, int function, uint64_t delay_ns,
                  uint64_t interval_ns);
void timers_stop(struct timer *timer);

/* Starts those that main.lua made while it was loaded; stops all that run: how many. */
void timers_start_all(struct runtime *runtime, struct list *timers);
int timers_stop_all(struct list *timers);

#endif
