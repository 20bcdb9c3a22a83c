/* The table of a server's statistics, with the source of each figure. */
#include "base/least.h"
#include "server/server_control.h"
#include "server/worker_mail.h"

#include <string.h>

static uint64_t sum_over_listeners(const struct worker *worker, size_t place)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LINK_LISTENERS_MAX; i++)
        sum += counter_get(
            (const counter *)((const char *)&worker->home.counters.of_listener[i] + place));
    return sum;
}

#define OF_LISTENERS(field) \
    sum_over_listeners(worker, offsetof(struct link_listener_counters, field))

/* ---- figures with one value ---- */

#define OF_WORKER(name, value) \
    static void add_##name(const void *part, void *field) \
    { \
        const struct worker *worker = part; \
        *(uint64_t *)field += (value); \
    }

OF_WORKER(connections, counter_get(&worker->links_live))
OF_WORKER(connections_max, worker->setup.links)
OF_WORKER(accepted, OF_LISTENERS(opened))
OF_WORKER(refused, OF_LISTENERS(refused))
OF_WORKER(blocks, worker->setup.blocks)
OF_WORKER(blocks_used, worker->setup.blocks - counter_get(&worker->blocks_free))
OF_WORKER(blocks_free, counter_get(&worker->blocks_free))
OF_WORKER(blocks_lowest, counter_get(&worker->blocks_lowest))
OF_WORKER(block_bytes, worker->block_bytes)
OF_WORKER(fixed_bytes, worker->fixed_bytes)
OF_WORKER(memory_used, counter_get(&worker->memory_used))
OF_WORKER(memory_max, counter_get(&worker->memory_max))
OF_WORKER(bytes_received, counter_get(&worker->home.streams.counters.bytes_received))
OF_WORKER(bytes_sent, counter_get(&worker->home.streams.counters.bytes_sent))
OF_WORKER(packets_received, counter_get(&worker->home.counters.packets_received))
OF_WORKER(packets_sent, counter_get(&worker->home.counters.packets_sent))
OF_WORKER(queued_bytes, counter_get(&worker->queued_bytes))
OF_WORKER(turns, counter_get(&worker->turns))
OF_WORKER(events, counter_get(&worker->events))
OF_WORKER(busy_ns, counter_get(&worker->busy_ns))
OF_WORKER(mailbox, worker_mail_unread(worker))
OF_WORKER(receives_late, counter_get(&worker->home.streams.counters.receives_late))
OF_WORKER(starved, counter_get(&worker->home.counters.starved))

static void add_turn(const void *part, void *field)
{
    histogram_read(&((const struct worker *)part)->turn_times, field);
}

/* ---- figures with labels ---- */

static void add_closed(const void *part, void *field)
{
    const struct worker *worker = part;
    uint64_t *closed = field;
    for (int i = 0; i < LINK_REASONS; i++)
        closed[i] += counter_get(&worker->home.counters.links_closed[i]);
}

static size_t closed_count(const void *field)
{
    (void)field;
    return LINK_REASONS;
}

static uint64_t closed_value(const void *field, size_t index, struct span *word)
{
    *word = span_text(link_reason_text(index));
    return ((const uint64_t *)field)[index];
}

const char *server_refusal_text(enum server_refusal refusal)
{
    static const char *const texts[SERVER_REFUSALS] = {
        [REFUSED_FULL] = "full", [REFUSED_BLOCKS] = "blocks", [REFUSED_MEMORY] = "memory"};
    return texts[refusal];
}

/* Workers refuse connections only when they have no memory for them. */
static void add_refused_by(const void *part, void *field)
{
    const struct worker *worker = part;
    ((uint64_t *)field)[REFUSED_MEMORY] += OF_LISTENERS(refused);
}

static size_t refused_count(const void *field)
{
    (void)field;
    return SERVER_REFUSALS;
}

static uint64_t refused_value(const void *field, size_t index, struct span *word)
{
    *word = span_text(server_refusal_text(index));
    return ((const uint64_t *)field)[index];
}

/* ---- the script's own words ---- */

static bool is_word(const struct server_word *known, struct span word)
{
    return known->size == word.size && memcmp(known->word, word.data, word.size) == 0;
}

/* While a list is filled, its first entry counts all words that have no place. */
static void add_word(struct server_word *list, size_t *count, size_t most, struct span word,
                     uint64_t times)
{
    size_t i = 1;
    while (i < *count && !is_word(&list[i], word)) i++;
    if (word.size == 0 || i == most) i = 0;
    if (i == *count) {
        list[i] = (struct server_word){.size = (uint8_t)word.size};
        memcpy(list[i].word, word.data, word.size);
        *count += 1;
    }
    list[i].count += times;
}

static void add_words_to(struct server_word *list, size_t *count, size_t most,
                         const struct worker *worker)
{
    const struct words *words = &worker->home.counters.words;
    uint32_t known = words_known(words);
    if (*count == 0) list[(*count)++] = (struct server_word){.size = 0};
    list[0].count += counter_get(&words->others);
    for (uint32_t i = 0; i < known; i++) {
        const struct word *word = &words->list[i];
        add_word(list, count, most, span_of(word->bytes, word->size), counter_get(&word->count));
    }
}

static int compare_words(const void *one, const void *other)
{
    const struct server_word *a = one, *b = other;
    if (a->count != b->count) return a->count > b->count ? -1 : 1;
    return memcmp(a->word, b->word, sizeof a->word);
}

/* Returns the number of words that are left: without the first entry if that has counted nothing. */
static size_t sort_words(struct server_word *list, size_t count)
{
    qsort(list, count, sizeof *list, compare_words);
    return count > 0 && list[count - 1].count == 0 ? count - 1 : count;
}

static void add_closed_words(const void *part, void *field)
{
    struct server_words *words = field;
    add_words_to(words->list, &words->count, SERVER_WORDS, part);
}

static size_t words_count(const void *field)
{
    return ((const struct server_words *)field)->count;
}

static uint64_t words_value(const void *field, size_t index, struct span *word)
{
    const struct server_word *found = &((const struct server_words *)field)->list[index];
    *word = span_of(found->word, found->size);
    return found->count;
}

size_t server_closed_words(const struct server *server, struct server_word *words, size_t most)
{
    size_t count = 0;
    if (most == 0) return 0;
    for (uint32_t i = 0; i < server->config.workers; i++)
        add_words_to(words, &count, most, &server->workers[i]);
    return sort_words(words, count);
}

void server_turn_times(const struct server *server, uint32_t worker, struct histogram_sum *sum)
{
    for (uint32_t i = 0; i < server->config.workers; i++)
        if (worker == UINT32_MAX || worker == i) add_turn(&server->workers[i], sum);
}

/* ---- the table ---- */

static const struct figure_labels reasons = {"reason", closed_count, closed_value};
static const struct figure_labels refusals = {"reason", refused_count, refused_value};
static const struct figure_labels by_word = {"word", words_count, words_value};

#define FIELD(name) .field = offsetof(struct server_stats, name)
#define SUM(name) FIELD(name), .add = add_##name
#define COUNTER .kind = FIGURE_COUNTER
#define GAUGE .kind = FIGURE_GAUGE
#define TIMES .kind = FIGURE_TIMES
#define BYTES .unit = FIGURE_BYTES
#define TIME .unit = FIGURE_NS

const struct figure server_figures[SERVER_FIGURES] = {
    {"workers", "threads", GAUGE, FIELD(workers)},
    {"connections", "now", GAUGE, SUM(connections)},
    {"connections_max", "as configured", GAUGE, SUM(connections_max)},
    {"connections_free", "places that are left", GAUGE, FIELD(connections_free)},
    {"accepted", "connections since the start", COUNTER, SUM(accepted)},
    {"refused", "connections since the start that there was no room for", COUNTER, SUM(refused)},
    {"refused_by", "the same, by what was short", COUNTER, .labels = &refusals, SUM(refused_by)},
    {"closed", "connections that have ended, by reason", COUNTER, .labels = &reasons, SUM(closed)},
    {"closed_words", "those that the script has closed with a word of its own, by word", COUNTER,
     .labels = &by_word, SUM(closed_words)},
    {"blocks", "I/O blocks that were allocated at the start", GAUGE, SUM(blocks)},
    {"blocks_used", "of them", GAUGE, SUM(blocks_used)},
    {"blocks_free", "of them", GAUGE, SUM(blocks_free)},
    {"blocks_lowest", "of them that were free at any time: each worker's fewest", GAUGE,
     SUM(blocks_lowest)},
    {"block_bytes", "memory that the blocks take", GAUGE, BYTES, SUM(block_bytes)},
    {"fixed_bytes", "memory set aside beside them: receive and send buffers, connections", GAUGE,
     BYTES, SUM(fixed_bytes)},
    {"memory_used", "bytes, beyond the blocks", GAUGE, BYTES, SUM(memory_used)},
    {"memory_max", "bytes: the setting `memory`", GAUGE, BYTES, SUM(memory_max)},
    {"bytes_received", "bytes received", COUNTER, BYTES, SUM(bytes_received)},
    {"bytes_sent", "bytes sent", COUNTER, BYTES, SUM(bytes_sent)},
    {"packets_received", "packets received", COUNTER, SUM(packets_received)},
    {"packets_sent", "packets sent", COUNTER, SUM(packets_sent)},
    {"queued_bytes", "bytes that wait on connections to be sent", GAUGE, BYTES, SUM(queued_bytes)},
    {"mailbox", "messages between workers that are not read yet", GAUGE, SUM(mailbox)},
    {"turns", "how often a worker looked for something to do", COUNTER, SUM(turns)},
    {"events", "how many events it found, in total", COUNTER, SUM(events)},
    {"turn", "how long what it found to do took", TIMES, TIME, SUM(turn)},
    {"receives_late", "receives that completed out of order", COUNTER, SUM(receives_late)},
    {"starved", "how often blocks or memory ran out", COUNTER, SUM(starved)},
    {"uptime", "since the start", GAUGE, TIME, FIELD(uptime_ns)},
    {"busy", "in which workers did not wait, in total", COUNTER, TIME, SUM(busy_ns)},
};

static void add_worker(struct server_stats *stats, const struct worker *worker)
{
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        if (figure->add != NULL) figure->add(worker, (char *)stats + figure->field);
    }
}

static void finish(const struct server *server, struct server_stats *stats)
{
    stats->uptime_ns = port_clock(server->port) - server->started_ns;
    stats->connections_free = rest_of(stats->connections_max, stats->connections);
    stats->closed_words.count = sort_words(stats->closed_words.list, stats->closed_words.count);
}

/* late: connections that a worker was given, and had no memory for. */
static uint64_t count_accepted(const struct server *server, uint64_t late)
{
    uint64_t accepted = 0;
    for (uint32_t i = 0; i < server->config.listener_count; i++)
        accepted += counter_get(&server->listeners[i].accepted);
    return rest_of(accepted, late); /* the counters are read at different times */
}

void server_stats(const struct server *server, struct server_stats *stats)
{
    *stats = (struct server_stats){.workers = server->config.workers};
    for (uint32_t i = 0; i < server->config.workers; i++) add_worker(stats, &server->workers[i]);
    stats->connections_max = server->config.max_connections;
    stats->accepted = count_accepted(server, stats->refused);
    for (int i = 0; i < SERVER_REFUSALS; i++) {
        uint64_t refused = counter_get(&server->refused_by[i]);
        stats->refused_by[i] += refused;
        stats->refused += refused;
    }
    finish(server, stats);
}

void server_worker_stats(const struct server *server, uint32_t index, struct server_stats *stats)
{
    check(index < server->config.workers);
    *stats = (struct server_stats){.workers = 1};
    add_worker(stats, &server->workers[index]);
    finish(server, stats);
}
