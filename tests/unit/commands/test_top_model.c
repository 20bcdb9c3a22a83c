#include "commands/top_model.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>

static struct top_model model; /* as it is in each test's process */

/* From a copy that ends where its memory does, so that a sanitizer sees a step beyond it. */
static bool take(const char *text)
{
    size_t size = strlen(text);
    uint8_t *copy = malloc(size > 0 ? size : 1);
    memcpy(copy, text, size);
    bool taken = top_model_take(&model, span_of(copy, size));
    free(copy);
    return taken;
}

/* A NAN: mingw's isnan makes warnings. */
static bool is_unknown(double value)
{
    return value != value;
}

static void is(double value, double expected)
{
    double by = value - expected;
    cr_assert(by < 1e-9 && by > -1e-9, "%g is not %g", value, expected);
}

Test(top_model, reads_figures_of_the_whole)
{
    cr_assert(take("version                      0.1.0\n"
                   "connections                  17\n"
                   "connections_max              3000\n"
                   "uptime                       12.250000\n"
                   "jobs.busy                    2\n"
                   "draining                     1\n"));
    cr_assert(model.has_now);
    cr_assert_str_eq(model.now.version, "0.1.0");
    is(model.now.whole.connections, 17);
    is(model.now.whole.connections_max, 3000);
    is(model.now.whole.uptime, 12.25);
    is(model.now.whole.jobs_busy, 2);
    is(model.now.whole.draining, 1);
    cr_assert(is_unknown(model.now.whole.blocks), "it was not said");
}

Test(top_model, reads_workers_handlers_and_listeners)
{
    cr_assert(take("uptime 5\n"
                   "on_receive.calls 100\non_receive.failed 3\non_receive.interrupted 1\n"
                   "on_receive.time.p50 0.000002\non_receive.time.p99 0.001\n"
                   "on_receive.time.max 0.25\n"
                   "timer.calls 7\ntimer.failed 2\n"
                   "listener.1 127.0.0.1:7000 open\nlistener.1.accepted 9\n"
                   "listener.1.refused 1\nlistener.1.connections 4\n"
                   "listener.2 unix:/run/a b.sock closed\n"
                   "worker.1.connections 10\nworker.1.turn.p99 0.002\nworker.1.lua_memory 2048\n"
                   "worker.12.connections 11"));
    cr_assert_eq(model.now.handler_count, 2);
    cr_assert_str_eq(model.now.handlers[0].name, "on_receive");
    is(model.now.handlers[0].of.calls, 100);
    is(model.now.handlers[0].of.interrupted, 1);
    is(model.now.handlers[0].of.p50, 2e-6);
    is(model.now.handlers[0].of.p99, 1e-3);
    is(model.now.handlers[0].of.max, 0.25);
    is(model.now.whole.failed, 5);
    cr_assert_eq(model.now.listener_count, 2);
    cr_assert_str_eq(model.now.listeners[0].address, "127.0.0.1:7000");
    cr_assert(model.now.listeners[0].is_open);
    is(model.now.listeners[0].of.accepted, 9);
    is(model.now.listeners[0].of.refused, 1);
    is(model.now.listeners[0].of.connections, 4);
    cr_assert_str_eq(model.now.listeners[1].address, "unix:/run/a b.sock");
    cr_assert_not(model.now.listeners[1].is_open);
    cr_assert_eq(model.now.worker_count, 12);
    is(model.now.workers[0].connections, 10);
    is(model.now.workers[0].turn_p99, 0.002);
    is(model.now.workers[0].lua_memory, 2048);
    is(model.now.workers[11].connections, 11);
    cr_assert(is_unknown(model.now.workers[5].connections));
}

Test(top_model, what_was_called_most_comes_first)
{
    cr_assert(take("uptime 5\non_start.calls 2\non_receive.calls 100\non_connect.calls 7\n"
                   "on_stop.calls 2\n"));
    cr_assert_str_eq(model.now.handlers[0].name, "on_receive");
    cr_assert_str_eq(model.now.handlers[1].name, "on_connect");
    cr_assert_str_eq(model.now.handlers[2].name, "on_start");
    cr_assert_str_eq(model.now.handlers[3].name, "on_stop");
}

Test(top_model, rates_are_between_two_answers)
{
    take("uptime 10\npackets_received 100\non_receive.calls 100\non_receive.failed 1\n"
         "listener.1 a open\nlistener.1.accepted 3\nworker.1.busy 1.5\n");
    cr_assert(is_unknown(model.rate.whole.packets_received), "there is only one");
    cr_assert(is_unknown(model.rate.workers[0].busy));
    take("uptime 12\npackets_received 150\non_receive.calls 300\non_receive.failed 4\n"
         "listener.1 a open\nlistener.1.accepted 4\nworker.1.busy 2.5\n");
    is(model.rate.whole.packets_received, 25);
    is(model.rate.whole.failed, 1.5);
    is(model.rate.handlers[0].of.calls, 100);
    is(model.rate.listeners[0].of.accepted, 0.5);
    is(model.rate.workers[0].busy, 0.5);
    is(model.now.whole.packets_received, 150);
}

Test(top_model, a_handler_is_found_wherever_it_stands)
{
    take("uptime 10\non_receive.calls 10\ntimer.calls 4\n");
    take("uptime 11\non_close.calls 3\ntimer.calls 40\non_receive.calls 15\n");
    cr_assert_str_eq(model.rate.handlers[0].name, "timer");
    is(model.rate.handlers[0].of.calls, 36);
    is(model.rate.handlers[1].of.calls, 5);
    cr_assert_str_eq(model.rate.handlers[2].name, "on_close");
    is(model.rate.handlers[2].of.calls, 3); /* all of them are new */
}

Test(top_model, a_server_that_began_anew_has_no_rates_yet)
{
    take("uptime 10\npackets_received 100\nworker.1.busy 1\n");
    take("uptime 1\npackets_received 500\nworker.1.busy 3\n");
    cr_assert(is_unknown(model.rate.whole.packets_received));
    cr_assert(is_unknown(model.rate.workers[0].busy));
    is(model.now.whole.packets_received, 500);
    take("uptime 2\npackets_received 501\n");
    is(model.rate.whole.packets_received, 1);
}

Test(top_model, what_became_less_is_no_rate)
{
    take("uptime 10\npackets_received 100\nworker.1.busy 1\n");
    take("uptime 11\npackets_received 99\nworker.1.busy 1\nworker.2.busy 1\n");
    cr_assert(is_unknown(model.rate.whole.packets_received));
    is(model.rate.workers[0].busy, 0);
    cr_assert(is_unknown(model.rate.workers[1].busy), "it was not there before");
}

Test(top_model, what_are_no_figures_changes_nothing)
{
    cr_assert_not(take(""));
    cr_assert_not(take("\n\n \n"));
    cr_assert_not(take("<html>no\nuptime soon\n"));
    cr_assert_not(model.has_now);
    cr_assert(take("uptime 10\nconnections 3\n"));
    cr_assert_not(take("not allowed\n"));
    is(model.now.whole.connections, 3);
}

Test(top_model, what_it_does_not_know_is_left_out)
{
    cr_assert(take("uptime 1\nweather 7\nworker.0.busy 1\nworker.999.busy 1\nworker.99999 1\n"
                   "worker.busy 1\nworker.2x.busy 1\nlistener.33 a open\nlistener. x\n.calls 3\n"
                   "closed_words.calls 7\nclosed.calls 1\nrefused_by.calls 1\nturn.p50 1\n"
                   "a.failed 4\n"));
    cr_assert_eq(model.now.worker_count, 0);
    cr_assert_eq(model.now.listener_count, 0);
    cr_assert_eq(model.now.handler_count, 1, "the one without a name");
    is(model.now.whole.failed, 0);
}

Test(top_model, there_is_a_bound_on_all_of_them)
{
    char text[8192];
    int used = snprintf(text, sizeof text, "uptime 1\n");
    for (int i = 0; i < TOP_HANDLERS_MAX + 3; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "h%d.calls 1\n", i);
    for (int i = 1; i < CONFIG_WORKERS_MAX + 3; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "worker.%d.busy 1\n", i);
    for (int i = 1; i < CONFIG_LISTENERS_MAX + 3; i++)
        used += snprintf(text + used, sizeof text - (size_t)used, "listener.%d a open\n", i);
    cr_assert(take(text));
    cr_assert_eq(model.now.handler_count, TOP_HANDLERS_MAX);
    cr_assert_eq(model.now.worker_count, CONFIG_WORKERS_MAX);
    cr_assert_eq(model.now.listener_count, CONFIG_LISTENERS_MAX);
}

Test(top_model, names_are_clean)
{
    cr_assert(take("version 1\033[31m\nuptime 1\non\033c.calls 1\nlistener.1 unix:/a\007 open\n"));
    cr_assert_str_eq(model.now.version, "1\\x1b[31m");
    cr_assert_str_eq(model.now.handlers[0].name, "on\\x1bc");
    cr_assert_str_eq(model.now.listeners[0].address, "unix:/a\\x07");
}
