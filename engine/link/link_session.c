/* link_session.c - drives what the codec of a link remembers of its connection: greets the peer, cuts its packets, sends
 * what the session has to say by itself. */
#include "link/link.h"

#include "base/clock.h"

enum { PINGS_UNANSWERED_MAX = 2 };

static const struct session_codec *codec_of(const struct link *link)
{
    return link->session->codec;
}

bool link_session_open(struct link *link)
{
    const struct session_codec *codec = link->frame->codec->sessions;
    struct session *session = NULL;
    if (codec != NULL) {
        session = codec->open(link->frame, &link->home->streams.budget);
        if (session == NULL) return false;
        session->ping_ns = UINT64_MAX;
        session->shared = &link->home->deflate;
    }
    link->session = session;
    link->share = session == NULL ? link->frame : NULL;
    link->packet_kind = PACKET_PLAIN;
    return true;
}

void link_session_close(struct link *link)
{
    if (link->session == NULL) return;
    codec_of(link)->close(link->session);
    link->session = NULL;
}

bool link_set_frame(struct link *link, const struct frame *frame)
{
    const struct frame *old_frame = link->frame;
    struct session *old = link->session;
    link->frame = frame;
    if (!link_session_open(link)) {
        link->frame = old_frame;
        return false;
    }
    if (old != NULL) old->codec->close(old);
    link->gates &= (uint8_t)~GATE_ASKED;
    link->home->unread_link = NULL;
    link->cursor = (struct frame_cursor){0};
    link->cut = LINK_CUT_NONE;
    /* Bytes gathered so far may already hold packets of the new framing. */
    link_wake(link);
    return true;
}

/* ---- bytes of its own ---- */

/* A peer that does not read the answers to its pings is not heard for the while, as with packets. */
static void touch(struct link *link)
{
    if (link->stream.state == STREAM_OPEN)
        link_note_queued(link);
    else
        stream_touch(&link->stream);
}

static void say(struct link *link, const struct session_reply *bytes)
{
    struct span part = span_of(bytes->bytes, bytes->size);
    if (part.size > 0 && stream_put(&link->stream, &part, 1, part.size)) touch(link);
}

/* Bytes that nobody waits for, such as the answer to a ping, are left out when the peer does not read. A farewell is
 * not: it comes once, behind a packet that may be larger than the mark. */
static void reply(struct link *link, const struct session_reply *bytes)
{
    if (link->stream.outbox.pending <= link->home->limits.hard_mark) say(link, bytes);
}

static bool put(struct link *link, const struct span *parts, int count)
{
    size_t size = 0;
    for (int i = 0; i < count; i++) size += parts[i].size;
    if (!stream_put(&link->stream, parts, count, size)) return false;
    touch(link);
    return true;
}

static void ping_later(struct link *link)
{
    uint64_t after_ns = codec_of(link)->ping_after_ns(link->frame);
    if (after_ns == 0) return;
    link->session->ping_ns = link_home_now(link->home) + after_ns;
    link_update_timer(link);
}

/* ---- the beginning ---- */

/* It was greeted, and is neither welcome nor answered yet. */
static bool is_asked(const struct link *link)
{
    const struct session *session = link->session;
    if (session == NULL || !stream_is_up(&link->stream)) return false;
    return session->is_greeted && !session->is_open && !session->is_over;
}

static bool send_answer(struct link *link, const struct session_answer *answer)
{
    struct span parts[2] = {span_of(answer->head, answer->head_size), answer->body};
    if (!put(link, parts, answer->body.size > 0 ? 2 : 1)) return false;
    link->session->is_over = true;
    return true;
}

enum frame_verdict link_session_greet(struct link *link, struct span input, struct frame_cut *cut,
                                      const char **why)
{
    struct session *session = link->session;
    struct session_answer answer = {.why = NULL};
    enum frame_verdict verdict = codec_of(link)->greet(session, link->frame, input, cut, &answer);
    *why = answer.why;
    if (verdict == FRAME_CONSUMED) session->is_greeted = true;
    if (verdict == FRAME_ERROR && !send_answer(link, &answer)) return FRAME_STARVED;
    return verdict;
}

bool link_session_welcome(struct link *link)
{
    struct session *session = link->session;
    char room[SESSION_WELCOME_MAX];
    if (!is_asked(link)) return true;
    struct span part = span_of(room, codec_of(link)->welcome(session, link->frame, room));
    if (!put(link, &part, 1)) return false;
    session->is_open = true;
    link->share = codec_of(link)->share(session, link->frame);
    ping_later(link);
    return true;
}

/* A peer that says no more than this, for some time or ever, asks for nothing. */
static enum session_guess guess(const struct link *link, struct span input)
{
    enum session_guess guess = input.size == 0 ? GUESS_PERHAPS : codec_of(link)->recognize(input);
    bool is_all =
        (link->session->is_silent || link->stream.ended) && !inbox_goes_on(&link->stream.inbox);
    return guess == GUESS_PERHAPS && is_all ? GUESS_NO : guess;
}

enum session_guess link_session_choose(struct link *link, struct span input)
{
    const struct frame *other = link->session->other;
    enum session_guess result = other == NULL ? GUESS_YES : guess(link, input);
    if (result == GUESS_NO) {
        link_session_close(link);
        link->frame = other;
        link->share = other;
    } else if (result == GUESS_YES) {
        link->session->other = NULL;
    }
    return result;
}

bool link_awaits_answer(const struct link *link)
{
    return link->session != NULL && link->session->awaits && stream_is_up(&link->stream);
}

enum send_result link_answer(struct link *link, uint16_t status, const char *headers,
                             struct span body)
{
    struct session_answer answer = {.why = NULL};
    if (!is_asked(link)) return SEND_CLOSED;
    if (!codec_of(link)->answer(link->session, status, headers, body, &answer)) return SEND_TOO_BIG;
    return send_answer(link, &answer) ? SEND_OK : SEND_NO_MEMORY;
}

struct span link_request(const struct link *link)
{
    bool has = is_asked(link) || link_awaits_answer(link);
    return has ? codec_of(link)->request(link->session) : (struct span){NULL, 0};
}

bool link_choose_protocol(struct link *link, struct span protocol)
{
    return is_asked(link) && codec_of(link)->choose(link->session, link->frame, protocol);
}

/* ---- packets ---- */

/* The framing was set on an open connection: whatever the peer asks for, the script has decided. The peer is welcomed when
 * its request has been used. */
static enum frame_verdict greet_late(struct link *link, struct span input, struct frame_cut *cut)
{
    const char *why;
    enum frame_verdict verdict = link_session_greet(link, input, cut, &why);
    if (verdict == FRAME_ERROR) {
        cut->fault = FRAME_PROTOCOL;
        cut->why = why == NULL ? "it asks for something else than a WebSocket" : why;
        cut->code = 0;
    }
    return verdict;
}

/* Since when the session has kept the message that it keeps now. */
static void note_held(struct link *link, size_t before)
{
    struct session *session = link->session;
    if (before == 0 && session->held > 0) session->held_ns = link_home_now(link->home);
}

/* The script is called next, and receiving updated after it. */
static void note_asked(struct link *link)
{
    link->gates |= GATE_ASKED;
    link->gated_ns = link_home_now(link->home);
}

enum frame_verdict link_session_next(struct link *link, struct span input, struct frame_cut *cut)
{
    struct session *session = link->session;
    struct session_reply bytes;
    bytes.size = 0; /* filling the rest with zeros would take longer than reading a small frame */
    if (!session->is_greeted) return input.size == 0 ? FRAME_MORE : greet_late(link, input, cut);
    if (!session->is_open && !link_session_welcome(link)) return FRAME_STARVED;
    if (input.size == 0) return FRAME_MORE;
    if (link->gates != 0) { /* the welcome went beyond the soft mark */
        *cut = (struct frame_cut){.consumed = 0};
        return FRAME_CONSUMED;
    }
    if (session->held > 0) codec_of(link)->rest(session); /* what is kept now is of this message */
    size_t held = session->held;
    enum frame_verdict verdict =
        codec_of(link)->next(session, link->frame, &link->cursor, input, cut, &bytes);
    note_held(link, held);
    if (verdict == FRAME_ENDED)
        say(link, &bytes);
    else
        reply(link, &bytes);
    if (verdict == FRAME_PACKET) link->packet_kind = (uint8_t)cut->kind;
    if (verdict == FRAME_PACKET && session->awaits) note_asked(link);
    if (verdict == FRAME_ENDED) session->is_over = true;
    if (verdict == FRAME_ENDED || verdict == FRAME_ERROR) link->code = cut->code;
    return verdict;
}

enum packet_kind link_packet_kind(const struct link *link)
{
    return (enum packet_kind)link->packet_kind;
}

size_t link_session_held(const struct link *link, uint64_t since_ms)
{
    const struct session *session = link->session;
    if (session == NULL || session->held == 0) return 0;
    uint64_t for_ns = link_home_now(link->home) - session->held_ns;
    return for_ns >= since_ms * WHEEL_TICK_NS ? session->held : 0;
}

/* ---- pings ---- */

/* A peer that has sent anything since it was pinged is there. One that is not listened to, for a gate is closed, cannot
 * be heard. */
bool link_session_ping(struct link *link)
{
    struct session *session = link->session;
    uint64_t now_ns = link_home_now(link->home),
             after_ns = codec_of(link)->ping_after_ns(link->frame);
    struct session_reply bytes = {.size = 0};
    bool heard = link->gates != 0 || link->stream.input_ns >= session->pinged_ns;
    if (heard) session->pings = 0;
    if (session->pings == PINGS_UNANSWERED_MAX) return false;
    if (link->gates == 0 && now_ns - link->stream.input_ns >= after_ns) {
        codec_of(link)->ping(link->frame, &bytes);
        reply(link, &bytes);
        session->pings++;
        session->pinged_ns = now_ns;
    } else if (link->gates == 0) {
        now_ns = link->stream.input_ns;
    }
    session->ping_ns = now_ns + after_ns;
    return true;
}

/* ---- the end ---- */

enum { CODE_NORMAL = 1000, CODE_AWAY = 1001, CODE_PROTOCOL = 1002, CODE_POLICY = 1008 };
enum { CODE_TOO_BIG = 1009, CODE_ERROR = 1011, CODE_TRY_LATER = 1013 };

static uint16_t code_for(enum link_reason reason)
{
    switch (reason) {
    case LINK_SHUTDOWN: return CODE_AWAY;
    case LINK_FRAMING: return CODE_PROTOCOL;
    case LINK_OVERSIZE: return CODE_TOO_BIG;
    case LINK_ERROR: return CODE_ERROR;
    case LINK_MEMORY: return CODE_TRY_LATER;
    case LINK_IDLE:
    case LINK_TIMEOUT:
    case LINK_SLOW: return CODE_POLICY;
    default: return CODE_NORMAL;
    }
}

/* A peer that the script does not accept, for one of these reasons. */
static void answer_no(struct link *link, enum link_reason reason)
{
    if (reason == LINK_ERROR)
        link_answer(link, 500, "", span_text("The server has failed here.\n"));
    else if (reason == LINK_SHUTDOWN || reason == LINK_MEMORY)
        link_answer(link, 503, "Retry-After: 1\r\n", span_text("Try again in a moment.\n"));
    else
        link_answer(link, 403, "", span_text("You may not connect here.\n"));
}

/* Which answer a peer is owed when the connection ends; 0: none. */
static uint16_t last_status(const struct link *link, enum link_reason reason)
{
    const struct session *session = link->session;
    if (session->fault != 0) return session->fault;
    if (reason == LINK_EOF || reason == LINK_TRUNCATED) return 0;
    if (session->awaits) return reason == LINK_ERROR ? 500 : 503;
    if (session->is_midway && (reason == LINK_IDLE || reason == LINK_TIMEOUT)) return 408;
    return session->is_midway && reason != LINK_SCRIPT ? 503 : 0;
}

static void answer_last(struct link *link, enum link_reason reason)
{
    struct session *session = link->session;
    if (session->is_over) return;
    struct session_response response = {.status = last_status(link, reason),
                                        .headers = "",
                                        .date_s = clock_unix_us() / 1000000,
                                        .ends = true};
    struct session_answer answer;
    bool ends;
    session->is_over = true;
    if (response.status == 0) return;
    if (response.status == 503) response.headers = "Retry-After: 1\r\n";
    if (!session->codec->respond(session, &response, &answer, &ends)) return;
    struct span part = span_of(answer.head, answer.head_size);
    if (stream_put(&link->stream, &part, 1, part.size)) stream_touch(&link->stream);
    session->awaits = false;
}

/* A peer that has ended its stream without a farewell gets none. */
void link_session_farewell(struct link *link, enum link_reason reason, struct span words)
{
    struct session *session = link->session;
    struct session_reply bytes = {.size = 0};
    if (is_asked(link)) answer_no(link, reason);
    if (session == NULL || !session->is_open || session->is_over) return;
    if (codec_of(link)->respond != NULL) answer_last(link, reason);
    if (session->is_over || reason == LINK_EOF || reason == LINK_TRUNCATED) return;
    session->is_over = true;
    if (link->code == 0) link->code = code_for(reason);
    codec_of(link)->farewell(link->frame, link->code, words, &bytes);
    say(link, &bytes);
}
