/* websocket_request.c - the beginning of a WebSocket, in HTTP: reads what the peer asks for, and keeps it until the
 * script has decided. */
#include "base/piece.h"
#include "frame/http_files.h"
#include "frame/websocket_deflate.h"
#include "frame/websocket_greet.h"

enum { PAGED_FROM = 8192 };

static struct websocket_session *of(struct session *session)
{
    return container_of(session, struct websocket_session, session);
}

static struct span head_of(const struct websocket_session *own)
{
    return span_of(own->head, own->head_size);
}

void websocket_drop_head(struct websocket_session *own)
{
    if (own->head != NULL) piece_give(own->session.budget, own->head, own->head_size, PAGED_FROM);
    if (own->files != NULL) http_files_drop(own->files);
    own->head = NULL;
    own->head_size = 0;
    own->files = NULL;
    own->protocol = (struct span){0};
}

/* Any request in HTTP: whatever it asks for, it is to be answered in HTTP. */
enum session_guess websocket_session_recognize(struct span input)
{
    static const char *const methods[] = {"GET ",    "HEAD ",    "POST ", "PUT ",
                                          "DELETE ", "OPTIONS ", "PATCH "};
    enum session_guess guess = GUESS_NO;
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++) {
        struct span method = span_text(methods[i]), begin = span_first(input, method.size);
        if (memcmp(begin.data, method.data, begin.size) != 0) continue;
        if (begin.size == method.size) return GUESS_YES;
        guess = GUESS_PERHAPS;
    }
    return guess;
}

/* The head's own bytes will not stay where they are. */
static bool keep_head(struct websocket_session *own, struct span head, struct span protocol)
{
    own->head = piece_take(own->session.budget, head.size, 0, PAGED_FROM);
    if (own->head == NULL) return false;
    memcpy(own->head, head.data, head.size);
    own->head_size = head.size;
    if (protocol.size > 0)
        own->protocol = span_of(own->head + (protocol.data - head.data), protocol.size);
    return true;
}

static bool write_answer(const struct http_answer *from, struct session_answer *answer)
{
    answer->head_size = http_answer_write(from, answer->head, sizeof answer->head);
    answer->body = from->without_body ? span_of(NULL, 0) : from->body;
    return answer->head_size > 0;
}

enum frame_verdict websocket_session_greet(struct session *session, const struct frame *frame,
                                           struct span input, struct frame_cut *cut,
                                           struct session_answer *answer)
{
    struct websocket_session *own = of(session);
    struct greeting greeting;
    greeting.head.scanned = own->scanned <= input.size ? own->scanned : 0;
    switch (websocket_greet(&greeting, &frame->websocket, input)) {
    case GREET_MORE: own->scanned = greeting.head.scanned; return FRAME_MORE;
    case GREET_ANSWER:
        websocket_drop_head(own); /* of an answer that could not be sent before */
        own->files = greeting.files;
        answer->why = greeting.is_worth_a_line ? greeting.why : NULL;
        write_answer(&greeting.answer, answer);
        return FRAME_ERROR;
    case GREET_WEBSOCKET: break;
    }
    cut->consumed = greeting.head.size;
    if (!keep_head(own, span_first(input, cut->consumed), greeting.protocol)) return FRAME_STARVED;
    return FRAME_CONSUMED;
}

size_t websocket_session_welcome(struct session *session, const struct frame *frame,
                                 char room[SESSION_WELCOME_MAX])
{
    struct websocket_session *own = of(session);
    struct greeting greeting;
    char extension[DEFLATE_ANSWER_MAX];
    greeting.head.scanned = 0;
    enum greet_verdict verdict = websocket_greet(&greeting, &frame->websocket, head_of(own));
    check(verdict == GREET_WEBSOCKET);
    bool agreed = websocket_agree(own, frame, &greeting.head, extension);
    size_t size = websocket_welcome(&greeting, own->protocol, span_text(agreed ? extension : ""),
                                    "", room, SESSION_WELCOME_MAX);
    check(size > 0);
    return size;
}

struct span websocket_session_request(const struct session *session)
{
    return head_of(container_of(session, const struct websocket_session, session));
}

bool websocket_session_choose(struct session *session, const struct frame *frame,
                              struct span protocol)
{
    struct websocket_session *own = of(session);
    struct http_head head = {.scanned = 0};
    (void)frame;
    if (protocol.size > WEBSOCKET_PROTOCOLS_MAX) return false; /* a welcome has room for no more */
    if (http_head_read(&head, head_of(own)) != HTTP_HEAD) return false;
    struct span asked = websocket_offered(&head, protocol);
    if (asked.size > 0) own->protocol = asked;
    return asked.size > 0;
}

bool websocket_session_answer(struct session *session, uint16_t status, const char *headers,
                              struct span body, struct session_answer *answer)
{
    bool has_body = status != 204 && status != 304;
    const struct http_answer from = {.status = status,
                                     .type = "text/plain; charset=utf-8",
                                     .headers = headers,
                                     .body = has_body ? body : (struct span){NULL, 0}};
    (void)session;
    return write_answer(&from, answer);
}
