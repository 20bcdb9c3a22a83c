/* Questions about the connections of a real server, some of whose workers are held up. */
#include "admin/survey.h"
#include "base/clock.h"
#include "peer.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 2, CLIENTS = 20, STEP = 4 /* so that there are many */ };
enum { MUCH = 12 }; /* MiB, more than the system takes for a peer that does not read */

struct test {
    struct server *server;
    uint16_t port;
    intptr_t clients[CLIENTS];
    struct survey_owed owed;
    struct survey_question question;
    struct survey_answer answer;
};

static atomic_int connected_count, disconnected_count;
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool stuck;

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)context, (void)error;
    return worker;
}

static enum script_verdict connected(void *state, struct link *link)
{
    (void)state, (void)link;
    atomic_fetch_add(&connected_count, 1);
    return SCRIPT_YES;
}

/* The first byte says what becomes of it. */
static void received(void *state, struct link *link, struct span packet)
{
    static const char much[1 << 20];
    (void)state;
    switch (packet.data[0]) {
    case 'p': link_pause(link); break;
    case 'h': link_hold(link); break;
    case 'q':
        for (int i = 0; i < MUCH; i++)
            cr_assert_eq(link_send(link, span_of(much, sizeof much)), SEND_OK);
        break;
    case 'f':
        for (int i = 0; i < MUCH; i++)
            cr_assert_eq(link_send(link, span_of(much, sizeof much)), SEND_OK);
        link_close(link, NULL);
        break;
    }
    link_send(link, packet);
}

static void disconnected(void *state, struct link *link, const char *reason)
{
    (void)state, (void)link, (void)reason;
    atomic_fetch_add(&disconnected_count, 1);
}

static const struct script script = {.worker_start = start,
                                     .connected = connected,
                                     .received = received,
                                     .disconnected = disconnected};

static const char *const settings[][2] = {
    {"framing", "raw"},   {"workers", "2"},   {"max_connections", "64"}, {"drain_timeout", "30"},
    {"max_packet", "1M"}, {"memory", "128M"}, {"hard_mark", "32M"},
};

/* The highest address connects first. */
static int compare_clients(const void *one, const void *other)
{
    const struct address left = peer_address(*(const intptr_t *)one);
    const struct address right = peer_address(*(const intptr_t *)other);
    int order = memcmp(right.ip, left.ip, 4);
    return order != 0 ? order : right.port - left.port;
}

static void begin(struct test *test)
{
    struct config config;
    struct error error;
    struct address address;
    *test = (struct test){.question = {.most = 100, .step = STEP}};
    log_set_level(LOG_ERROR);
    config_init(&config);
    cr_assert_not_null(config_add_listener(&config, "127.0.0.1:0", &error), "%s", error.text);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        cr_assert(config_set(&config, settings[i][0], settings[i][1], &error), "%s", error.text);
    cr_assert(config_finish(&config, &error), "%s", error.text);
    test->server = server_start(&config, &script, &error);
    cr_assert_not_null(test->server, "%s", error.text);
    cr_assert(server_address(test->server, 0, &address));
    test->port = address.port;
    for (int i = 0; i < CLIENTS; i++) test->clients[i] = peer_bind((uint8_t)(1 + i / 5));
    qsort(test->clients, CLIENTS, sizeof test->clients[0], compare_clients);
    for (int i = 0; i < CLIENTS; i++) {
        peer_connect_bound(test->clients[i], test->port);
        while (connected_count <= i) sched_yield();
    }
}

static void finish(struct test *test)
{
    for (int i = 0; i < CLIENTS; i++) peer_close(test->clients[i]);
    server_abort(test->server);
    server_stop(test->server);
}

static void ask(struct test *test)
{
    cr_assert(survey_ask(test->server, &test->question, &test->owed, &test->answer));
}

static void done(struct test *test)
{
    free(test->answer.rows);
}

static void nothing(void *context, struct worker *worker, void *state)
{
    (void)context, (void)worker, (void)state;
}

/* Nothing that it owes is left. */
static void expect_no_debts(struct test *test)
{
    const struct server_task task = {.run = nothing};
    cr_assert(server_run_on_workers(test->server, &task, UINT64_MAX, NULL));
    for (int i = 0; i < WORKERS; i++) cr_assert_eq(atomic_load(&test->owed.of[i]), 0);
}

static void expect_count(struct test *test, uint64_t matching, size_t count)
{
    cr_assert_eq(test->answer.matching, matching, "%d", (int)test->answer.matching);
    cr_assert_eq(test->answer.count, count, "%d", (int)test->answer.count);
}

/* ---- what there is ---- */

Test(survey, finds_all_connections_of_all_workers)
{
    struct test test;
    begin(&test);
    ask(&test);
    cr_assert_eq(test.answer.total, CLIENTS);
    expect_count(&test, CLIENTS, CLIENTS);
    for (int i = 0; i < WORKERS; i++) cr_assert_not(test.answer.missing[i]);
    for (size_t i = 1; i < CLIENTS; i++)
        cr_assert(test.answer.rows[i - 1].id < test.answer.rows[i].id, "in order, each once");
    done(&test);
    expect_no_debts(&test);
    finish(&test);
}

static const struct survey_row *row_of(const struct test *test, intptr_t client)
{
    struct address own = peer_address(client);
    for (size_t i = 0; i < test->answer.count; i++)
        if (address_is_same(&test->answer.rows[i].peer, &own)) return &test->answer.rows[i];
    return NULL;
}

static void send_and_await(intptr_t client, const char *text)
{
    char back[16];
    peer_send(client, text, strlen(text));
    peer_receive_all(client, back, strlen(text));
}

Test(survey, tells_what_each_is_doing)
{
    struct test test;
    begin(&test);
    send_and_await(test.clients[0], "p");
    send_and_await(test.clients[1], "h");
    peer_send(test.clients[2], "q", 1);
    peer_send(test.clients[3], "f", 1);
    struct server_stats stats; /* until the last two have been dealt with */
    do server_stats(test.server, &stats);
    while (stats.packets_received < 4 || stats.queued_bytes < (size_t)2 << 20);
    ask(&test);
    cr_assert_eq(test.answer.total, CLIENTS);
    const struct survey_row *row = row_of(&test, test.clients[0]);
    cr_assert(row->paused);
    cr_assert_not(row->waits);
    cr_assert_str_eq(row->state, "open");
    cr_assert_eq(row->listener, 1);
    cr_assert(row->worker == 1 || row->worker == 2);
    row = row_of(&test, test.clients[1]);
    cr_assert(row->waits);
    cr_assert_not(row->paused);
    row = row_of(&test, test.clients[2]);
    cr_assert_str_eq(row->state, "open");
    cr_assert(row->queued > 0);
    row = row_of(&test, test.clients[3]);
    cr_assert_str_eq(row->state, "flushing", "those that are being closed are connections, too");
    cr_assert_eq(row_of(&test, test.clients[4])->queued, 0);
    done(&test);

    strcpy(test.question.filter, "flush");
    ask(&test);
    expect_count(&test, 1, 1);
    done(&test);
    finish(&test);
}

Test(survey, a_filter_looks_at_address_and_id)
{
    struct test test;
    char text[ADDRESS_TEXT_MAX];
    begin(&test);
    struct address own = peer_address(test.clients[7]);
    strcpy(test.question.filter, address_format(&own, text));
    ask(&test);
    cr_assert_eq(test.answer.total, CLIENTS);
    expect_count(&test, 1, 1);
    uint64_t id = test.answer.rows[0].id;
    done(&test);
    snprintf(test.question.filter, sizeof test.question.filter, "%llu", (unsigned long long)id);
    ask(&test);
    cr_assert(test.answer.matching >= 1);
    cr_assert_not_null(row_of(&test, test.clients[7]));
    done(&test);
    strcpy(test.question.filter, "nowhere");
    ask(&test);
    expect_count(&test, 0, 0);
    done(&test);
    finish(&test);
}

/* ---- order ---- */

Test(survey, names_of_orders_are_those_of_the_columns)
{
    static const char *const names[] = {"id",  "address", "worker", "listener",
                                        "age", "idle",    "queued"};
    uint8_t order = 99;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        cr_assert(survey_order_of(names[i], &order), "%s", names[i]);
        cr_assert_eq(order, i);
    }
    cr_assert_not(survey_order_of("", &order));
    cr_assert_not(survey_order_of("ages", &order));
    cr_assert_eq(order, SURVEY_QUEUED);
}

static void expect_first(struct test *test, const uint64_t *ids, uint32_t count)
{
    ask(test);
    expect_count(test, CLIENTS, count);
    for (uint32_t i = 0; i < count; i++)
        cr_assert_eq(test->answer.rows[i].id, ids[test->question.descending ? CLIENTS - 1 - i : i]);
    done(test);
}

/* Of any number, only the first are kept, on the workers and in the whole. */
Test(survey, keeps_the_first_of_an_order)
{
    struct test test;
    uint64_t ids[CLIENTS];
    begin(&test);
    ask(&test);
    for (size_t i = 0; i < CLIENTS; i++) ids[i] = test.answer.rows[i].id;
    done(&test);
    for (uint32_t most = 0; most <= CLIENTS + 2; most++) {
        test.question.most = most;
        for (test.question.step = 1; test.question.step <= 64; test.question.step *= 4) {
            test.question.descending = false;
            expect_first(&test, ids, most < CLIENTS ? most : CLIENTS);
            test.question.descending = true;
            expect_first(&test, ids, most < CLIENTS ? most : CLIENTS);
        }
    }
    finish(&test);
}

static int compare_with(const struct test *test, size_t i)
{
    const struct survey_row *one = &test->answer.rows[i - 1], *other = &test->answer.rows[i];
    switch (test->question.order) {
    case SURVEY_ADDRESS:
        return one->peer.ip[3] < other->peer.ip[3] ||
               (one->peer.ip[3] == other->peer.ip[3] && one->peer.port < other->peer.port);
    case SURVEY_WORKER:
        return one->worker < other->worker || (one->worker == other->worker && one->id < other->id);
    case SURVEY_AGE: return one->age_ns <= other->age_ns;
    case SURVEY_IDLE: return one->idle_ns <= other->idle_ns;
    case SURVEY_QUEUED: return one->queued <= other->queued;
    default: return one->id < other->id;
    }
}

Test(survey, sorts_by_each_column)
{
    struct test test;
    begin(&test);
    peer_send(test.clients[5], "q", 1);
    send_and_await(test.clients[2], "x");
    struct server_stats stats;
    do server_stats(test.server, &stats);
    while (stats.queued_bytes < (size_t)1 << 20);
    for (int order = SURVEY_ID; order <= SURVEY_QUEUED; order++) {
        test.question.order = (uint8_t)order;
        ask(&test);
        expect_count(&test, CLIENTS, CLIENTS);
        for (size_t i = 1; i < CLIENTS; i++)
            cr_assert(compare_with(&test, i), "order %d, row %zu", order, i);
        if (order == SURVEY_QUEUED)
            cr_assert_eq(row_of(&test, test.clients[5]), &test.answer.rows[CLIENTS - 1]);
        done(&test);
    }
    finish(&test);
}

/* ---- workers that do not answer ---- */

static void get_stuck(void *context, struct worker *worker, void *state)
{
    (void)context, (void)state;
    if (worker_index(worker) != 1) return;
    stuck = true;
    pthread_mutex_lock(&gate);
    pthread_mutex_unlock(&gate);
}

static void hold_second(struct test *test)
{
    const struct server_task task = {.run = get_stuck};
    pthread_mutex_lock(&gate);
    server_run_on_workers(test->server, &task, 0, NULL);
    while (!stuck) sched_yield();
}

Test(survey, a_worker_that_is_stuck_is_missing_and_the_others_are_not)
{
    struct test test;
    begin(&test);
    ask(&test);
    uint64_t of_first = 0;
    for (size_t i = 0; i < test.answer.count; i++) of_first += test.answer.rows[i].worker == 1;
    cr_assert(of_first > STEP, "it takes several steps");
    done(&test);
    hold_second(&test);
    for (uint32_t i = 0; i < SURVEY_OWED_MAX + 3; i++) {
        ask(&test);
        cr_assert_not(test.answer.missing[0]);
        cr_assert(test.answer.missing[1]);
        cr_assert_eq(test.answer.total, of_first);
        expect_count(&test, of_first, of_first);
        done(&test);
        cr_assert_eq(atomic_load(&test.owed.of[0]), 0);
        uint32_t owed = atomic_load(&test.owed.of[1]);
        cr_assert_eq(owed, i + 1 < SURVEY_OWED_MAX ? i + 1 : SURVEY_OWED_MAX,
                     "it is not asked without end");
    }
    pthread_mutex_unlock(&gate);
    expect_no_debts(&test);
    ask(&test);
    cr_assert_not(test.answer.missing[1]);
    expect_count(&test, CLIENTS, CLIENTS);
    done(&test);
    finish(&test);
}

static void *ask_aside(void *test)
{
    ask(test);
    return NULL;
}

/* One worker looks at once, the other one later. */
Test(survey, ages_are_those_of_one_moment)
{
    struct test test;
    pthread_t asking;
    begin(&test);
    test.question.order = SURVEY_AGE;
    test.question.descending = true;
    test.question.step = 64;
    for (bool told = false; !told; done(&test)) { /* in time */
        stuck = false;
        hold_second(&test);
        cr_assert_eq(pthread_create(&asking, NULL, ask_aside, &test), 0);
        while (atomic_load(&test.owed.of[1]) == 0 || atomic_load(&test.owed.of[0]) > 0)
            sched_yield();
        usleep(50000);
        pthread_mutex_unlock(&gate);
        pthread_join(asking, NULL);
        expect_no_debts(&test);
        told = !test.answer.missing[1];
        for (size_t i = 0; told && i < CLIENTS; i++) {
            const struct survey_row *row = &test.answer.rows[i];
            cr_assert_eq(row_of(&test, test.clients[i]), row, "row %zu", i);
            cr_assert(row->idle_ns <= row->age_ns);
        }
    }
    finish(&test);
}

/* What it owed is forgotten, and what waits for it is freed (AddressSanitizer sees that). */
Test(survey, a_server_that_has_ended_has_no_connections)
{
    struct test test;
    begin(&test);
    for (int i = 0; i < CLIENTS; i++) peer_close(test.clients[i]);
    while (disconnected_count < CLIENTS) sched_yield();
    hold_second(&test);
    ask(&test);
    cr_assert(test.answer.missing[1]);
    done(&test);
    server_drain(test.server);
    pthread_mutex_unlock(&gate);
    while (server_is_active(test.server)) sched_yield();
    cr_assert_eq(atomic_load(&test.owed.of[1]), 0);
    ask(&test);
    cr_assert_eq(test.answer.total, 0);
    for (int i = 0; i < WORKERS; i++) {
        cr_assert(test.answer.missing[i]);
        cr_assert_eq(atomic_load(&test.owed.of[i]), 0);
    }
    done(&test);
    server_stop(test.server);
}
