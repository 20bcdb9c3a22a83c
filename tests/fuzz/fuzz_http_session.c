/* Requests of framing "http", however they come, and answers between them:
 *
 *     input:  a byte: how large a body may be | pieces of the stream, their count first | the stream
 *
 * The stream is cut at once and in pieces: both must come to the same requests, bodies, 100s and end. All memory is given
 * back, and it is never more than a body and a head take. */
#include "frame/http_session.h"
#include "frame/http_text.h"
#include "fuzz_pieces.h"

enum { MEMORY = 1 << 22, TRACE_MAX = 1 << 18 };

/* What came of a stream: a hash, and how often what. */
struct outcome {
    uint64_t hash;
    uint32_t requests;
    uint16_t fault;
    const char *why;
    enum frame_fault kind;
};

static void note(struct outcome *outcome, struct span bytes)
{
    uint64_t hash = outcome->hash ^ bytes.size;
    for (size_t i = 0; i < bytes.size; i++) hash = (hash ^ bytes.data[i]) * UINT64_C(1099511628211);
    outcome->hash = hash * UINT64_C(1099511628211);
}

/* The answer fits its request, and nothing that was sent gets into its head. */
static void respond(struct session *session, struct outcome *outcome)
{
    const struct session_response response = {
        .status = 200, .headers = "A: b\r\n", .body = span_text("body"), .date_s = 1};
    struct session_answer answer;
    bool ends;
    check(session->codec->respond(session, &response, &answer, &ends));
    check(answer.head_size > 4);
    check(memcmp(answer.head + answer.head_size - 4, "\r\n\r\n", 4) == 0);
    note(outcome, span_of(answer.head, answer.head_size));
    note(outcome, answer.body);
    session->awaits = false;
}

static void check_request(const struct session *session, const struct frame *frame,
                          const struct frame_cut *cut, struct outcome *outcome)
{
    struct http_head head = {.scanned = 0};
    struct span request = session->codec->request(session);
    check(session->awaits);
    check(!session->is_midway);
    check(session->held == 0);
    check(cut->packet.size <= frame->packet_max);
    check(http_head_read(&head, request) == HTTP_HEAD);
    check(head.size == request.size);
    if (http_head_count(&head, "transfer-encoding") != 0)
        check(http_head_count(&head, "content-length") == 0);
    note(outcome, request);
    note(outcome, cut->packet);
    outcome->requests++;
}

/* Uses what can be used of the bytes; returns how many. */
static size_t cut(struct session *session, const struct frame *frame, struct span bytes,
                  struct outcome *outcome)
{
    size_t used = 0;
    while (used < bytes.size && outcome->fault == 0) {
        struct frame_cursor cursor = {0};
        struct session_reply reply = {.size = 0};
        struct frame_cut piece;
        struct span rest = span_skip(bytes, used);
        bool peeked = session->codec->peek(session, frame, rest);
        enum frame_verdict verdict =
            session->codec->next(session, frame, &cursor, rest, &piece, &reply);
        check(peeked == (verdict != FRAME_MORE));
        if (verdict == FRAME_MORE) {
            check(cursor.wanted == 0 || cursor.wanted > rest.size);
            break;
        }
        check(verdict != FRAME_STARVED);
        check(verdict != FRAME_ENDED);
        if (verdict == FRAME_ERROR) {
            outcome->fault = session->fault;
            outcome->kind = piece.fault;
            outcome->why = piece.why;
            check(session->fault >= 400);
            respond(session, outcome);
            break;
        }
        check(piece.consumed > 0 || verdict == FRAME_PACKET);
        check(piece.consumed <= rest.size);
        used += piece.consumed;
        if (verdict == FRAME_PACKET) {
            check_request(session, frame, &piece, outcome);
            respond(session, outcome);
        }
    }
    session->codec->rest(session);
    return used;
}

static struct outcome run(const struct frame *frame, struct span stream, struct pieces pieces)
{
    struct budget budget = {.limit = MEMORY};
    struct outcome outcome = {.hash = 0};
    struct session *session = frame->codec->sessions->open(frame, &budget);
    size_t used = 0;
    check(session != NULL);
    for (size_t arrived = 0; arrived < stream.size && outcome.fault == 0;) {
        arrived += arrived / 32 + pieces_next(&pieces, stream.size - arrived);
        if (arrived > stream.size) arrived = stream.size;
        struct span copy = fuzz_copy(span_of(stream.data + used, arrived - used));
        used += cut(session, frame, copy, &outcome);
        free(copy.data);
    }
    session->codec->close(session);
    check(budget_used(&budget) == 0);
    return outcome;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct error error;
    struct frame frame;
    check(frame_parse(&frame, "http", 1 + 16u * fuzz_byte(&input), &error));
    struct pieces pieces = pieces_take(&input), whole = {.next = 0};
    struct outcome one = run(&frame, input, whole), other = run(&frame, input, pieces);
    check(one.hash == other.hash);
    check(one.requests == other.requests);
    check(one.fault == other.fault);
    check(one.kind == other.kind);
    check(one.why == other.why);
    return 0;
}
