/* Ends a worker's connections: draining and aborting. */
#include "base/least.h"
#include "server/worker_mail.h"

/* How long mail is read, at most, before draining begins: 1/LAST_MAIL_SHARE of drain_ns, and no more than LAST_MAIL_NS.
 * So packets from other workers are still sent, and a flood of messages leaves time to send what is queued. */
#define LAST_MAIL_NS UINT64_C(1000000000)
enum { LAST_MAIL_SHARE = 4 };

static void end_all(struct worker *worker, void (*end)(struct link *, enum link_reason))
{
    struct list *head = &worker->home.table.live;
    worker->draining = true;
    worker->drain_mail_ns = 0;
    for (struct list *node = head->next, *next; node != head; node = next) {
        next = node->next; /* links are freed only at the end of the turn */
        end(container_of(node, struct link, entry.node), LINK_SHUTDOWN);
    }
}

static uint32_t ask_to_drain(struct worker *worker, struct letter *letter)
{
    (void)letter;
    uint64_t patience_ns = least_of(worker->home.limits.drain_ns / LAST_MAIL_SHARE, LAST_MAIL_NS);
    if (!worker->draining) worker->drain_mail_ns = worker->drain_asked_ns + patience_ns;
    return 0;
}

static void end_in_time(struct link *link, enum link_reason reason)
{
    link_hasten(link); /* it may be flushing already, with a later deadline */
    link_end(link, reason);
}

/* The drain time counts from the request, however late the worker begins. */
static void begin_draining(struct worker *worker)
{
    struct link_limits *limits = &worker->home.limits;
    uint64_t now_ns = port_now(worker->home.streams.port);
    if (worker->draining) return;
    if (now_ns > worker->drain_asked_ns)
        limits->drain_ns -= least_of(now_ns - worker->drain_asked_ns, limits->drain_ns);
    end_all(worker, end_in_time);
}

/* The last letter: all mail posted before the request has been read. */
static uint32_t read_last(struct worker *worker, struct letter *letter)
{
    (void)letter;
    begin_draining(worker);
    return 0;
}

static uint32_t abort_all(struct worker *worker, struct letter *letter)
{
    (void)letter;
    worker->home.limits.drain_ns = 0; /* for connections still in the mail */
    end_all(worker, link_fail);
    return 0;
}

void worker_end_mail(struct worker *worker)
{
    if (worker->drain_mail_ns != 0 && port_now(worker->home.streams.port) >= worker->drain_mail_ns)
        begin_draining(worker);
}

void worker_drain(struct worker *worker)
{
    static const struct letter_kind order = {.read = ask_to_drain, .is_order = true};
    static const struct letter_kind last = {.read = read_last};
    worker->drain_letter.kind = &order;
    worker->last_letter.kind = &last;
    worker->drain_asked_ns = port_now(worker->control);
    worker_send_mail(worker, &worker->drain_letter);
    worker_send_mail(worker, &worker->last_letter);
}

void worker_abort(struct worker *worker)
{
    static const struct letter_kind order = {.read = abort_all, .is_order = true};
    worker->abort_letter.kind = &order;
    worker_send_mail(worker, &worker->abort_letter);
}
