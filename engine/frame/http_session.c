/* http_session.c - reads requests and writes responses.
 *
 * A head is copied, for it is asked for until the response. A body of known length is handed on where it landed; one in
 * chunks is put together in memory of the session. */
#include "frame/http_session.h"

#include "base/list.h"
#include "base/piece.h"
#include "base/text.h"
#include "frame/http_answer.h"

enum { PAGED_FROM = 8192, BODY_MIN = 256 };

static struct http_session *of(struct session *session)
{
    return container_of(session, struct http_session, session);
}

/* ---- memory ---- */

static void note_held(struct http_session *own)
{
    own->session.held = own->state == HTTP_AT_HEAD ? 0 : own->head_size + own->capacity;
}

static void drop_body(struct http_session *own)
{
    if (own->body != NULL) piece_give(own->session.budget, own->body, own->capacity, PAGED_FROM);
    own->body = NULL;
    own->size = own->capacity = 0;
    note_held(own);
}

static void drop_head(struct http_session *own)
{
    if (own->head != NULL) piece_give(own->session.budget, own->head, own->head_size, PAGED_FROM);
    own->head = NULL;
    own->head_size = 0;
    note_held(own);
}

/* The head's own bytes will not stay where they are. */
static bool keep_head(struct http_session *own, struct span head)
{
    own->head = piece_take(own->session.budget, head.size, 0, PAGED_FROM);
    if (own->head == NULL) return false;
    memcpy(own->head, head.data, head.size);
    own->head_size = head.size;
    return true;
}

/* Doubles, so that small chunks do not cost a copy each. */
static bool append(struct http_session *own, struct span data, uint64_t most)
{
    size_t size = own->capacity < BODY_MIN ? BODY_MIN : own->capacity;
    while (size < own->size + data.size) size *= 2;
    if (size > most) size = (size_t)most;
    if (size > own->capacity) {
        struct budget *budget = own->session.budget;
        uint8_t *grown = own->body == NULL
                             ? piece_take(budget, size, 0, PAGED_FROM)
                             : piece_grow(budget, own->body, own->capacity, size, 0, PAGED_FROM);
        if (grown == NULL) return false;
        own->body = grown;
        own->capacity = size;
        note_held(own);
    }
    memcpy(own->body + own->size, data.data, data.size);
    own->size += data.size;
    return true;
}

/* Nothing that was cut before is used any more. */
static void rest(struct session *session)
{
    struct http_session *own = of(session);
    if (own->state != HTTP_AT_HEAD) return;
    drop_body(own);
    if (!session->awaits) drop_head(own);
}

/* ---- requests ---- */

static enum frame_verdict fail(struct http_session *own, struct frame_cut *cut, uint16_t status,
                               const char *why)
{
    own->session.fault = status;
    cut->fault = FRAME_PROTOCOL;
    cut->code = 0;
    cut->why = why;
    return FRAME_ERROR;
}

static enum frame_verdict fail_size(struct http_session *own, struct frame_cut *cut, uint64_t size)
{
    fail(own, cut, 413, NULL);
    cut->fault = FRAME_TOO_BIG;
    cut->declared = size;
    return FRAME_ERROR;
}

static enum frame_verdict deliver(struct http_session *own, struct span body, size_t consumed,
                                  struct frame_cut *cut)
{
    own->state = HTTP_AT_HEAD;
    own->session.awaits = true;
    own->session.is_midway = false;
    note_held(own);
    cut->packet = body;
    cut->consumed = consumed;
    cut->kind = PACKET_PLAIN;
    return FRAME_PACKET;
}

/* RFC 9110 section 10.1.1. A peer that does not wait has begun the body. */
static void tell_to_go_on(struct session_reply *reply)
{
    static const char text[] = "HTTP/1.1 100 Continue\r\n\r\n";
    reply->size = sizeof text - 1;
    memcpy(reply->bytes, text, reply->size);
}

static enum frame_verdict take_head(struct http_session *own, const struct frame *frame,
                                    const struct http_head *head, struct span input,
                                    struct frame_cut *cut, struct session_reply *reply)
{
    const char *why;
    struct http_request request;
    uint16_t status = http_request_judge(head, frame->packet_max, &request, &why);
    own->request = request;
    own->request.keeps = request.keeps && status == 0;
    if (status == 413) return fail_size(own, cut, request.length);
    if (status != 0) return fail(own, cut, status, why);
    if (!keep_head(own, span_first(input, head->size))) return FRAME_STARVED;
    cut->consumed = head->size;
    own->scanned = 0;
    if (!request.chunked && request.length == 0)
        return deliver(own, span_of(input.data, 0), head->size, cut);
    own->state = request.chunked ? HTTP_AT_CHUNKS : HTTP_AT_BODY;
    own->chunks = (struct http_chunks){0};
    own->session.is_midway = true;
    note_held(own);
    if (request.waits && input.size == head->size) tell_to_go_on(reply);
    return FRAME_CONSUMED;
}

static enum frame_verdict read_head(struct http_session *own, const struct frame *frame,
                                    struct span input, struct frame_cut *cut,
                                    struct session_reply *reply)
{
    struct http_head head;
    own->request = (struct http_request){0};
    head.scanned = own->scanned <= input.size ? own->scanned : 0;
    switch (http_head_read(&head, input)) {
    case HTTP_MORE:
        own->scanned = head.scanned;
        own->session.is_midway = input.size > 0;
        return FRAME_MORE;
    case HTTP_HEAD: return take_head(own, frame, &head, input, cut, reply);
    default: return fail(own, cut, head.status, head.why);
    }
}

static enum frame_verdict read_chunks(struct http_session *own, uint64_t most, struct span input,
                                      struct frame_cut *cut)
{
    struct http_chunks chunks = own->chunks; /* without memory, all is as it was */
    struct http_chunk_step step;
    enum http_chunk_verdict verdict = http_chunks_read(&chunks, input, &step);
    if (verdict == HTTP_CHUNK_BAD) return fail(own, cut, step.status, step.why);
    if (verdict == HTTP_CHUNK_DATA) {
        uint64_t size = own->size + step.data.size;
        if (size > most || chunks.left > most - size)
            return fail_size(own, cut,
                             chunks.left > UINT64_MAX - size ? chunks.left : size + chunks.left);
        if (!append(own, step.data, most)) return FRAME_STARVED;
    }
    own->chunks = chunks;
    cut->consumed = step.used;
    if (verdict != HTTP_CHUNK_END) return FRAME_CONSUMED;
    return deliver(own, span_of(own->body, own->size), step.used, cut);
}

static enum frame_verdict next(struct session *session, const struct frame *frame,
                               struct frame_cursor *cursor, struct span input,
                               struct frame_cut *cut, struct session_reply *reply)
{
    struct http_session *own = of(session);
    if (session->awaits) return FRAME_MORE;
    rest(session);
    switch (own->state) {
    case HTTP_AT_HEAD: return read_head(own, frame, input, cut, reply);
    case HTTP_AT_CHUNKS: return read_chunks(own, frame->packet_max, input, cut);
    default: break;
    }
    size_t size = (size_t)own->request.length;
    cursor->wanted = size;
    if (input.size < size) return FRAME_MORE;
    return deliver(own, span_first(input, size), size, cut);
}

static bool peek(const struct session *session, const struct frame *frame, struct span input)
{
    const struct http_session *own = container_of(session, const struct http_session, session);
    struct http_head head = {.scanned = 0};
    (void)frame;
    if (own->state == HTTP_AT_CHUNKS) return input.size > 0;
    if (own->state == HTTP_AT_BODY) return input.size >= own->request.length;
    return http_head_read(&head, input) != HTTP_MORE;
}

/* ---- responses ---- */

static struct span request_of(const struct session *session)
{
    const struct http_session *own = container_of(session, const struct http_session, session);
    return span_of(own->head, own->head_size);
}

/* The status line, and the fields that are ours (RFC 9112 section 4, 9110 sections 6.6.1, 8.6, 9112 section 9.6). */
static bool respond(struct session *session, const struct session_response *response,
                    struct session_answer *answer, bool *ends)
{
    const struct http_request *request = &of(session)->request;
    bool tells = response->status != 204 && response->status != 304;
    char date[HTTP_DATE_SIZE];
    struct text text = text_in(answer->head, sizeof answer->head);
    *ends = response->ends || !session->awaits || !request->keeps;
    http_date_write(response->date_s, date);
    text_add(&text, "HTTP/1.1 %u %s\r\nDate: %s\r\n", response->status,
             http_phrase(response->status), date);
    if (tells) text_add(&text, "Content-Length: %zu\r\n", response->body.size);
    if (*ends || request->is_old)
        text_add(&text, "Connection: %s\r\n", *ends ? "close" : "keep-alive");
    text_add(&text, "%s\r\n", response->headers);
    answer->head_size = text.used;
    answer->body = tells && !request->is_head ? response->body : span_of(NULL, 0);
    return !text.cut;
}

/* ---- the life of a session ---- */

static struct session *open_session(const struct frame *frame, struct budget *budget)
{
    struct http_session *own = piece_take(budget, sizeof *own, 0, PAGED_FROM);
    (void)frame;
    if (own == NULL) return NULL;
    *own = (struct http_session){
        .session = {
            .codec = &http_session_codec, .budget = budget, .is_greeted = true, .is_open = true}};
    return &own->session;
}

static void close_session(struct session *session)
{
    struct http_session *own = of(session);
    drop_body(own);
    drop_head(own);
    piece_give(session->budget, own, sizeof *own, PAGED_FROM);
}

const struct session_codec http_session_codec = {
    .open = open_session,
    .close = close_session,
    .next = next,
    .peek = peek,
    .rest = rest,
    .request = request_of,
    .respond = respond,
};

static bool finish(struct frame *frame, struct error *error)
{
    (void)frame, (void)error;
    return true;
}

const struct frame_codec frame_http_codec = {
    .name = "http", .finish = finish, .sessions = &http_session_codec};
