/* link.c - opens a connection, gives it back when it has settled, and answers its script's queries. */
#include "link/link.h"

/* At level debug, every connection is logged when it opens and when it closes. */
static void log_link(const struct link *link, const char *event)
{
    char peer[ADDRESS_TEXT_MAX];
    if (!log_wants(LOG_DEBUG)) return;
    log_line(LOG_DEBUG, "connection %llu from %s: %s", (unsigned long long)link->entry.id,
             link_format_peer(link, peer), event);
}

static void ended(struct stream *stream)
{
    struct link *link = link_of(stream);
    struct link_home *home = link->home;
    if (link->stage != LINK_ACCEPTED) return;
    link->stage = LINK_TOLD;
    counter_add(&home->counters.links_closed[link->reason], 1);
    if (link->word_size > 0) words_note(&home->counters.words, link_reason(link));
    if (home->script->disconnected == NULL) return;
    home->script->disconnected(home->script_state, link, (const char *)link_reason(link).data);
}

static void settled(struct stream *stream)
{
    struct link *link = link_of(stream);
    struct link_home *home = link->home;
    log_link(link, link_reason_text(link->reason));
    if (link->stage != LINK_UNKNOWN && home->script->released != NULL)
        home->script->released(home->script_state, link);
    link_drop_input(link);
    link_session_close(link);
    link_leave_handshake(link);
    stream_close(stream);
    list_remove(&link->woken);
    address_free(&link->peer);
    counter_add(&home->counters.of_listener[link->listener].settled, 1);
    table_give(&home->table, &link->entry);
    atomic_fetch_sub_explicit(&home->load, 1, memory_order_relaxed);
}

static const struct stream_owner owner = {
    .arrived = link_arrived,
    .sent = link_sent,
    .broke = link_broke,
    .ended = ended,
    .lingers = link_lingers,
    .settled = settled,
};

bool link_tell_filter(const struct link *link,
                      void (*note)(void *context, const struct filter_fact *fact), void *context)
{
    const struct filter *filter = link->stream.inbox.filter;
    if (filter == NULL || filter->kind->tell == NULL) return false;
    filter->kind->tell(filter, note, context);
    return true;
}

static bool open_filter(struct link_home *home, const struct filter_source *source,
                        struct filter **filter)
{
    *filter = source == NULL ? NULL : source->open(source, &home->streams.budget);
    return *filter != NULL || source == NULL;
}

struct link *link_open(struct link_home *home, const struct link_origin *origin)
{
    struct filter *filter;
    check(origin->listener < LINK_LISTENERS_MAX);
    struct table_entry *entry = table_take(&home->table);
    if (entry == NULL) goto refused;
    struct link *link = container_of(entry, struct link, entry);
    const struct table_entry kept = *entry;
    check(link->stream.state == STREAM_FREE);
    *link = (struct link){
        .home = home,
        .frame = origin->frame,
        .close_when_full = origin->close_when_full,
        .connected_ns = port_now(home->streams.port),
        .listener = origin->listener,
    };
    link->entry = kept; /* its neighbours point at it */
    address_pack(&origin->peer, &link->peer);
    if (!link_session_open(link)) goto no_session;
    if (!open_filter(home, origin->filter, &filter)) goto no_filter;
    const bool greets = link->session != NULL && !link->session->is_greeted;
    if (filter != NULL) filter->protocols = origin->protocols;
    const struct stream_origin stream = {.handle = origin->handle,
                                         .early = home->streams.window > 1 ? link->early : NULL,
                                         .filter = filter,
                                         .owner_opens = greets || (filter && origin->protocols)};
    if (!stream_open(&link->stream, &home->streams, &owner, &stream)) goto no_port;
    list_init(&link->starved);
    list_init(&link->woken);
    link_time_init(link);
    group_member_init(&link->groups, &home->streams.budget, home->table.worker);
    counter_add(&home->counters.of_listener[link->listener].opened, 1);
    log_link(link, "opened");
    if (link->stream.state == STREAM_OPEN) {
        link_admit(link);
    } else {
        bool detects = greets && origin->other != NULL;
        bool is_soon = detects && filter == NULL; /* a filter's own handshake comes first */
        if (detects) link->session->other = origin->other;
        link_set_deadline(link, is_soon ? LINK_DETECT_MS * WHEEL_TICK_NS : home->limits.opening_ns);
        link_update_receiving(link);
    }
    return link;

no_port:
    if (filter != NULL) filter->kind->close(filter, &home->streams.budget);
no_filter:
    link_session_close(link);
no_session:
    address_free(&link->peer);
    table_give(&home->table, entry);
refused:
    counter_add(&home->counters.of_listener[origin->listener].refused, 1);
    home->streams.port->operations->close_handle(origin->handle);
    atomic_fetch_sub_explicit(&home->load, 1, memory_order_relaxed);
    return NULL;
}

/* ---- queries of the script ---- */

bool link_is_open(const struct link *link)
{
    return link->stream.state == STREAM_OPEN;
}

uint64_t link_id(const struct link *link)
{
    return link->entry.id;
}

uint32_t link_slot(const struct link *link)
{
    return link->entry.slot;
}

size_t link_pending(const struct link *link)
{
    return link->stream.outbox.pending;
}

double link_connected_at(const struct link *link)
{
    return (double)link->connected_ns / 1e9;
}

void link_peer(const struct link *link, struct address *peer)
{
    address_unpack(&link->peer, peer);
}

uint32_t link_listener(const struct link *link)
{
    return link->listener;
}

uint64_t link_silent_ns(const struct link *link)
{
    return link_home_now(link->home) - link->stream.input_ns;
}

const char *link_state_text(const struct link *link)
{
    static const char *const texts[] = {
        [STREAM_FREE] = "free",           [STREAM_OPENING] = "opening",
        [STREAM_OPEN] = "open",           [STREAM_FLUSHING] = "flushing",
        [STREAM_LINGERING] = "lingering", [STREAM_CLOSING] = "closing",
    };
    return texts[link->stream.state];
}

bool link_is_held(const struct link *link)
{
    return link->gates & GATES_OF_HANDLERS;
}

bool link_is_paused(const struct link *link)
{
    return link->gates & GATE_PAUSED;
}

const struct frame *link_frame(const struct link *link)
{
    return link->frame;
}

void *link_data(const struct link *link)
{
    return link->data;
}

void link_set_data(struct link *link, void *data)
{
    link->data = data;
}
