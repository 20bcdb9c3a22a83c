#include "run/meter.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdatomic.h>

static struct meters *meters;
static struct meter_sample sample;

static void open_meters(uint32_t workers)
{
    meters = meters_open(workers);
    cr_assert_not_null(meters);
    meter_sample_init(&sample);
}

static struct meter_sum sum_of(uint32_t kind)
{
    struct meter_sum sum = {.calls = 0};
    meter_read(&meters[0], kind, &sum);
    return sum;
}

/* A run of so many packets. */
static void receive(int count)
{
    for (int i = 0; i < count; i++) meter_packet(&sample, &meters[0]);
    meter_publish_packets(&sample, &meters[0]);
    meter_packets_end(&sample, &meters[0]);
}

Test(meter, every_kind_has_a_name)
{
    for (int i = 0; i < RUN_KINDS; i++) cr_assert_not_null(run_names[i]);
    cr_assert_str_eq(run_names[ON_RECEIVE], "on_receive");
    cr_assert_str_eq(run_names[RUN_TIMER], "timer");
    cr_assert_str_eq(run_names[RUN_CALL], "on_call");
}

Test(meter, a_call_that_waits_is_one_call_and_timed_in_pieces)
{
    open_meters(1);
    meter_call_end(meters, RUN_TIMER, true, 0);
    meter_call_end(meters, RUN_TIMER, false, 0);
    meter_call_end(meters, RUN_TIMER, true, 0);
    struct meter_sum sum = sum_of(RUN_TIMER);
    cr_assert_eq(sum.calls, 2);
    cr_assert_eq(sum.time.count, 3);
    cr_assert(sum.time.largest_ns > 0);
    cr_assert_eq(sum_of(RUN_CALL).calls, 0);
    meters_close(meters);
}

Test(meter, failures_are_counted_and_which_of_them_were_interrupted)
{
    open_meters(1);
    for (int i = 0; i < 5; i++) meter_call_end(meters, ON_DRAIN, true, 0);
    meter_failed(meters, ON_DRAIN, false);
    meter_failed(meters, ON_DRAIN, true);
    meter_not_called(meters, ON_DRAIN);
    struct meter_sum sum = sum_of(ON_DRAIN);
    cr_assert_eq(sum.calls, 6);
    cr_assert_eq(sum.failed, 3);
    cr_assert_eq(sum.interrupted, 1);
    meters_close(meters);
}

Test(meter, what_is_no_call_of_a_handler_is_not_counted)
{
    open_meters(1);
    for (uint32_t kind = METER_KINDS; kind < RUN_KINDS; kind++) {
        meter_call_end(meters, kind, true, 0);
        meter_failed(meters, kind, true);
        meter_not_called(meters, kind);
    }
    for (uint32_t kind = 0; kind < METER_KINDS; kind++) cr_assert_eq(sum_of(kind).calls, 0);
    cr_assert_eq(counter_get(&meters->lua_memory), 0);
    meters_close(meters);
}

Test(meter, sums_are_of_several_workers_and_totals_of_all_kinds)
{
    uint64_t calls = 7, failed = 7;
    open_meters(2);
    meters_totals(&meters[0], &calls, &failed);
    cr_assert_eq(calls, 0);
    cr_assert_eq(failed, 0);
    meter_call_end(&meters[0], ON_IDLE, true, 0);
    meter_call_end(&meters[1], ON_IDLE, true, 0);
    meter_call_end(&meters[1], RUN_CALL, true, 0);
    meter_failed(&meters[1], RUN_CALL, false);
    receive(3);
    struct meter_sum sum = sum_of(ON_IDLE);
    meter_read(&meters[1], ON_IDLE, &sum);
    cr_assert_eq(sum.calls, 2);
    cr_assert_eq(sum.time.count, 2);
    meters_totals(&meters[0], &calls, &failed);
    cr_assert_eq(calls, 4);
    cr_assert_eq(failed, 0);
    meters_totals(&meters[1], &calls, &failed);
    cr_assert_eq(calls, 2);
    cr_assert_eq(failed, 1);
    meters_close(meters);
}

/* ---- packets ---- */

Test(meter, packets_are_counted_exactly_however_they_come)
{
    uint64_t expected = 0;
    open_meters(1);
    for (int i = 0; i < 3000; i++) {
        int count = i * 7 % 40;
        if (i % 100 == 99) {
            meter_packet_missed(&sample);
            meter_not_called(meters, ON_RECEIVE);
            expected++;
        }
        receive(count);
        expected += (uint64_t)count;
        cr_assert_eq(sum_of(ON_RECEIVE).calls, expected);
    }
    cr_assert_eq(sum_of(ON_RECEIVE).failed, 30);
    meters_close(meters);
}

Test(meter, the_first_packet_is_timed_whatever_comes_behind_it)
{
    open_meters(1);
    receive(1);
    cr_assert_eq(sum_of(ON_RECEIVE).time.count, 1);
    meters_close(meters);
    open_meters(1);
    receive(2);
    cr_assert_eq(sum_of(ON_RECEIVE).time.count, 2);
    meters_close(meters);
}

/* So many are timed. */
static int timed_of(int runs, int packets)
{
    int timed = 0;
    for (int i = 0; i < runs; i++) {
        for (int j = 0; j < packets; j++) {
            uint64_t before = sample.begun_ns;
            sample.begun_ns = before == 0 ? 0 : 1; /* a call at a time that the clock never has */
            meter_packet(&sample, meters);
            timed += sample.begun_ns > 1;
        }
        meter_packets_end(&sample, meters);
    }
    return timed;
}

Test(meter, of_many_packets_some_are_timed_and_stand_for_all)
{
    static const int packets[] = {1, 2, 32};
    for (size_t i = 0; i < sizeof packets / sizeof *packets; i++) {
        enum { MANY = 1 << 20 };
        open_meters(1);
        timed_of(METER_SAMPLED * METER_SAMPLED / packets[i], packets[i]);
        int timed = timed_of(MANY / packets[i], packets[i]), expected = MANY / METER_SAMPLED;
        cr_assert(timed > expected * 9 / 10 && timed < expected * 11 / 10, "%d of %d", timed,
                  packets[i]);
        uint64_t all = MANY + METER_SAMPLED * METER_SAMPLED;
        uint64_t count = sum_of(ON_RECEIVE).time.count;
        cr_assert(count <= all && count > all - 2 * METER_SAMPLED, "%d", packets[i]);
        meters_close(meters);
    }
}

/* In each place of a run of packets about as many are timed. */
Test(meter, no_packet_of_a_run_is_preferred)
{
    enum { PACKETS = 32, RUNS = 1 << 16 };
    int timed[PACKETS] = {0};
    open_meters(1);
    timed_of(METER_SAMPLED * METER_SAMPLED, 1);
    for (int i = 0; i < RUNS; i++) {
        for (int j = 0; j < PACKETS; j++) {
            if (sample.begun_ns != 0) sample.begun_ns = 1;
            meter_packet(&sample, meters);
            timed[j] += sample.begun_ns > 1;
        }
        meter_packets_end(&sample, meters);
    }
    for (int j = 0; j < PACKETS; j++)
        cr_assert(timed[j] > RUNS / METER_SAMPLED * 4 / 5 &&
                      timed[j] < RUNS / METER_SAMPLED * 6 / 5,
                  "%d in place %d", timed[j], j);
    meters_close(meters);
}

/* ---- threads ---- */

static void *count(void *context)
{
    for (int i = 0; i < 20000; i++) {
        receive(10);
        meter_call_end(meters, RUN_TIMER, true, 0);
        meter_failed(meters, RUN_TIMER, true);
        counter_set(&meters->lua_memory, (uint64_t)i);
    }
    atomic_store((atomic_bool *)context, true);
    return NULL;
}

Test(meter, is_read_while_it_counts)
{
    atomic_bool over = false;
    pthread_t counter_thread;
    uint64_t before = 0, calls, failed;
    open_meters(1);
    cr_assert_eq(pthread_create(&counter_thread, NULL, count, &over), 0);
    while (!atomic_load(&over)) {
        uint64_t received = sum_of(ON_RECEIVE).calls;
        cr_assert(received >= before);
        before = received;
        meters_totals(meters, &calls, &failed);
        cr_assert_leq(counter_get(&meters->lua_memory), 20000);
    }
    pthread_join(counter_thread, NULL);
    meters_totals(meters, &calls, &failed);
    cr_assert_eq(calls, 220000);
    cr_assert_eq(failed, 20000);
    meters_close(meters);
}

Test(meter, a_slow_packet_stands_for_itself_alone)
{
    open_meters(1);
    timed_of(METER_SAMPLED * METER_SAMPLED, 1);
    meter_packets_end(&sample, meters);
    struct meter_sum before = sum_of(ON_RECEIVE);
    sample.begun_ns = 0;
    meter_packet_slow(&sample, meters, UINT64_MAX / 4);
    struct meter_sum after = sum_of(ON_RECEIVE);
    cr_assert_eq(after.time.count, before.time.count + 1);
    cr_assert_eq(after.time.largest_ns,
                 UINT64_MAX / 4 > before.time.largest_ns ? UINT64_MAX / 4 : before.time.largest_ns);
    sample.begun_ns = 1; /* it is timed */
    sample.weight = 77;
    meter_packet_slow(&sample, meters, 1);
    cr_assert_eq(sum_of(ON_RECEIVE).time.count, before.time.count + 1);
    meter_packets_end(&sample, meters);
    cr_assert_eq(sum_of(ON_RECEIVE).time.count, before.time.count + 2);
    meters_close(meters);
}
