/* wheel.h - timers: a hierarchical timing wheel. Pure; start and stop are O(1).
 *
 * One tick is a millisecond. Level 0 has a slot for each of the next 64 ticks, level 1 one for each
 * of the next 64 x 64, and so on; a timer of a higher level moves down as its time comes near.
 * (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987.) */
#ifndef MOONPORT_WHEEL_H
#define MOONPORT_WHEEL_H

#include "base/check.h"
#include "base/list.h"

#include <stdint.h>

enum { WHEEL_LEVELS = 6, WHEEL_SLOTS = 64 }; /* 64^6 ms: two years; later ones wait on the rim */
#define WHEEL_TICK_NS UINT64_C(1000000)

/* Embedded in its owner. list_init its node before the first use, or use wheel_timer_init. */
struct wheel_timer {
    struct list node;
    uint64_t due_tick;                       /* never fires before this tick has come */
    uint16_t slot;                           /* level * WHEEL_SLOTS + index, while it runs */
    void (*fire)(struct wheel_timer *timer); /* it has stopped then; may start or stop any timer */
};

struct wheel {
    uint64_t tick;                 /* everything due up to and including this one is in `due` */
    uint64_t next_tick;            /* when wheel_collect has something to do; UINT64_MAX: never */
    uint64_t filled[WHEEL_LEVELS]; /* one bit a slot: may hold a timer */
    struct list slots[WHEEL_LEVELS * WHEEL_SLOTS];
    struct list due;  /* timers that are due and have not fired yet */
    uint64_t running; /* timers in the wheel */
};

void wheel_init(struct wheel *wheel, uint64_t now_ns);
void wheel_timer_init(struct wheel_timer *timer, void (*fire)(struct wheel_timer *timer));

/* The timer fires once, after the first wheel_collect whose time is not before due_ns, rounded up to a
 * tick. A running timer is moved. If due_ns has passed, the next wheel_collect collects the timer. */
void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ns);

/* Does nothing if the timer does not run. */
void wheel_stop(struct wheel *wheel, struct wheel_timer *timer);

static inline bool wheel_timer_runs(const struct wheel_timer *timer)
{
    return !list_empty(&timer->node);
}

/* Collects due timers for wheel_fire, tick by tick, earlier ticks first. Time that goes backwards is
 * ignored. A timer that a callback starts with a due time in the past is collected by the next call, so
 * a timer that always restarts itself cannot block the thread. */
void wheel_collect(struct wheel *wheel, uint64_t now_ns);

/* Fires one of the collected timers; false if there is none. */
bool wheel_fire(struct wheel *wheel);

/* When wheel_collect must be called next: never later than the first due timer, perhaps earlier (to move a timer down
 * a level). UINT64_MAX when no timer runs. */
static inline uint64_t wheel_next_ns(const struct wheel *wheel)
{
    if (!list_empty(&wheel->due)) return 0;
    uint64_t tick = wheel->next_tick;
    return tick > UINT64_MAX / WHEEL_TICK_NS ? UINT64_MAX : tick * WHEEL_TICK_NS;
}

#endif
