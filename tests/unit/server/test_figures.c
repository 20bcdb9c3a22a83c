/* Each figure of a server without a network: what it counts, exactly. */
#include "base/check.h"
#include "config_try.h"
#include "link_desk.h"
#include "server/server_control.h"

#include <stdio.h>

static struct seen noted;

static struct server_stats stats_of(struct offline *offline)
{
    struct server_stats stats;
    server_stats(worker_server(offline_worker(offline)), &stats);
    return stats;
}

/* ---- the table ---- */

/* All code that shows figures goes by the table: each field has a row, and no row another's field. */
Test(figures, each_field_has_a_name_a_help_and_a_row_of_its_own)
{
    bool has[sizeof(struct server_stats) / sizeof(uint64_t)] = {false};
    size_t plain = offsetof(struct server_stats, closed) / sizeof(uint64_t);
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        size_t place = figure->field / sizeof(uint64_t);
        cr_assert(strlen(figure->name) > 0 && strlen(figure->help) > 0);
        cr_assert_not(has[place], "%s", figure->name);
        has[place] = true;
        bool is_plain = figure->labels == NULL && figure->kind != FIGURE_TIMES;
        cr_assert_eq(is_plain, place < plain, "%s", figure->name);
        for (int j = 0; j < i; j++) cr_assert(strcmp(figure->name, server_figures[j].name) != 0);
    }
    for (size_t i = 0; i < plain; i++) cr_assert(has[i], "field %zu has no figure", i);
    cr_assert(has[offsetof(struct server_stats, closed) / sizeof(uint64_t)]);
    cr_assert(has[offsetof(struct server_stats, refused_by) / sizeof(uint64_t)]);
    cr_assert(has[offsetof(struct server_stats, turn) / sizeof(uint64_t)]);
    cr_assert(has[offsetof(struct server_stats, closed_words) / sizeof(uint64_t)]);
}

static const struct figure *figure_called(const char *name)
{
    for (int i = 0; i < SERVER_FIGURES; i++)
        if (strcmp(server_figures[i].name, name) == 0) return &server_figures[i];
    cr_assert(false, "there is no figure %s", name);
    return NULL;
}

/* The value of a word, which must be there. */
static uint64_t value_of(const struct server_stats *stats, const char *name, const char *word)
{
    const struct figure *figure = figure_called(name);
    for (size_t i = 0; i < figure_count(stats, figure); i++) {
        struct span text;
        uint64_t value = figure_labelled(stats, figure, i, &text);
        if (text.size == strlen(word) && memcmp(text.data, word, text.size) == 0) return value;
    }
    cr_assert(false, "%s has no %s", name, word);
    return 0;
}

/* ---- what waits to be sent ---- */

Test(figures, queued_bytes_are_those_of_all_connections_that_wait)
{
    enum { SIZE_OF_ONE = 40000 };
    static uint8_t bytes[SIZE_OF_ONE];
    struct offline *offline = open_with(&noted, NULL, NULL);
    struct offline_peer *peers[3];
    for (int i = 0; i < 3; i++) peers[i] = connect_to(offline);
    for (int i = 0; i < 2; i++) {
        offline_set_deaf(peers[i], true);
        put(peers[i], span_text("hello"));
    }
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).queued_bytes, 2 * 9);
    for (int i = 0; i < 2; i++) {
        offline_set_deaf(peers[i], false);
        cr_assert(offline_run(offline));
        offline_take(peers[i], 9);
        offline_set_deaf(peers[i], true);
        put(peers[i], span_of(bytes, SIZE_OF_ONE));
    }
    put(peers[2], span_of(bytes, SIZE_OF_ONE)); /* which is heard */
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).queued_bytes, 2 * (SIZE_OF_ONE + 4));

    offline_set_room(peers[0], 1000);
    offline_set_deaf(peers[0], false);
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).queued_bytes, 2 * (SIZE_OF_ONE + 4) - 1000, "a part has gone");
    offline_set_room(peers[0], SIZE_MAX);
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).queued_bytes, SIZE_OF_ONE + 4);
    offline_reset(peers[1]);
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).queued_bytes, 0, "what nobody will read is not queued");
    offline_close(offline);
}

Test(figures, queued_bytes_of_a_broadcast_count_for_each_who_waits_for_it)
{
    struct offline *offline = open_with(&noted, NULL, NULL);
    struct offline_peer *speaker = connect_to(offline), *deaf[4];
    for (int i = 0; i < 4; i++) {
        deaf[i] = connect_to(offline);
        offline_set_deaf(deaf[i], true);
    }
    say(offline, speaker, "all");
    cr_assert_eq(stats_of(offline).queued_bytes, 4 * 7);
    say(offline, speaker, "all");
    cr_assert_eq(stats_of(offline).queued_bytes, 4 * 14);
    for (int i = 0; i < 4; i++) offline_set_deaf(deaf[i], false);
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).queued_bytes, 0);
    offline_close(offline);
}

Test(figures, the_fewest_free_blocks_are_remembered)
{
    enum { PACKET = 1000 }; /* two in a block */
    static uint8_t bytes[PACKET];
    struct offline *offline =
        open_set(&noted, (const char *const[]){"blocks", "100", "block_size", "2048", NULL});
    struct offline_peer *peer = connect_to(offline);
    cr_assert_eq(stats_of(offline).blocks_lowest, 100);
    offline_set_deaf(peer, true);
    for (int i = 0; i < 20; i++) put(peer, span_of(bytes, PACKET));
    cr_assert(offline_run(offline));
    uint64_t used = stats_of(offline).blocks_used;
    cr_assert(used >= 10, "%llu", (unsigned long long)used);
    offline_set_deaf(peer, false);
    cr_assert(offline_run(offline));
    struct server_stats stats = stats_of(offline);
    cr_assert_eq(stats.blocks_free, 100);
    cr_assert_leq(stats.blocks_lowest, 100 - used);
    cr_assert(stats.blocks_lowest + 1 >= 100 - used, "one more while they were queued");
    uint64_t lowest = stats.blocks_lowest;
    say(offline, peer, "hello");
    cr_assert_eq(stats_of(offline).blocks_lowest, lowest);
    offline_close(offline);
}

/* ---- between workers ---- */

static int heard;

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)context, (void)error;
    return worker;
}

static void hear(void *state, uint32_t from, struct span bytes)
{
    (void)state, (void)from, (void)bytes;
    heard++;
}

Test(figures, the_mailbox_has_what_a_worker_has_not_read)
{
    static const struct script script = {.worker_start = start, .message = hear};
    struct config config = fresh();
    struct error error;
    struct server_stats stats;
    log_set_level(LOG_ERROR);
    finish(&config);
    struct offline *offline = offline_open_team(&config, 2, &script, &error);
    cr_assert_not_null(offline, "%s", error.text);
    struct worker *worker = offline_worker(offline);
    struct server *server = worker_server(worker);
    cr_assert_eq(stats_of(offline).mailbox, 0);
    for (int i = 0; i < 7; i++) cr_assert_eq(worker_post(worker, 1, span_text("hello")), SEND_OK);
    cr_assert_eq(worker_post(worker, WORKER_ALL, span_text("hello")), SEND_OK);
    cr_assert_eq(stats_of(offline).mailbox, 9);
    server_worker_stats(server, 0, &stats);
    cr_assert_eq(stats.mailbox, 1);
    server_worker_stats(server, 1, &stats);
    cr_assert_eq(stats.mailbox, 8);
    cr_assert(offline_run(offline));
    cr_assert_eq(stats_of(offline).mailbox, 0);
    cr_assert_eq(heard, 9);
    offline_close(offline);
}

Test(figures, the_mailbox_of_a_worker_that_has_ended_is_empty)
{
    enum { LETTERS = 500 }; /* more than one turn takes */
    static const struct script script = {.worker_start = start, .message = hear};
    struct config config = fresh();
    struct error error;
    log_set_level(LOG_ERROR);
    finish(&config);
    struct offline *offline = offline_open_team(&config, 2, &script, &error);
    cr_assert_not_null(offline, "%s", error.text);
    for (int i = 0; i < LETTERS; i++)
        cr_assert_eq(worker_post(offline_worker(offline), 1, span_text("hello")), SEND_OK);
    server_abort(worker_server(offline_worker(offline)));
    cr_assert(offline_run(offline));
    cr_assert_not(offline_is_active(offline));
    cr_assert_eq(stats_of(offline).mailbox, 0);
    cr_assert(heard < LETTERS, "it has left some");
    offline_close(offline);
}

/* ---- refused, closed ---- */

static void expect_refused(struct offline *offline, uint64_t full, uint64_t blocks, uint64_t memory)
{
    struct server_stats stats = stats_of(offline);
    cr_assert_eq(value_of(&stats, "refused_by", "full"), full);
    cr_assert_eq(value_of(&stats, "refused_by", "blocks"), blocks);
    cr_assert_eq(value_of(&stats, "refused_by", "memory"), memory);
    cr_assert_eq(stats.refused, full + blocks + memory);
}

Test(figures, who_is_refused_is_counted_by_what_was_short)
{
    struct offline *offline = open_with(&noted, "max_connections", "2");
    struct link_home *home = &offline_worker(offline)->home;
    connect_to(offline);
    atomic_store(&home->starving, true);
    cr_assert_null(offline_connect(offline, 0, NULL));
    expect_refused(offline, 0, 1, 0);
    atomic_store(&home->starving, false);
    connect_to(offline);
    cr_assert_null(offline_connect(offline, 0, NULL));
    cr_assert_null(offline_connect(offline, 0, NULL));
    expect_refused(offline, 2, 1, 0);
    cr_assert_eq(stats_of(offline).accepted, 2);
    offline_close(offline);
}

static struct filter *open_no_filter(const struct filter_source *source, struct budget *budget)
{
    (void)source, (void)budget;
    return NULL;
}

Test(figures, whom_a_worker_has_no_memory_for_was_refused_and_not_accepted)
{
    static const struct filter_source source = {.open = open_no_filter};
    struct offline *offline = open_filtered(&noted, (const char *const[]){NULL}, &source);
    struct server_stats stats;
    cr_assert_null(offline_connect(offline, 0, NULL));
    expect_refused(offline, 0, 0, 1);
    cr_assert_eq(stats_of(offline).accepted, 0);
    server_worker_stats(worker_server(offline_worker(offline)), 0, &stats);
    cr_assert_eq(stats.refused, 1);
    cr_assert_eq(value_of(&stats, "refused_by", "memory"), 1);
    offline_close(offline);
}

static const char *next_word;

static void close_with_it(struct link *link)
{
    link_close(link, next_word);
}

static void fail(struct link *link)
{
    link_close_failed(link);
}

/* One comes, is closed by what it says, and leaves. */
static void end_one(struct offline *offline, void (*how)(struct link *link), const char *word)
{
    next_word = word;
    desk.on_packet = how;
    desk.connected = 0;
    struct offline_peer *peer = connect_to(offline);
    say(offline, peer, "hello");
    offline_finish(peer);
    cr_assert(offline_run(offline));
    offline_peer_free(peer);
}

Test(figures, the_scripts_own_words_are_apart_from_its_failures)
{
    struct offline *offline = desk_open((const char *const[]){NULL});
    end_one(offline, close_with_it, NULL);
    for (int i = 0; i < 3; i++) end_one(offline, close_with_it, "kicked");
    end_one(offline, close_with_it, "late");
    end_one(offline, fail, NULL);
    end_one(offline, fail, NULL);
    struct server_stats stats = stats_of(offline);
    cr_assert_eq(value_of(&stats, "closed", "script"), 5);
    cr_assert_eq(value_of(&stats, "closed", "error"), 2);
    cr_assert_eq(value_of(&stats, "closed", "eof"), 0);
    cr_assert_eq(stats.closed_words.count, 2);
    cr_assert_str_eq(stats.closed_words.list[0].word, "kicked");
    cr_assert_eq(stats.closed_words.list[0].count, 3);
    cr_assert_eq(value_of(&stats, "closed_words", "late"), 1);
    offline_close(offline);
}

Test(figures, words_of_all_workers_are_added_up_and_the_most_frequent_come_first)
{
    enum { WORKERS = 3 };
    struct config config = fresh();
    struct error error;
    static const struct script script = {.worker_start = start, .message = hear};
    log_set_level(LOG_ERROR);
    finish(&config);
    struct offline *offline = offline_open_team(&config, WORKERS, &script, &error);
    cr_assert_not_null(offline, "%s", error.text);
    struct server *server = worker_server(offline_worker(offline));
    for (uint32_t i = 0; i < WORKERS; i++) {
        struct words *words = &server->workers[i].home.counters.words;
        char text[16];
        for (uint32_t j = 0; j < WORDS_MAX; j++) {
            snprintf(text, sizeof text, "%u of %u", j, i);
            words_note(words, span_text(j == i ? "everywhere" : text));
        }
        words_note(words, span_text("too much"));
    }
    struct server_stats stats = stats_of(offline);
    const struct server_word *list = stats.closed_words.list;
    cr_assert_eq(stats.closed_words.count, SERVER_WORDS);
    /* 94 words: 63 have a place. The others, and what the workers had no place for, are one. */
    cr_assert_eq(list[0].size, 0);
    cr_assert_eq(list[0].count, 94 - 63 + WORKERS);
    cr_assert_str_eq(list[1].word, "everywhere");
    cr_assert_eq(list[1].count, WORKERS);
    for (size_t i = 2; i < SERVER_WORDS; i++) cr_assert_eq(list[i].count, 1);

    struct server_word few[3];
    cr_assert_eq(server_closed_words(server, few, 0), 0);
    cr_assert_eq(server_closed_words(server, few, 1), 1);
    cr_assert_eq(few[0].count, WORKERS * (WORDS_MAX + 1));
    cr_assert_eq(server_closed_words(server, few, 3), 3);
    cr_assert_str_eq(few[1].word, "everywhere");
    offline_close(offline);
}

/* ---- turns ---- */

Test(figures, each_turn_is_timed_when_it_has_ended)
{
    struct offline *offline = open_with(&noted, NULL, NULL);
    struct server *server = worker_server(offline_worker(offline));
    struct histogram_sum before = {.count = 0}, after = {.count = 0}, none = {.count = 0};
    struct worker *worker = offline_worker(offline);
    worker_turn(worker);
    server_turn_times(server, 0, &before);
    uint64_t turns = stats_of(offline).turns;
    for (int i = 0; i < 10; i++) worker_turn(worker);
    cr_assert_eq(stats_of(offline).turns, turns + 10);
    server_turn_times(server, UINT32_MAX, &after);
    cr_assert_eq(after.count, before.count + 10);
    cr_assert_eq(stats_of(offline).turn.count, after.count);
    server_turn_times(server, 1, &none);
    cr_assert_eq(none.count, 0, "there is no such worker");
    offline_close(offline);
}
