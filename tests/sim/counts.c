#include "counts.h"

#include "oracle.h"
#include "server/server_control.h"
#include "world.h"

#include <string.h>

static struct counts *counts_of(const struct link_home *home)
{
    return &sim_world->counts.workers[container_of(home, struct worker, home)->index];
}

/* ---- what happens: the linker leads these calls of other files here first ---- */

struct link *__real_link_open(struct link_home *home, const struct link_origin *origin);
struct link *__wrap_link_open(struct link_home *home, const struct link_origin *origin)
{
    uint32_t listener = origin->listener;
    struct link *link = __real_link_open(home, origin);
    if (link != NULL)
        counts_of(home)->opened[listener]++;
    else
        counts_of(home)->refused[listener]++;
    return link;
}

/* Why nobody takes one more, before it is tried. */
static enum server_refusal expected_refusal(const struct server *server)
{
    uint32_t load = 0;
    bool any = false;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        const struct worker *worker = &server->workers[i];
        load += atomic_load(&worker->home.load);
        any = any || (!link_home_starving(&worker->home) &&
                      atomic_load(&worker->home.load) < worker->setup.links);
    }
    if (load >= server->config.max_connections) return REFUSED_FULL;
    return any ? REFUSED_MEMORY : REFUSED_BLOCKS;
}

bool __real_server_admit(struct server *server, uint32_t listener, intptr_t handle,
                         const struct address *peer);
bool __wrap_server_admit(struct server *server, uint32_t listener, intptr_t handle,
                         const struct address *peer)
{
    struct counts_of_all *counts = &sim_world->counts;
    enum server_refusal expected = expected_refusal(server);
    promise(listeners_may_accept(sim_world, listener), "closed listener %u accepts", listener);
    bool admitted = __real_server_admit(server, listener, handle, peer);
    if (admitted) {
        counts->admitted[listener]++;
    } else {
        promise(expected != REFUSED_MEMORY || sim_world->memory_failed,
                "a connection is refused, and there is room for it");
        counts->refused[listener]++;
        counts->refused_by[expected]++;
    }
    return admitted;
}

static struct block *note_taken(struct block_pool *pool, struct block *block)
{
    for (uint32_t i = 0; i < sim_world->server->worker_count; i++) {
        struct counts *counts = &sim_world->counts.workers[i];
        uint32_t used = pool->total - pool->free_count;
        if (pool != &sim_world->server->workers[i].home.streams.blocks) continue;
        if (used > counts->blocks_used) counts->blocks_used = used;
    }
    return block;
}

struct block *__real_block_take(struct block_pool *pool);
struct block *__wrap_block_take(struct block_pool *pool)
{
    return note_taken(pool, __real_block_take(pool));
}

struct block *__real_block_take_or_grow(struct block_pool *pool);
struct block *__wrap_block_take_or_grow(struct block_pool *pool)
{
    return note_taken(pool, __real_block_take_or_grow(pool));
}

static void note_word(struct counts *counts, const char *word)
{
    uint32_t i = 0;
    while (i < counts->word_count && strcmp(counts->words[i].text, word) != 0) i++;
    if (i == counts->word_count) {
        check(i < COUNTS_WORDS);
        snprintf(counts->words[i].text, sizeof counts->words[i].text, "%s", word);
        counts->word_count++;
    }
    counts->words[i].count++;
}

/* A reason that the engine does not know is a word of the script's. */
void counts_note_end(const struct link *link, const char *reason)
{
    struct counts *counts = counts_of(link->home);
    int i = 0;
    while (i < LINK_REASONS && strcmp(reason, link_reason_text(i)) != 0) i++;
    counts->closed[i < LINK_REASONS ? i : LINK_SCRIPT]++;
    if (i == LINK_REASONS) note_word(counts, reason);
}

/* A turn is counted when the next one begins: then the clock is read. */
void counts_turn_begins(struct counts *counts)
{
    if (!counts->has_turned) return;
    counts->turns++;
    counts->turns_ns += counts->turn_ns;
    if (counts->turn_ns > counts->longest_ns) counts->longest_ns = counts->turn_ns;
}

void counts_turn_ended(struct counts *counts, uint64_t duration_ns)
{
    counts->has_turned = true;
    counts->turn_ns = duration_ns;
}

/* ---- what the server says ---- */

static void compare(const char *whose, const char *what, uint64_t says, uint64_t is)
{
    promise(says == is, "%s says %s %llu, and it is %llu", whose, what, (unsigned long long)says,
            (unsigned long long)is);
}

static uint64_t count_mail(const struct mail *mail)
{
    uint64_t count = 0;
    for (; mail != NULL; mail = mail->next) count++;
    return count;
}

static uint64_t mail_in(const struct mailbox *box)
{
    return count_mail(atomic_load(&box->newest)) + count_mail(box->oldest);
}

static uint64_t mail_of(const struct worker *worker)
{
    const struct port *port = worker->home.streams.port;
    return mail_in(&port->orders) + mail_in(&port->mailbox) + count_mail(worker->unread);
}

static uint64_t queued_on(const struct link_home *home)
{
    uint64_t bytes = 0;
    const struct list *head = &home->table.live;
    for (const struct list *node = head->next; node != head; node = node->next)
        bytes += container_of((struct list *)node, struct link, entry.node)->stream.outbox.pending;
    return bytes;
}

static uint64_t sum_of(const uint64_t *counts)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < LINK_LISTENERS_MAX; i++) sum += counts[i];
    return sum;
}

static uint64_t count_said(const struct server_words *words, const char *word)
{
    for (size_t i = 0; i < words->count; i++)
        if (strcmp(words->list[i].word, word) == 0) return words->list[i].count;
    return 0;
}

static void compare_ends(const char *whose, const struct server_stats *stats,
                         const struct counts *counts)
{
    for (int i = 0; i < LINK_REASONS; i++)
        compare(whose, link_reason_text(i), stats->closed[i], counts->closed[i]);
    compare(whose, "words", stats->closed_words.count, counts->word_count);
    for (uint32_t i = 0; i < counts->word_count; i++)
        compare(whose, counts->words[i].text,
                count_said(&stats->closed_words, counts->words[i].text), counts->words[i].count);
}

static void compare_turns(const char *whose, const struct histogram_sum *times,
                          const struct counts *counts)
{
    compare(whose, "turns", times->count, counts->turns);
    compare(whose, "time of turns", times->total_ns, counts->turns_ns);
    compare(whose, "longest turn", times->largest_ns, counts->longest_ns);
}

void counts_look(const struct world *world, uint32_t index)
{
    const struct worker *worker = &world->server->workers[index];
    const struct counts *counts = &world->counts.workers[index];
    struct server_stats stats;
    char whose[16];
    snprintf(whose, sizeof whose, "worker %u", index);
    server_worker_stats(world->server, index, &stats);
    compare(whose, "accepted", stats.accepted, sum_of(counts->opened));
    compare(whose, "refused", stats.refused, sum_of(counts->refused));
    compare(whose, "refused for memory", stats.refused_by[REFUSED_MEMORY], sum_of(counts->refused));
    compare(whose, "connections", stats.connections, worker->home.table.live_count);
    compare(whose, "mailbox", stats.mailbox, mail_of(worker));
    compare(whose, "queued bytes", stats.queued_bytes, queued_on(&worker->home));
    compare(whose, "lowest blocks", stats.blocks_lowest,
            worker->home.streams.blocks.total - counts->blocks_used);
    compare_ends(whose, &stats, counts);
    compare_turns(whose, &stats.turn, counts);
}

/* What all workers have counted. */
static struct counts counted_by_all(const struct world *world)
{
    struct counts sum = {.turns = 0};
    for (uint32_t i = 0; i < world->server->config.workers; i++) {
        const struct counts *one = &world->counts.workers[i];
        for (uint32_t j = 0; j < LINK_LISTENERS_MAX; j++) {
            sum.opened[j] += one->opened[j];
            sum.refused[j] += one->refused[j];
        }
        for (int j = 0; j < LINK_REASONS; j++) sum.closed[j] += one->closed[j];
        for (uint32_t j = 0; j < one->word_count; j++)
            for (uint64_t n = 0; n < one->words[j].count; n++) note_word(&sum, one->words[j].text);
        sum.turns += one->turns;
        sum.turns_ns += one->turns_ns;
        if (one->longest_ns > sum.longest_ns) sum.longest_ns = one->longest_ns;
    }
    return sum;
}

static uint64_t links_of(const struct world *world, uint32_t listener)
{
    uint64_t count = 0;
    for (uint32_t i = 0; i < world->server->worker_count; i++) {
        const struct list *head = &world->server->workers[i].home.table.live;
        for (const struct list *node = head->next; node != head; node = node->next)
            count +=
                container_of((struct list *)node, struct link, entry.node)->listener == listener;
    }
    return count;
}

static void look_at_listener(const struct world *world, uint32_t index, uint64_t late)
{
    const struct counts_of_all *counts = &world->counts;
    struct server_listener_stats stats;
    char whose[16];
    snprintf(whose, sizeof whose, "listener %u", index);
    server_listener_stats(world->server, index, &stats);
    compare(whose, "accepted", stats.accepted, counts->admitted[index] - late);
    compare(whose, "refused", stats.refused, counts->refused[index] + late);
    compare(whose, "connections", stats.connections, links_of(world, index));
}

void counts_look_at_all(const struct world *world)
{
    static const char whose[] = "the server";
    const struct counts_of_all *counts = &world->counts;
    const struct counts by_all = counted_by_all(world);
    uint64_t late = sum_of(by_all.refused);
    struct server_stats stats;
    server_stats(world->server, &stats);
    compare(whose, "accepted", stats.accepted, sum_of(counts->admitted) - late);
    compare(whose, "refused", stats.refused, sum_of(counts->refused) + late);
    for (int i = 0; i < SERVER_REFUSALS; i++)
        compare(whose, server_refusal_text(i), stats.refused_by[i],
                counts->refused_by[i] + (i == REFUSED_MEMORY ? late : 0));
    compare_ends(whose, &stats, &by_all);
    compare_turns(whose, &stats.turn, &by_all);
    for (uint32_t i = 0; i < server_listener_count(world->server); i++)
        look_at_listener(world, i, by_all.refused[i]);
}
