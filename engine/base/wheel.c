#include "base/wheel.h"

#include <assert.h>

/* Read a tick as a number of base 64. A timer is kept at the highest digit in which its due tick
 * differs from the wheel's, in the slot of its own digit there:
 *
 *     tick 0 2 17 40     due 0 2 17 63  ->  level 0, slot 63     the tick to open it: 0 2 17 63
 *                        due 0 2 18  5  ->  level 1, slot 18                          0 2 18  0
 *                        due 0 3  0  0  ->  level 2, slot  3                          0 3  0  0
 *
 * So of every level only the slots behind the tick's own digit are in use, lower levels come before
 * higher ones, and all timers of one tick share a slot, in the order they were started. Two slots
 * that this leaves over have a use of their own:
 *
 *     level 0, slot of the tick itself    what is overdue, and fires at the next advance
 *     level 5, slot 0: the rim            due ticks that differ above the six digits; it is opened
 *                                         when the tick's six digits run over to zero */

enum {
    DIGIT_BITS = 6,
    RIM = (WHEEL_LEVELS - 1) * WHEEL_SLOTS,
    NO_SLOT = WHEEL_LEVELS * WHEEL_SLOTS,
};
static_assert(WHEEL_SLOTS == 1 << DIGIT_BITS, "one slot a value of a digit");

static unsigned digit_of(uint64_t tick, unsigned level)
{
    return (unsigned)(tick >> (level * DIGIT_BITS)) & (WHEEL_SLOTS - 1);
}

static unsigned slot_of(uint64_t tick, uint64_t due_tick)
{
    uint64_t differing = tick ^ due_tick;
    if (differing == 0) return digit_of(tick, 0);
    unsigned level = (63 - (unsigned)__builtin_clzll(differing)) / DIGIT_BITS;
    if (level >= WHEEL_LEVELS) return RIM;
    return level * WHEEL_SLOTS + digit_of(due_tick, level);
}

static uint64_t *bits_of(struct wheel *wheel, unsigned slot)
{
    return &wheel->filled[slot / WHEEL_SLOTS];
}

static uint64_t bit_of(unsigned slot)
{
    return UINT64_C(1) << (slot % WHEEL_SLOTS);
}

static void place(struct wheel *wheel, struct wheel_timer *timer)
{
    check(timer->due_tick >= wheel->tick);
    unsigned slot = slot_of(wheel->tick, timer->due_tick);
    timer->slot = (uint16_t)slot;
    list_append(&wheel->slots[slot], &timer->node);
    *bits_of(wheel, slot) |= bit_of(slot);
}

static void empty_slot(struct wheel *wheel, unsigned slot, struct list *target)
{
    list_move_all(target, &wheel->slots[slot]);
    *bits_of(wheel, slot) &= ~bit_of(slot);
}

/* The slot to be opened next, and the tick that opens it; NO_SLOT if there is none. */
static unsigned next_slot(const struct wheel *wheel, uint64_t *tick)
{
    for (unsigned level = 0; level < WHEEL_LEVELS; level++) {
        unsigned digit = digit_of(wheel->tick, level);
        uint64_t ahead = wheel->filled[level] & ~((UINT64_C(2) << digit) - 1);
        if (ahead == 0) continue;
        unsigned index = (unsigned)__builtin_ctzll(ahead);
        unsigned shift = level * DIGIT_BITS;
        *tick = ((wheel->tick >> shift) - digit + index) << shift;
        return level * WHEEL_SLOTS + index;
    }
    if (list_empty(&wheel->slots[RIM])) return NO_SLOT;
    unsigned shift = WHEEL_LEVELS * DIGIT_BITS;
    *tick = ((wheel->tick >> shift) + 1) << shift;
    return RIM;
}

/* Caches when something is due next: most turns of a worker come before that, and need not search. */
static void look_ahead(struct wheel *wheel)
{
    uint64_t tick = wheel->tick;
    bool overdue = !list_empty(&wheel->slots[digit_of(tick, 0)]);
    if (!overdue && next_slot(wheel, &tick) == NO_SLOT) tick = UINT64_MAX;
    wheel->next_tick = tick;
}

/* Sorts the timers of a slot anew, now that the tick has come to it. */
static void move_down(struct wheel *wheel, unsigned slot)
{
    struct list timers;
    struct list *node;
    list_init(&timers);
    empty_slot(wheel, slot, &timers);
    while ((node = list_take_first(&timers)) != NULL)
        place(wheel, container_of(node, struct wheel_timer, node));
}

void wheel_init(struct wheel *wheel, uint64_t now_ns)
{
    *wheel = (struct wheel){.tick = now_ns / WHEEL_TICK_NS, .next_tick = UINT64_MAX};
    for (unsigned slot = 0; slot < NO_SLOT; slot++) list_init(&wheel->slots[slot]);
    list_init(&wheel->due);
}

void wheel_timer_init(struct wheel_timer *timer, void (*fire)(struct wheel_timer *timer))
{
    *timer = (struct wheel_timer){.fire = fire};
    list_init(&timer->node);
}

void wheel_start(struct wheel *wheel, struct wheel_timer *timer, uint64_t due_ns)
{
    uint64_t due_tick = due_ns / WHEEL_TICK_NS + (due_ns % WHEEL_TICK_NS != 0);
    wheel_stop(wheel, timer);
    timer->due_tick = due_tick > wheel->tick ? due_tick : wheel->tick;
    place(wheel, timer);
    wheel->running++;
    look_ahead(wheel);
}

void wheel_stop(struct wheel *wheel, struct wheel_timer *timer)
{
    if (!wheel_timer_runs(timer)) return;
    check(wheel->running > 0);
    wheel->running--;
    list_remove(&timer->node);
    /* Also correct for a timer that has left its slot and waits to be fired. */
    if (!list_empty(&wheel->slots[timer->slot])) return;
    *bits_of(wheel, timer->slot) &= ~bit_of(timer->slot);
    look_ahead(wheel);
}

void wheel_collect(struct wheel *wheel, uint64_t now_ns)
{
    uint64_t target = now_ns / WHEEL_TICK_NS;
    uint64_t tick = 0;
    unsigned slot;
    if (target < wheel->tick) target = wheel->tick;
    if (target < wheel->next_tick) {
        wheel->tick = target;
        return;
    }
    empty_slot(wheel, digit_of(wheel->tick, 0), &wheel->due);
    while ((slot = next_slot(wheel, &tick)) != NO_SLOT && tick <= target) {
        wheel->tick = tick;
        if (slot >= WHEEL_SLOTS) move_down(wheel, slot);
        empty_slot(wheel, digit_of(tick, 0), &wheel->due);
    }
    wheel->tick = target;
    look_ahead(wheel);
}

bool wheel_fire(struct wheel *wheel)
{
    struct list *node = list_take_first(&wheel->due);
    if (node == NULL) return false;
    struct wheel_timer *timer = container_of(node, struct wheel_timer, node);
    wheel->running--;
    timer->fire(timer);
    return true;
}
