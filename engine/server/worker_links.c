/* Finds a worker's connections, and adopts new ones from the control thread. */
#include "server/worker_mail.h"

/* NULL for ids of other workers: the table does not know them. */
struct link *worker_find_any(const struct worker *worker, uint64_t id)
{
    struct table_entry *entry = table_find(&worker->home.table, id);
    return entry == NULL ? NULL : container_of(entry, struct link, entry);
}

struct link *worker_find(const struct worker *worker, uint64_t id)
{
    struct link *link = worker_find_any(worker, id);
    return link != NULL && link_is_open(link) ? link : NULL;
}

struct link *worker_at(const struct worker *worker, uint32_t slot)
{
    const struct table *table = &worker->home.table;
    if (slot >= table->used_count) return NULL; /* never taken: its memory was never touched */
    struct link *link = container_of(table_at(table, slot), struct link, entry);
    return link->entry.id != 0 ? link : NULL;
}

uint32_t worker_slots_used(const struct worker *worker)
{
    return worker->home.table.used_count;
}

struct link *worker_next(const struct worker *worker, const struct link *link)
{
    const struct list *head = &worker->home.table.live;
    const struct list *node = link == NULL ? head->next : link->entry.node.next;
    for (; node != head; node = node->next) {
        struct link *next = container_of(node, struct link, entry.node);
        if (link_is_open(next)) return next;
    }
    return NULL;
}

struct link *worker_next_any(const struct worker *worker, const struct link *link)
{
    const struct list *node = link == NULL ? &worker->home.table.live : &link->entry.node;
    const struct list *next = node->next;
    return next == &worker->home.table.live ? NULL : container_of(next, struct link, entry.node);
}

/* ---- adopting ---- */

/* A socket that was accepted for this worker. */
struct adoption {
    struct letter letter;
    struct link_origin origin;
};

static uint32_t read_adoption(struct worker *worker, struct letter *letter)
{
    struct adoption *adoption = container_of(letter, struct adoption, letter);
    struct link *link = link_open(&worker->home, &adoption->origin);
    if (link != NULL && worker->draining) link_end(link, LINK_SHUTDOWN);
    free(adoption);
    return 1;
}

static void drop_adoption(struct worker *worker, struct letter *letter)
{
    struct adoption *adoption = container_of(letter, struct adoption, letter);
    worker->home.streams.port->operations->close_handle(adoption->origin.handle);
    free(adoption);
}

bool worker_adopt(struct worker *worker, const struct link_origin *origin)
{
    static const struct letter_kind kind = {.read = read_adoption, .drop = drop_adoption};
    struct adoption *adoption = calloc(1, sizeof *adoption);
    if (adoption == NULL) return false;
    adoption->letter.kind = &kind;
    adoption->origin = *origin;
    atomic_fetch_add_explicit(&worker->home.load, 1, memory_order_relaxed);
    worker_send_mail(worker, &adoption->letter);
    return true;
}
