/* link_shake.c - all that comes before a script may know a link: the handshake of a filter, and what a session reads first. */
#include "frame/frame_protocols.h"
#include "link/link.h"

/* ---- handshakes at once ---- */

static struct filter *filter_of(const struct link *link)
{
    return link->stream.inbox.filter;
}

/* Lets those that wait longest take the places that are free. */
void link_home_let_shake(struct link_home *home)
{
    while (!list_empty(&home->queued) && home->shaking < home->limits.handshakes) {
        struct link *link = container_of(list_take_first(&home->queued), struct link, starved);
        filter_of(link)->counts = true;
        home->shaking++;
        link_note_open(link, GATE_QUEUED);
        link_update_receiving(link);
        link_wake(link);
    }
}

/* What has come waits in blocks of our own: those of the port are needed to hear others. */
static void wait_aside(struct link *link)
{
    if (!inbox_spill(&link->stream.inbox, &link->home->streams)) link_fail(link, LINK_MEMORY);
}

/* For a handshake of which something has come. False: as many go on as may; it waits until one of them has ended. */
static bool take_place(struct link *link)
{
    struct link_home *home = link->home;
    struct filter *filter = filter_of(link);
    if (filter->counts || list_empty(&filter->wire)) return true;
    if (home->shaking < home->limits.handshakes) {
        filter->counts = true;
        home->shaking++;
        return true;
    }
    list_append(&home->queued, &link->starved);
    link_gate_close(link, GATE_QUEUED);
    wait_aside(link);
    return false;
}

static void free_place(struct link_home *home)
{
    home->shaking--;
    link_home_let_shake(home);
}

void link_leave_handshake(struct link *link)
{
    struct filter *filter = filter_of(link);
    if (filter == NULL || !filter->counts) return;
    filter->counts = false;
    free_place(link->home);
}

/* ---- steps ---- */

/* The part of a turn that handshakes of filters have: one of TLS takes a quarter of a millisecond or so. */
enum { SHAKEN_MAX_NS = 500000 };

/* Others have made progress in this turn, and it is long, or handshakes have had their part of it: this one waits for the next
 * turn. So a connection that is open waits for a turn or two of handshakes, not for all that have come before. */
static bool must_wait(struct link *link)
{
    struct link_home *home = link->home;
    bool had_part = home->shaken_ns >= SHAKEN_MAX_NS && stream_shakes(&link->stream);
    if (!had_part && (!home->shook || !link_home_turn_is_long(home, LINK_LOOK_EVERY))) return false;
    link_yield(link);
    inbox_spill(&link->stream.inbox, &home->streams);
    return true;
}

/* Reads what the peer asks for. True: it is to be served, perhaps with another framing. A new connection does not wait for
 * memory. */
static bool greet(struct link *link)
{
    struct inbox *inbox = &link->stream.inbox;
    struct stream_home *streams = &link->home->streams;
    struct frame_cut cut;
    const char *why = NULL;
    while (stream_is_up(&link->stream)) {
        inbox_release_front(inbox, streams);
        struct span input = inbox_front(inbox);
        bool detects = link->session->other != NULL;
        enum session_guess guess = link_session_choose(link, input);
        enum frame_verdict verdict = FRAME_MORE;
        if (guess == GUESS_NO) return true;
        if (guess == GUESS_YES && detects) link_set_deadline(link, link->home->limits.opening_ns);
        if (guess == GUESS_YES && input.size > 0)
            verdict = link_session_greet(link, input, &cut, &why);
        if (verdict == FRAME_CONSUMED) {
            inbox_use(inbox, streams, cut.consumed);
            return true;
        }
        if (verdict == FRAME_ERROR) {
            if (why != NULL) link_note(link, &link->home->of_answered, "not served: %s", why);
            link_end(link, LINK_FRAMING);
        } else if (verdict == FRAME_MORE && !inbox_has_more(inbox)) {
            return false;
        } else if (verdict == FRAME_STARVED ||
                   !stream_absorb(&link->stream, SIZE_MAX, link->cursor.wanted)) {
            link_fail(link, LINK_MEMORY);
        }
    }
    return false;
}

/* Nothing comes before packets any more: a peer that its session greets has been read. */
static bool is_greeted(struct link *link)
{
    const struct stream *stream = &link->stream;
    bool has_shaken = !stream_shakes(stream) && stream_broken(stream) == NULL;
    bool greets = link->session != NULL && !link->session->is_greeted;
    if (stream->state != STREAM_OPENING) return false; /* there was no memory for it */
    if (!stream->owner_opens || !has_shaken) return false;
    if (greets && !greet(link)) return false;
    stream_opened(&link->stream);
    return true;
}

/* The peer has agreed on a protocol inside the filter, which may have a framing of its own. */
static void follow_protocol(struct link *link)
{
    const struct filter *filter = link->stream.inbox.filter;
    if (filter == NULL || filter->protocol == NULL || filter->protocols == NULL) return;
    const struct frame *frame = frame_protocols_find(filter->protocols, filter->protocol);
    if (frame != NULL && !link_set_frame(link, frame)) link_fail(link, LINK_MEMORY);
}

/* Where the framing is to be detected, the time for that begins when the filter's handshake has ended. */
static void shake_filter(struct link *link)
{
    bool counted = filter_of(link)->counts;
    struct port *port = link->home->streams.port;
    uint64_t begin_ns = port_clock(port);
    stream_shake(&link->stream);
    link->home->shaken_ns += port_clock(port) - begin_ns;
    if (counted && filter_of(link) == NULL) free_place(link->home); /* it has removed itself */
    if (stream_shakes(&link->stream)) return;
    link_leave_handshake(link);
    follow_protocol(link);
    bool detects = link->session != NULL && link->session->other != NULL;
    if (detects && link->stream.state == STREAM_OPENING)
        link_set_deadline(link, LINK_DETECT_MS * WHEEL_TICK_NS);
}

bool link_shake(struct link *link)
{
    if (link->gates & GATE_QUEUED) wait_aside(link); /* it was received for before */
    if (link->gates != 0 || must_wait(link)) return false;
    link->home->shook = true;
    if (stream_shakes(&link->stream)) {
        if (!take_place(link)) return false;
        shake_filter(link);
    }
    if (link->stream.state == STREAM_OPEN || is_greeted(link)) return true;
    if (!stream_is_up(&link->stream)) return false;
    link_note_filter(link);
    if (link->stream.ended) link_end(link, link_stream_end(link));
    link_update_receiving(link);
    return false;
}
