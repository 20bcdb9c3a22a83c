#include "link/pressure.h"

enum { OFFERED_MAX = 1024 }; /* sends, at most, in one offer_all */

static struct link *first_starved(const struct link_home *home)
{
    return list_empty(&home->starved) ? NULL
                                      : container_of(home->starved.next, struct link, starved);
}

static bool is_over(const struct link_home *home, uint64_t since_ns, uint64_t duration_ms)
{
    return link_home_now(home) - since_ns >= duration_ms * WHEEL_TICK_NS;
}

static bool begins(const struct link_home *home, struct shortage *shortage)
{
    bool is_new = !shortage->lasts;
    *shortage = (struct shortage){.lasts = true, .seen_ns = link_home_now(home)};
    return is_new;
}

static bool ends(const struct link_home *home, struct shortage *shortage)
{
    bool over = shortage->lasts && is_over(home, shortage->seen_ns, PRESSURE_CALM_MS);
    if (over) shortage->lasts = false;
    return over;
}

static void note_blocks(struct link_home *home)
{
    if (link_home_starving(home) && begins(home, &home->of_blocks)) {
        counter_add(&home->counters.starved, 1);
        log_line(LOG_WARN,
                 "worker %u: blocks have run low (%u of %u free): receiving pauses and new "
                 "connections are refused until they come back",
                 home->table.worker + 1, home->streams.blocks.free_count,
                 home->streams.blocks.total);
    } else if (ends(home, &home->of_blocks)) {
        log_line(LOG_INFO, "worker %u: blocks are back (%u of %u free): receiving goes on",
                 home->table.worker + 1, home->streams.blocks.free_count,
                 home->streams.blocks.total);
    }
}

static void note_memory(struct link_home *home)
{
    size_t used = budget_used(&home->streams.budget), limit = home->streams.budget.limit;
    bool is_short = (!link_home_starving(home) && !list_empty(&home->starved)) ||
                    !list_empty(&home->streams.unsealed);
    if (is_short && begins(home, &home->of_memory)) {
        counter_add(&home->counters.starved, 1);
        log_line(LOG_WARN,
                 "worker %u: memory has run out (%zu of %zu bytes used): unfinished packets "
                 "that need more wait",
                 home->table.worker + 1, used, limit);
    } else if (!is_short && list_empty(&home->starved) && ends(home, &home->of_memory)) {
        log_line(LOG_INFO, "worker %u: memory is back (%zu of %zu bytes used): no packet waits",
                 home->table.worker + 1, used, limit);
    }
}

/* pressure_relieve keeps calling this for PRESSURE_CALM_MS after the last failure to seal, so it sees the end. */
static void note_unsealed(struct link_home *home)
{
    if (list_empty(&home->streams.unsealed))
        home->unsealed_ns = 0;
    else if (home->unsealed_ns == 0)
        home->unsealed_ns = link_home_now(home);
}

/* Resumes waiting connections, first come first served, as far as there is room. One that still finds no memory keeps
 * its place in line, but does not block those behind it that need less. */
static void resume_starved(struct link_home *home)
{
    struct list unlucky;
    list_init(&unlucky);
    while (!link_home_starving(home) && !list_empty(&home->starved)) {
        struct link *link = container_of(home->starved.next, struct link, starved);
        uint64_t since_ns = link->starved_ns;
        link_gate_open(link, GATE_STARVED);
        if (!(link->gates & GATE_STARVED)) continue;
        link->starved_ns = since_ns;
        list_remove(&link->starved);
        list_append(&unlucky, &link->starved);
    }
    list_move_all(&unlucky, &home->starved);
    list_move_all(&home->starved, &unlucky);
}

/* The connection with the largest measure; NULL if all are 0. */
static struct link *greatest(struct link_home *home, size_t (*measure)(const struct link *link))
{
    struct link *greatest = NULL;
    size_t most = 0;
    for (struct list *node = home->table.live.next; node != &home->table.live; node = node->next) {
        struct link *link = container_of(node, struct link, entry.node);
        size_t held = measure(link);
        if (held <= most) continue;
        most = held;
        greatest = link;
    }
    return greatest;
}

/* Large blocks count as several blocks of the pool's size. */
static size_t count_blocks(const struct link *link, const struct outbox *outbox)
{
    const uint32_t size = link->home->streams.blocks.block_size;
    size_t count = 0;
    for (const struct list *node = outbox->blocks.next; node != &outbox->blocks; node = node->next)
        count += (block_of((struct list *)node)->capacity + size - 1) / size;
    return count;
}

/* Blocks in a queue that the peer does not read; 0 if a send is not waiting for it, or there is only one block. */
static size_t unread_blocks(const struct link *link)
{
    const struct filter *filter = link->stream.inbox.filter;
    if (link->stream.state == STREAM_FREE || link->stream.state == STREAM_CLOSING) return 0;
    if (!port_send_waits(&link->stream.socket)) return 0;
    size_t count = count_blocks(link, &link->stream.outbox);
    if (filter != NULL) count += count_blocks(link, &filter->sealed);
    return count > 1 ? count : 0;
}

/* It depends on the peer alone whether a packet ends: no gate of ours is closed, and the script has neither paused it nor
 * left a request unanswered.
 * Starved connections are excluded: they wait in line themselves. */
static bool may_go_on(const struct link *link)
{
    return stream_is_up(&link->stream) &&
           !(link->gates & (GATES_OF_OURS | GATE_PAUSED | GATE_ASKED));
}

/* The peer began a packet long ago and has not finished it, though it might have. */
static bool dawdles(const struct link *link)
{
    return may_go_on(link) &&
           is_over(link->home, link->stream.inbox.gathered_ns, PRESSURE_PATIENCE_MS);
}

static size_t dawdled_blocks(const struct link *link)
{
    return dawdles(link) && link->stream.inbox.gather.block != NULL;
}

/* In bytes. */
static size_t dawdled_memory(const struct link *link)
{
    const struct inbox *inbox = &link->stream.inbox;
    size_t held = inbox->filter == NULL ? 0 : inbox->filter->held;
    size_t kept = may_go_on(link) ? link_session_held(link, PRESSURE_PATIENCE_MS) : 0;
    if (!dawdles(link)) return kept;
    return kept + held + (inbox->gather.block == NULL ? inbox->gather.capacity : 0);
}

/* The first connection whose input waits for blocks or memory; if there is none, the first whose output does. NULL:
 * none waits. */
static struct link *first_waiting(const struct link_home *home)
{
    const struct list *unsealed = &home->streams.unsealed;
    struct link *first = first_starved(home);
    if (first != NULL || list_empty(unsealed)) return first;
    return link_of(container_of(unsealed->next, struct stream, touched));
}

static uint64_t waits_since_ns(const struct link_home *home)
{
    const struct link *first = first_starved(home);
    bool seals = list_empty(&home->streams.unsealed);
    if (first == NULL) return home->unsealed_ns;
    return seals || first->starved_ns < home->unsealed_ns ? first->starved_ns : home->unsealed_ns;
}

static void close_somebody(struct link_home *home, struct link *first)
{
    bool starving = link_home_starving(home) || !list_empty(&home->streams.unsealed);
    struct link *hoarder = starving ? greatest(home, unread_blocks) : NULL;
    struct link *dawdler =
        hoarder == NULL ? greatest(home, starving ? dawdled_blocks : dawdled_memory) : NULL;
    if (hoarder != NULL) {
        link_log(hoarder, LOG_WARN,
                 "closed: it does not read the %zu bytes queued for it, and other connections need "
                 "the blocks",
                 hoarder->stream.outbox.pending);
        link_fail(hoarder, LINK_SLOW);
    } else if (dawdler != NULL) {
        size_t size =
            gather_bytes(&dawdler->stream.inbox.gather).size + link_session_held(dawdler, 0);
        link_log(dawdler, LOG_WARN,
                 "closed: unfinished packet, %zu byte%s so far, and other connections need the %s",
                 size, size == 1 ? "" : "s", starving ? "block" : "memory");
        link_fail(dawdler, LINK_MEMORY);
    } else {
        link_log(first, LOG_WARN,
                 "closed: no memory for what it receives or sends, and no other connection has "
                 "waited longer");
        link_fail(first, LINK_MEMORY);
    }
}

/* Connections are closed one at a time, because the blocks of the last one may not be back yet. But if all landing
 * blocks are occupied, nothing can be received any more, and there is no waiting. */
static bool is_patient(const struct link_home *home)
{
    if (first_waiting(home) == NULL) return true;
    bool deaf = first_starved(home) != NULL && !link_home_starving(home) &&
                home->streams.parked_blocks >= home->streams.port->landing_blocks;
    bool in_time = is_over(home, waits_since_ns(home), PRESSURE_PATIENCE_MS) &&
                   is_over(home, home->closed_ns, PRESSURE_RETRY_MS);
    return !in_time && !deaf;
}

static bool blocks_are_back(const struct link_home *home)
{
    return home->streams.blocks.free_count >= 2 * home->blocks_low;
}

static bool all_is_well(const struct link_home *home)
{
    return !link_home_starving(home) && list_empty(&home->starved) &&
           list_empty(&home->streams.unsealed) && !home->of_blocks.lasts && !home->of_memory.lasts;
}

static void resume(struct link_home *home)
{
    if (blocks_are_back(home)) atomic_store_explicit(&home->starving, false, memory_order_relaxed);
    resume_starved(home);
}

/* Sends more to connections that have read something, or have had something queued in this turn. This shows which ones
 * do not read, and may make room for the first in line. */
static void offer_all(struct link_home *home)
{
    struct port_event event;
    int sent = 0;
    list_move_all(&home->streams.touched, &home->streams.unsealed);
    while (port_take_sent(home->streams.port, &event, 1) > 0) {
        stream_take_sent(stream_of(event.socket), &event);
        stream_sent(stream_of(event.socket), &event);
    }
    do { /* on_drain may queue more */
        sent += stream_flush_touched(&home->streams, OFFERED_MAX - sent);
    } while (!list_empty(&home->streams.touched));
}

static void lose_patience(struct link_home *home)
{
    if (is_patient(home)) return;
    offer_all(home);
    resume(home);
    if (is_patient(home)) return;
    home->closed_ns = link_home_now(home);
    close_somebody(home, first_waiting(home));
}

void pressure_relieve(struct link_home *home)
{
    if (all_is_well(home)) return;
    note_unsealed(home);
    resume(home);
    note_blocks(home);
    note_memory(home);
    lose_patience(home);
    list_move_all(&home->streams.touched, &home->streams.unsealed); /* to be flushed in this turn */
}

uint64_t pressure_next_ns(const struct link_home *home)
{
    if (all_is_well(home)) return UINT64_MAX;
    bool go_on = link_home_starving(home) && blocks_are_back(home); /* by sends this turn */
    return go_on ? 0 : port_now(home->streams.port) + PRESSURE_RETRY_MS * WHEEL_TICK_NS;
}
