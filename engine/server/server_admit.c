/* Admission: gives a new connection to a worker, or refuses it. */
#include "server/server_control.h"

#include <stdio.h>

static uint32_t load_of(struct worker *worker)
{
    return atomic_load_explicit(&worker->home.load, memory_order_relaxed);
}

/* The worker with the fewest connections among those that accept new ones, or NULL. Ties are broken
 * round-robin, so that short connections do not all go to the first worker. */
static struct worker *choose_worker(struct server *server)
{
    struct worker *fewest = NULL;
    for (uint32_t i = 0; i < server->worker_count; i++) {
        struct worker *worker = &server->workers[(server->admitted + i) % server->worker_count];
        if (link_home_starving(&worker->home)) continue;
        if (load_of(worker) >= worker->setup.links) continue;
        if (fewest == NULL || load_of(worker) < load_of(fewest)) fewest = worker;
    }
    return fewest;
}

static bool is_full(struct server *server)
{
    uint32_t total = 0;
    for (uint32_t i = 0; i < server->worker_count; i++) total += load_of(&server->workers[i]);
    return total >= server->config.max_connections;
}

static void tell_refusal(struct server *server, const struct address *peer,
                         enum server_refusal reason)
{
    static const char *const texts[SERVER_REFUSALS] = {
        [REFUSED_FULL] = "max_connections is reached",
        [REFUSED_BLOCKS] = "blocks have run low",
        [REFUSED_MEMORY] = "the system is out of memory",
    };
    char peer_text[ADDRESS_TEXT_MAX], most[16] = "", text[256];
    uint64_t now_ns = port_now(server->port);
    if (reason == REFUSED_FULL)
        snprintf(most, sizeof most, " (%u)", server->config.max_connections);
    snprintf(text, sizeof text, "refused %s, and others until there is room: %s%s",
             address_format(peer, peer_text), texts[reason], most);
    if (log_limit_allows(&server->refusals, LOG_WARN, reason, 0, span_text(text), now_ns))
        log_line(LOG_WARN, "%s", text);
    else
        server->tell_ns = log_limit_tell(&server->refusals, now_ns);
}

static void refuse(struct server *server, uint32_t listener, const struct address *peer,
                   enum server_refusal reason)
{
    counter_add(&server->refused_by[reason], 1);
    counter_add(&server->listeners[listener].refused, 1);
    if (!server->refusing) tell_refusal(server, peer, reason);
    server->refusing = true;
}

/* Counts the connection before its worker can serve it, so that a peer that has got a reply is always
 * included in the statistics. */
static bool hand_over(struct server *server, struct worker *worker,
                      const struct link_origin *origin)
{
    counter *accepted = &server->listeners[origin->listener].accepted;
    counter_add(accepted, 1);
    if (worker_adopt(worker, origin)) return true;
    counter_add(accepted, UINT64_MAX); /* one less */
    return false;
}

/* False: there is no place for the connection; *why is set. */
static bool find_place(struct server *server, const struct link_origin *origin,
                       enum server_refusal *why)
{
    *why = REFUSED_FULL;
    if (is_full(server)) return false;
    *why = REFUSED_BLOCKS;
    struct worker *worker = choose_worker(server);
    if (worker == NULL) return false;
    *why = REFUSED_MEMORY;
    return hand_over(server, worker, origin);
}

bool server_admit(struct server *server, uint32_t index, intptr_t handle,
                  const struct address *peer)
{
    const struct config_listener *listener = &server->config.listeners[index];
    struct link_origin origin = {.handle = handle,
                                 .peer = *peer,
                                 .listener = index,
                                 .frame = &listener->frame,
                                 .other = listener->detects ? &listener->other : NULL,
                                 .filter = listener->filter,
                                 .protocols = listener->protocols,
                                 .close_when_full = listener->on_full == ON_FULL_CLOSE};
    enum server_refusal why;
    if (!find_place(server, &origin, &why)) {
        refuse(server, index, peer, why);
        server->port->operations->close_handle(handle);
        return false;
    }
    server->refusing = false;
    server->admitted++;
    return true;
}
