/* link_answer.c - answers the requests of a link whose framing responds: one at a time, and in their order. While one is
 * not answered, GATE_ASKED keeps the next one back. */
#include "link/link.h"

#include "base/clock.h"

/* The next request is cut once the script has returned. */
static void answered(struct link *link)
{
    link->session->awaits = false;
    link_note_open(link, GATE_ASKED);
    if (!link->stream.reading) link_wake(link);
}

enum send_result link_respond(struct link *link, uint16_t status, const char *headers,
                              struct span body)
{
    const struct session_response response = {
        .status = status, .headers = headers, .body = body, .date_s = clock_unix_us() / 1000000};
    struct session_answer answer;
    bool ends;
    if (!link_awaits_answer(link) || link->session->is_over) return SEND_CLOSED;
    if (body.size > link->frame->packet_max) return SEND_TOO_BIG;
    if (!link->session->codec->respond(link->session, &response, &answer, &ends))
        return SEND_TOO_BIG;
    struct span parts[2] = {span_of(answer.head, answer.head_size), answer.body};
    enum send_result result = link_queue_parts(link, parts, answer.body.size > 0 ? 2 : 1);
    if (result != SEND_OK) return result;
    answered(link);
    if (ends) link_end(link, LINK_EOF); /* as the peer has asked */
    return SEND_OK;
}

void link_respond_failed(struct link *link)
{
    if (link_awaits_answer(link))
        link_respond(link, 500, "Content-Type: text/plain; charset=utf-8\r\n",
                     span_text("The server has failed here.\n"));
}
