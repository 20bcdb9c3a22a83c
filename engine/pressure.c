#include "pressure.h"

static struct link *first_starved(const struct link_home *home)
{
    return list_empty(&home->starved) ? NULL
                                      : container_of(home->starved.next, struct link, starved);
}

static bool begins(struct shortage *shortage, uint64_t now_ns)
{
    bool is_new = !shortage->lasts;
    *shortage = (struct shortage){.lasts = true, .seen_ns = now_ns};
    return is_new;
}

static bool ends(struct shortage *shortage, uint64_t now_ns)
{
    if (!shortage->lasts || now_ns - shortage->seen_ns < PRESSURE_CALM_MS * WHEEL_TICK_NS)
        return false;
    shortage->lasts = false;
    return true;
}

static void note_blocks(struct link_home *home)
{
    uint64_t now_ns = port_now(home->port);
    if (link_home_starving(home) && begins(&home->of_blocks, now_ns)) {
        counter_add(&home->counters.starved, 1);
        log_line(LOG_WARN,
                 "worker %u: blocks have run low (%u of %u free): receiving pauses and new "
                 "connections are refused until they come back",
                 worker_index(home->worker), home->blocks.free_count, home->blocks.total);
    } else if (ends(&home->of_blocks, now_ns)) {
        log_line(LOG_INFO, "worker %u: blocks are back (%u of %u free): receiving goes on",
                 worker_index(home->worker), home->blocks.free_count, home->blocks.total);
    }
}

static void note_memory(struct link_home *home)
{
    uint64_t now_ns = port_now(home->port);
    size_t used = budget_used(&home->budget), limit = home->budget.limit;
    bool is_short = !link_home_starving(home) && !list_empty(&home->starved);
    if (is_short && begins(&home->of_memory, now_ns)) {
        counter_add(&home->counters.starved, 1);
        log_line(LOG_WARN,
                 "worker %u: memory has run out (%zu of %zu bytes used): packets that cannot grow "
                 "wait",
                 worker_index(home->worker), used, limit);
    } else if (ends(&home->of_memory, now_ns)) {
        log_line(LOG_INFO, "worker %u: memory is back (%zu of %zu bytes used): no packet waits",
                 worker_index(home->worker), used, limit);
    }
}

/* Lets the waiting go on, first come first served, as far as there is room. */
static void resume_starved(struct link_home *home)
{
    struct link *link;
    while (!link_home_starving(home) && (link = first_starved(home)) != NULL) {
        uint64_t since_ns = link->starved_ns;
        link_gate_open(link, GATE_STARVED);
        if (!(link->gates & GATE_STARVED)) continue;
        link->starved_ns = since_ns; /* no luck: it keeps its place */
        list_remove(&link->starved);
        list_prepend(&home->starved, &link->starved);
        return;
    }
}

static size_t blocks_held(const struct link *link)
{
    size_t count = 0;
    for (const struct list *node = link->outbox.blocks.next; node != &link->outbox.blocks;
         node = node->next)
        count++;
    return count;
}

/* The connection whose unread queue keeps the most blocks, if it is a queue worth the name. */
static struct link *greatest_hoarder(struct link_home *home)
{
    struct link *greatest = NULL;
    size_t most = 1;
    for (struct list *node = home->table.live.next; node != &home->table.live; node = node->next) {
        struct link *link = container_of(node, struct link, entry.node);
        if (link->state != LINK_STATE_OPEN && link->state != LINK_STATE_DRAINING) continue;
        size_t held = blocks_held(link);
        if (held <= most) continue;
        most = held;
        greatest = link;
    }
    return greatest;
}

static void lose_patience(struct link_home *home)
{
    struct link *first = first_starved(home);
    if (first == NULL) return;
    bool starving = link_home_starving(home);
    bool deaf = !starving && home->parked_blocks >= home->port->landing_blocks;
    uint64_t waited_ns = port_now(home->port) - first->starved_ns;
    if (waited_ns < PRESSURE_PATIENCE_MS * WHEEL_TICK_NS && !deaf) return;
    struct link *hoarder = starving ? greatest_hoarder(home) : NULL;
    if (hoarder != NULL) {
        link_log(hoarder, LOG_WARN,
                 "closed: it does not read the %zu bytes queued for it, and others need the blocks",
                 hoarder->outbox.pending);
        link_fail(hoarder, LINK_SLOW);
    } else {
        link_log(first, LOG_WARN, "closed: no memory for its packet, and it has waited longest");
        link_fail(first, LINK_MEMORY);
    }
}

static bool blocks_are_back(const struct link_home *home)
{
    return home->blocks.free_count >= 2 * home->blocks_low;
}

static bool all_is_well(const struct link_home *home)
{
    return !link_home_starving(home) && list_empty(&home->starved) && !home->of_blocks.lasts &&
           !home->of_memory.lasts;
}

void pressure_relieve(struct link_home *home)
{
    if (all_is_well(home)) return;
    if (blocks_are_back(home)) atomic_store_explicit(&home->starving, false, memory_order_relaxed);
    resume_starved(home);
    note_blocks(home);
    note_memory(home);
    lose_patience(home);
}

uint64_t pressure_next_ns(const struct link_home *home)
{
    if (all_is_well(home)) return UINT64_MAX;
    bool go_on = link_home_starving(home) && blocks_are_back(home); /* sends have brought them */
    return go_on ? 0 : port_now(home->port) + PRESSURE_RETRY_MS * WHEEL_TICK_NS;
}
