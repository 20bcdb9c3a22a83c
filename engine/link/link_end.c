/* link_end.c - closes a connection, for the server's reasons or the script's. */
#include "link/link.h"

enum { CLOSED_WORD_BYTES = LINK_WORD_MAX - 1 };

void link_hasten(struct link *link)
{
    const struct link_home *home = link->home;
    if (link->stream.state != STREAM_FLUSHING) return;
    if (link->next_ns > link_home_now(home) + home->limits.drain_ns)
        link_set_deadline(link, home->limits.drain_ns);
}

void link_drop_input(struct link *link)
{
    if (link->stream.reading) return; /* link_pump does this when it has finished with the bytes */
    stream_drop_input(&link->stream);
    if (!list_empty(&link->starved)) {
        list_remove(&link->starved);
        link->gates &= (uint8_t) ~(GATE_STARVED | GATE_QUEUED);
    }
}

/* For a link that is no longer open. */
static void leave(struct link *link, enum link_reason reason)
{
    link->reason = (uint8_t)reason;
    group_leave_all(&link->groups);
}

/* The script's own words for the end. */
static struct span link_words(const struct link *link)
{
    return span_of(link->word, link->word_size);
}

void link_end(struct link *link, enum link_reason reason)
{
    const struct link_home *home = link->home;
    if (!stream_is_up(&link->stream)) return;
    if (link->session != NULL) link_session_farewell(link, reason, link_words(link));
    if (!stream_is_up(&link->stream)) return; /* it could not be sent */
    leave(link, reason);
    stream_end(&link->stream);
    /* The queue is sent at the end of this turn; even without a drain timeout the deadline is later. */
    link_set_deadline(link, home->limits.drain_ns > 0 ? home->limits.drain_ns : WHEEL_TICK_NS);
    link_drop_input(link);
}

void link_fail(struct link *link, enum link_reason reason)
{
    if (link->stream.state == STREAM_CLOSING || link->stream.state == STREAM_FREE) return;
    if (stream_is_up(&link->stream)) leave(link, reason);
    link->next_ns = UINT64_MAX;
    wheel_stop(&link->home->wheel, &link->timer);
    stream_break(&link->stream);
    link_drop_input(link);
}

enum link_reason link_stream_end(const struct link *link)
{
    const struct filter *filter = link->stream.inbox.filter;
    bool was_cut = filter != NULL && filter->tells_end && filter->state == FILTER_OPEN;
    return was_cut ? LINK_TRUNCATED : LINK_EOF;
}

void link_end_midway(struct link *link, enum link_reason reason)
{
    char wanted[32] = "", bytes[FRAME_BYTES_TEXT_MAX];
    struct span input = gather_bytes(&link->stream.inbox.gather);
    const char *guess = link->cut ? "" : frame_guess(link->frame, input);
    if (link->cursor.wanted > input.size)
        snprintf(wanted, sizeof wanted, " of %zu", link->cursor.wanted);
    if (input.size > 0)
        link_note(link, &link->home->of_unfinished,
                  "closed (%s) with an unfinished packet, %zu%s byte%s so far; %s",
                  link_reason_text(reason), input.size, wanted,
                  input.size == 1 && wanted[0] == '\0' ? "" : "s",
                  frame_bytes_text(input, guess, bytes));
    link_end(link, reason);
}

void link_set_word(struct link *link, struct span word)
{
    if (link->stream.state != STREAM_OPEN) return;
    word = span_cut_text(word, CLOSED_WORD_BYTES);
    if (word.size > 0) memcpy(link->word, word.data, word.size);
    link->word[word.size] = '\0';
    link->word_size = (uint8_t)word.size;
}

void link_close(struct link *link, const char *word)
{
    if (word != NULL) link_set_word(link, span_text(word));
    link_end(link, LINK_SCRIPT);
}

void link_abort(struct link *link, const char *word)
{
    if (word != NULL) link_set_word(link, span_text(word));
    link_fail(link, LINK_SCRIPT);
}

void link_close_failed(struct link *link)
{
    link_end(link, LINK_ERROR);
}

struct span link_reason(const struct link *link)
{
    if (link->word_size > 0) return link_words(link);
    return span_text(link_reason_text(link->reason));
}

void link_set_code(struct link *link, uint16_t code)
{
    if (link->stream.state == STREAM_OPEN) link->code = code;
}

uint16_t link_code(const struct link *link)
{
    enum { CODE_ABNORMAL = 1006 }; /* no farewell was heard (RFC 6455 section 7.1.5) */
    const struct session *session = link->session;
    bool has_codes = session != NULL && session->codec->farewell != NULL;
    if (!has_codes || !session->is_open) return 0;
    return session->is_over ? link->code : CODE_ABNORMAL;
}

const char *link_reason_text(enum link_reason reason)
{
    static const char *const texts[LINK_REASONS] = {
        [LINK_EOF] = "eof",         [LINK_RESET] = "reset",       [LINK_IDLE] = "idle",
        [LINK_TIMEOUT] = "timeout", [LINK_FRAMING] = "framing",   [LINK_OVERSIZE] = "oversize",
        [LINK_SLOW] = "slow",       [LINK_MEMORY] = "memory",     [LINK_SCRIPT] = "script",
        [LINK_ERROR] = "error",     [LINK_SHUTDOWN] = "shutdown", [LINK_TRUNCATED] = "truncated",
    };
    return texts[reason];
}
