#include "base/wheel.h"
#include "random.h"

#include <criterion/criterion.h>

#define MS WHEEL_TICK_NS
#define RIM_TICKS (UINT64_C(1) << 36)

/* A timer that notes in `order` when it fires, and does to others what it is told. */
struct alarm {
    struct wheel_timer timer;
    int fired;            /* times */
    int place;            /* in the order of all that fired, from 1 */
    struct alarm *stops;  /* stopped when this fires */
    struct alarm *starts; /* started when this fires */
    uint64_t starts_ns;   /* with this due time */
};

static struct wheel wheel;
static int fired_count;

static void ring(struct wheel_timer *timer)
{
    struct alarm *alarm = container_of(timer, struct alarm, timer);
    cr_assert_not(wheel_timer_runs(timer));
    alarm->fired++;
    alarm->place = ++fired_count;
    if (alarm->stops != NULL) wheel_stop(&wheel, &alarm->stops->timer);
    if (alarm->starts != NULL) wheel_start(&wheel, &alarm->starts->timer, alarm->starts_ns);
}

static void begin(uint64_t now_ns, struct alarm *alarms, int count)
{
    wheel_init(&wheel, now_ns);
    fired_count = 0;
    for (int i = 0; i < count; i++) {
        alarms[i] = (struct alarm){0};
        wheel_timer_init(&alarms[i].timer, ring);
    }
}

/* Fires all that is due. */
static void wheel_advance(struct wheel *timers, uint64_t now_ns)
{
    wheel_collect(timers, now_ns);
    while (wheel_fire(timers)) continue;
}

Test(wheel, a_timer_fires_once_and_not_before_its_time)
{
    struct alarm alarm;
    begin(5 * MS, &alarm, 1);
    wheel_start(&wheel, &alarm.timer, 105 * MS);
    cr_assert(wheel_timer_runs(&alarm.timer));
    cr_assert_eq(wheel.running, 1);
    wheel_advance(&wheel, 105 * MS - 1);
    cr_assert_eq(alarm.fired, 0);
    wheel_advance(&wheel, 105 * MS);
    cr_assert_eq(alarm.fired, 1);
    cr_assert_not(wheel_timer_runs(&alarm.timer));
    cr_assert_eq(wheel.running, 0);
    wheel_advance(&wheel, 1000 * MS);
    cr_assert_eq(alarm.fired, 1);
}

Test(wheel, a_time_between_two_ticks_is_rounded_up)
{
    struct alarm alarm;
    begin(0, &alarm, 1);
    wheel_start(&wheel, &alarm.timer, 7 * MS + 1);
    cr_assert_eq(wheel_next_ns(&wheel), 8 * MS);
    wheel_advance(&wheel, 7 * MS);
    cr_assert_eq(alarm.fired, 0);
    wheel_advance(&wheel, 8 * MS);
    cr_assert_eq(alarm.fired, 1);
}

Test(wheel, a_timer_that_was_stopped_does_not_fire)
{
    struct alarm alarm;
    begin(0, &alarm, 1);
    wheel_stop(&wheel, &alarm.timer);
    wheel_start(&wheel, &alarm.timer, 10 * MS);
    wheel_stop(&wheel, &alarm.timer);
    wheel_stop(&wheel, &alarm.timer);
    cr_assert_eq(wheel.running, 0);
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
    wheel_advance(&wheel, 20 * MS);
    cr_assert_eq(alarm.fired, 0);
}

Test(wheel, a_running_timer_that_is_started_moves)
{
    struct alarm alarm;
    begin(0, &alarm, 1);
    wheel_start(&wheel, &alarm.timer, 10 * MS);
    wheel_start(&wheel, &alarm.timer, 5000 * MS);
    cr_assert_eq(wheel.running, 1);
    wheel_advance(&wheel, 4999 * MS);
    cr_assert_eq(alarm.fired, 0);
    wheel_start(&wheel, &alarm.timer, 5001 * MS);
    wheel_advance(&wheel, 5001 * MS);
    cr_assert_eq(alarm.fired, 1);
}

Test(wheel, earlier_ticks_fire_first_however_far_it_jumps)
{
    static const uint64_t due_ms[] = {5000, 64, 3, 63, 4096, 1, 65, 4095, 1 << 20, 262144, 262143};
    enum { COUNT = sizeof due_ms / sizeof *due_ms };
    struct alarm alarms[COUNT];
    begin(0, alarms, COUNT);
    for (int i = 0; i < COUNT; i++) wheel_start(&wheel, &alarms[i].timer, due_ms[i] * MS);
    wheel_advance(&wheel, UINT64_C(1) << 60);
    for (int i = 0; i < COUNT; i++) {
        int earlier = 0;
        for (int k = 0; k < COUNT; k++) earlier += due_ms[k] < due_ms[i];
        cr_assert_eq(alarms[i].place, earlier + 1, "the one of %llu ms",
                     (unsigned long long)due_ms[i]);
    }
}

Test(wheel, a_time_that_is_past_fires_at_the_next_advance)
{
    struct alarm alarms[3];
    begin(100 * MS, alarms, 3);
    wheel_start(&wheel, &alarms[0].timer, 0);
    wheel_start(&wheel, &alarms[1].timer, 100 * MS);
    wheel_start(&wheel, &alarms[2].timer, 101 * MS);
    cr_assert_eq(fired_count, 0);
    cr_assert_eq(wheel_next_ns(&wheel), 100 * MS);
    wheel_advance(&wheel, 100 * MS);
    cr_assert_eq(alarms[0].fired, 1);
    cr_assert_eq(alarms[1].fired, 1);
    cr_assert_eq(alarms[2].fired, 0);
}

Test(wheel, time_that_goes_backwards_is_ignored)
{
    struct alarm alarm;
    begin(100 * MS, &alarm, 1);
    wheel_start(&wheel, &alarm.timer, 200 * MS);
    wheel_advance(&wheel, 50 * MS);
    cr_assert_eq(wheel.tick, 100);
    wheel_advance(&wheel, 200 * MS);
    cr_assert_eq(alarm.fired, 1);
}

Test(wheel, a_timer_that_always_restarts_itself_fires_once_an_advance)
{
    struct alarm alarm;
    begin(0, &alarm, 1);
    alarm.starts = &alarm;
    alarm.starts_ns = 0;
    wheel_start(&wheel, &alarm.timer, 10 * MS);
    for (int i = 1; i <= 5; i++) {
        wheel_advance(&wheel, 100 * MS);
        cr_assert_eq(alarm.fired, i);
    }
    alarm.starts_ns = 150 * MS; /* past too, by the time that the callback runs */
    wheel_advance(&wheel, 200 * MS);
    cr_assert_eq(alarm.fired, 6);
}

Test(wheel, a_callback_may_stop_another_of_the_same_tick)
{
    struct alarm alarms[3];
    begin(0, alarms, 3);
    alarms[0].stops = &alarms[1];
    for (int i = 0; i < 3; i++) wheel_start(&wheel, &alarms[i].timer, 70 * MS);
    wheel_advance(&wheel, 70 * MS);
    cr_assert_eq(alarms[0].fired, 1);
    cr_assert_eq(alarms[1].fired, 0);
    cr_assert_eq(alarms[2].fired, 1);
    cr_assert_eq(wheel.running, 0);
}

Test(wheel, a_callback_may_put_off_another_that_is_due)
{
    struct alarm alarms[2];
    begin(0, alarms, 2);
    alarms[0].starts = &alarms[1];
    alarms[0].starts_ns = 75 * MS;
    wheel_start(&wheel, &alarms[0].timer, 70 * MS);
    wheel_start(&wheel, &alarms[1].timer, 71 * MS);
    wheel_advance(&wheel, 74 * MS);
    cr_assert_eq(alarms[1].fired, 0);
    cr_assert_eq(wheel.running, 1);
    wheel_advance(&wheel, 75 * MS);
    cr_assert_eq(alarms[1].fired, 1);
}

Test(wheel, timers_beyond_the_rim_fire_at_their_tick)
{
    static const uint64_t starts[] = {0, 12345, RIM_TICKS - 2, 3 * RIM_TICKS - 1};
    static const uint64_t delays[] = {RIM_TICKS - 1, RIM_TICKS, RIM_TICKS + 1, 5 * RIM_TICKS + 77};
    for (int i = 0; i < 4; i++) {
        for (int k = 0; k < 4; k++) {
            struct alarm alarms[2];
            uint64_t due_ns = (starts[i] + delays[k]) * MS;
            begin(starts[i] * MS, alarms, 2);
            wheel_start(&wheel, &alarms[0].timer, due_ns);
            wheel_start(&wheel, &alarms[1].timer, (starts[i] + 3) * MS);
            wheel_advance(&wheel, due_ns - 1);
            cr_assert_eq(alarms[0].fired, 0, "start %d, delay %d", i, k);
            cr_assert_eq(alarms[1].fired, 1, "start %d, delay %d", i, k);
            wheel_advance(&wheel, due_ns);
            cr_assert_eq(alarms[0].fired, 1, "start %d, delay %d", i, k);
        }
    }
}

Test(wheel, the_end_of_time_never_comes)
{
    struct alarm alarm;
    begin(0, &alarm, 1);
    wheel_start(&wheel, &alarm.timer, UINT64_MAX);
    for (uint64_t now_ns = MS; now_ns < UINT64_MAX / 2; now_ns *= 2) wheel_advance(&wheel, now_ns);
    wheel_advance(&wheel, UINT64_MAX);
    cr_assert_eq(alarm.fired, 0);
    cr_assert_eq(wheel_next_ns(&wheel), UINT64_MAX);
    wheel_stop(&wheel, &alarm.timer);
    cr_assert_eq(wheel.running, 0);
}

/* Two are collected, and one has fired: the other one waits for nothing. */
Test(wheel, what_is_collected_is_to_fire_at_once)
{
    struct alarm alarms[3];
    begin(0, alarms, 3);
    wheel_start(&wheel, &alarms[0].timer, 5 * MS);
    wheel_start(&wheel, &alarms[1].timer, 5 * MS);
    wheel_start(&wheel, &alarms[2].timer, 9 * MS);
    wheel_collect(&wheel, 5 * MS);
    cr_assert_eq(wheel_next_ns(&wheel), 0);
    cr_assert(wheel_fire(&wheel));
    cr_assert_eq(wheel_next_ns(&wheel), 0);
    cr_assert(wheel_fire(&wheel));
    cr_assert(wheel_next_ns(&wheel) > 5 * MS);
    cr_assert(wheel_next_ns(&wheel) <= 9 * MS);
    cr_assert_not(wheel_fire(&wheel));
}

/* Tick by tick this would take days. */
Test(wheel, empty_stretches_are_skipped)
{
    struct alarm alarm;
    uint64_t now_ns = 0;
    begin(0, &alarm, 1);
    for (int i = 0; i < 100000; i++) {
        bool due = i % 100 == 99;
        if (i % 100 == 0) wheel_start(&wheel, &alarm.timer, now_ns + 100 * 3600 * 1000 * MS);
        now_ns += 3600 * 1000 * MS;
        wheel_advance(&wheel, now_ns);
        bool right = alarm.fired == i / 100 + due;
        if (!right) cr_assert(right, "hour %d", i);
    }
}

/* Any size from 0 to 2^bits, each size of number as likely as the others. */
static uint64_t random_size(uint64_t *state, unsigned bits)
{
    uint64_t mask = (UINT64_C(1) << random_next(state) % (bits + 1)) - 1;
    return random_next(state) & mask;
}

Test(wheel, next_never_oversleeps_and_needs_few_wakes)
{
    enum { COUNT = 500 };
    static struct alarm alarms[COUNT];
    static uint64_t due_ns[COUNT];
    const uint64_t seed = 0x6e657874;
    uint64_t state = seed, now_ns = 987654321 * MS;
    int wakes = 0, before = 0;
    begin(now_ns, alarms, COUNT);
    for (int i = 0; i < COUNT; i++) {
        due_ns[i] = now_ns + random_size(&state, 58);
        wheel_start(&wheel, &alarms[i].timer, due_ns[i]);
    }
    while ((now_ns = wheel_next_ns(&wheel)) != UINT64_MAX) {
        wheel_advance(&wheel, now_ns);
        wakes++;
        for (int i = 0; i < COUNT; i++) {
            if (alarms[i].place <= before) continue;
            bool exact = now_ns >= due_ns[i] && now_ns - due_ns[i] < MS;
            if (!exact) cr_assert(exact, "seed %llu, timer %d", (unsigned long long)seed, i);
        }
        before = fired_count;
        if (wakes > COUNT * (WHEEL_LEVELS + 1)) break;
    }
    cr_assert_eq(fired_count, COUNT, "seed %llu", (unsigned long long)seed);
    cr_assert(wakes <= COUNT * (WHEEL_LEVELS + 1), "seed %llu: %d wakes for %d timers",
              (unsigned long long)seed, wakes, COUNT);
}

/* The model: an array of timers, and for each what the header promises of it. */
enum { MODEL_TIMERS = 60, MODEL_STEPS = 3000, MODEL_ROUNDS = 8 };
static const uint64_t model_seed = 0x776865656c;

struct modelled {
    struct wheel_timer timer;
    bool runs;
    uint64_t due_tick;
    int started_in; /* the advance from whose callbacks it was started; 0: from outside */
};

static struct {
    struct modelled timers[MODEL_TIMERS];
    uint64_t state, tick, last_tick; /* last_tick: of the timer that fired last in this advance */
    uint64_t fired;
    int advance, round, step;
    bool inside;
} model;

static void must(bool holds, const char *what)
{
    if (!holds)
        cr_assert(holds, "%s: seed %llu, round %d, step %d", what, (unsigned long long)model_seed,
                  model.round, model.step);
}

static uint64_t random_due(void)
{
    uint64_t now_ns = model.tick * MS, away = random_size(&model.state, 57);
    switch (random_next(&model.state) % 8) {
    case 0: return now_ns > away ? now_ns - away : 0;
    case 1: return now_ns + away / MS * MS;
    case 2: return now_ns + random_next(&model.state) % (200 * MS);
    case 3:
        return (model.tick / RIM_TICKS + 1) * RIM_TICKS * MS - MS + random_next(&model.state) % 3;
    default: return now_ns + away;
    }
}

static void model_start(struct modelled *timer)
{
    uint64_t due_ns = random_next(&model.state) % 50 == 0 ? UINT64_MAX : random_due();
    uint64_t due_tick = due_ns / MS + (due_ns % MS != 0);
    timer->runs = true;
    timer->due_tick = due_tick > model.tick ? due_tick : model.tick;
    timer->started_in = model.inside ? model.advance : 0;
    wheel_start(&wheel, &timer->timer, due_ns);
}

static void model_stop(struct modelled *timer)
{
    timer->runs = false;
    wheel_stop(&wheel, &timer->timer);
}

static struct modelled *any_timer(void)
{
    return &model.timers[random_next(&model.state) % MODEL_TIMERS];
}

static void model_fire(struct wheel_timer *fired)
{
    struct modelled *timer = container_of(fired, struct modelled, timer);
    must(timer->runs, "only what runs fires");
    must(timer->due_tick <= model.tick, "never early");
    must(timer->due_tick >= model.last_tick, "earlier ticks first");
    must(timer->started_in != model.advance, "what a callback starts waits for the next advance");
    must(!wheel_timer_runs(fired), "it has stopped when it fires");
    model.last_tick = timer->due_tick;
    model.fired++;
    timer->runs = false;
    switch (random_next(&model.state) % 8) {
    case 0: model_stop(any_timer()); break;
    case 1: model_start(any_timer()); break;
    case 2: model_start(timer); break;
    default: break;
    }
}

static void model_advance(uint64_t now_ns)
{
    if (now_ns / MS > model.tick) model.tick = now_ns / MS;
    model.last_tick = 0;
    model.advance++;
    model.inside = true;
    wheel_advance(&wheel, now_ns);
    model.inside = false;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        const struct modelled *timer = &model.timers[i];
        bool late = timer->runs && timer->due_tick <= model.tick;
        must(!late || timer->started_in == model.advance, "never late");
    }
}

static uint64_t random_time(void)
{
    uint64_t now_ns = model.tick * MS, next_ns = wheel_next_ns(&wheel);
    switch (random_next(&model.state) % 6) {
    case 0: return now_ns;
    case 1: return now_ns > MS ? now_ns - random_size(&model.state, 20) % now_ns : 0;
    case 2: return next_ns == UINT64_MAX ? now_ns : next_ns;
    case 3: return next_ns == UINT64_MAX || next_ns == 0 ? now_ns : next_ns - 1;
    case 4: return now_ns + random_next(&model.state) % (100 * MS);
    default: return now_ns + random_size(&model.state, 56);
    }
}

static void compare(void)
{
    uint64_t running = 0, first_tick = UINT64_MAX, next_ns = wheel_next_ns(&wheel);
    for (int i = 0; i < MODEL_TIMERS; i++) {
        const struct modelled *timer = &model.timers[i];
        must(wheel_timer_runs(&timer->timer) == timer->runs, "both agree on what runs");
        if (!timer->runs) continue;
        running++;
        if (timer->due_tick < first_tick) first_tick = timer->due_tick;
    }
    must(wheel.running == running, "both count the same");
    if (running == 0) must(next_ns == UINT64_MAX, "nothing runs, nothing is next");
    if (first_tick <= UINT64_MAX / MS) must(next_ns <= first_tick * MS, "next is not too late");
    must(next_ns >= model.tick * MS, "next is not before now");
}

static void model_round(uint64_t begin_ns)
{
    wheel_init(&wheel, begin_ns);
    model.tick = begin_ns / MS;
    for (int i = 0; i < MODEL_TIMERS; i++) {
        model.timers[i] = (struct modelled){0};
        wheel_timer_init(&model.timers[i].timer, model_fire);
    }
    for (model.step = 0; model.step < MODEL_STEPS; model.step++) {
        if (model.tick > UINT64_MAX / MS / 2) break; /* 292 years have gone by */
        switch (random_next(&model.state) % 4) {
        case 0: model_stop(any_timer()); break;
        case 1: model_advance(random_time()); break;
        default: model_start(any_timer()); break;
        }
        compare();
    }
}

Test(wheel, does_what_a_plain_array_of_timers_does)
{
    model.state = model_seed;
    for (model.round = 0; model.round < MODEL_ROUNDS; model.round++)
        model_round(model.round % 2 == 0 ? random_size(&model.state, 50)
                                         : RIM_TICKS * MS - random_size(&model.state, 40));
    cr_assert(model.fired > MODEL_ROUNDS * MODEL_STEPS / 10, "only %llu fired",
              (unsigned long long)model.fired);
}
