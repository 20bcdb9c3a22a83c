/* timers.h - timers of scripts, whose functions run on coroutines as handlers do. */
#ifndef MOONPORT_TIMERS_H
#define MOONPORT_TIMERS_H

#include "run/runtime.h"

/* Lives in a Lua userdata. */
struct timer {
    struct wheel_timer timer;
    struct runtime *runtime;
    struct list node; /* in the runtime's list, while it runs */
    int kept; /* in the registry, so that scripts need not keep it: { itself, its function } */
    uint64_t interval_ns; /* 0: once */
    uint64_t due_ns;
    bool ended;   /* it does not fire again */
    bool calling; /* its function runs or waits, and is not called again before that ends */
};

/* Makes a timer that does not run. */
void timers_init(struct timer *timer, struct runtime *runtime);

/* Starts the timer on the top of the stack, with its function at `function`. It fires after delay_ns, and then
 * every interval_ns unless that is 0. */
void timers_start(lua_State *L, struct timer *timer, int function, uint64_t delay_ns,
                  uint64_t interval_ns);
void timers_stop(struct timer *timer);

/* The first starts the timers that main.lua made while it was loaded. The second stops all in a list, and returns
 * how many. */
void timers_start_all(struct runtime *runtime, struct list *timers);
int timers_stop_all(struct list *timers);

#endif
