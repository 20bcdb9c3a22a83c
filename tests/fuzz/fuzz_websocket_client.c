/* What a server sends to a client of WebSocket:
 *
 *     input:  pieces of the stream, their count first | 0: an answer to a handshake, else: frames | the stream
 */
#include "frame/websocket_client.h"
#include "fuzz_pieces.h"

enum { MESSAGE_MAX = 300, ROOM = 1 << 20 };

static const uint8_t mask[4] = {1, 2, 3, 4};

static struct websocket_client open_client(void)
{
    static const struct websocket_asking asking = {
        .host = "h", .target = "/", .protocols = "chat, x"};
    static const uint8_t nonce[] = "the sample nonce";
    struct websocket_client client;
    char request[500];
    check(websocket_client_ask(&client, &asking, nonce, MESSAGE_MAX, request, sizeof request) != 0);
    return client;
}

/* ---- answers ---- */

static void check_inside(struct span part, struct span whole)
{
    if (part.size == 0) return;
    check(part.data >= whole.data);
    check(part.data + part.size <= whole.data + whole.size);
}

/* A verdict stays, but that a refusal may have a longer text. */
static void read_answer(struct span stream, struct pieces pieces)
{
    struct websocket_client client = open_client();
    enum websocket_answered before = WEBSOCKET_MORE;
    for (size_t arrived = 0; arrived < stream.size;) {
        struct websocket_answer answer;
        arrived += pieces_next(&pieces, stream.size - arrived);
        struct span copy = fuzz_copy(span_first(stream, arrived));
        enum websocket_answered verdict = websocket_client_answer(&client, copy, false, &answer);
        check(before == WEBSOCKET_MORE || verdict == before);
        check(answer.size <= copy.size);
        check((answer.size != 0) == (verdict == WEBSOCKET_OPEN));
        check((answer.why != NULL) == (verdict == WEBSOCKET_BAD));
        if (verdict == WEBSOCKET_OPEN) check(answer.status == 101);
        if (verdict == WEBSOCKET_REFUSED) check(answer.status >= 200);
        check(answer.text.size <= WEBSOCKET_TOLD_MAX);
        check_inside(answer.text, copy);
        check_inside(answer.protocol, copy);
        check_inside(answer.location, copy);
        check(websocket_client_answer(&client, copy, true, &answer) != WEBSOCKET_MORE);
        free(copy.data);
        before = verdict;
    }
}

/* ---- frames ---- */

/* All that the client has said of a stream. */
struct trace {
    size_t size;
    uint8_t bytes[ROOM];
};

static void trace_add(struct trace *trace, struct span bytes)
{
    check(trace->size + bytes.size <= ROOM);
    if (bytes.size != 0) memcpy(trace->bytes + trace->size, bytes.data, bytes.size);
    trace->size += bytes.size;
}

static void trace_cut(struct trace *trace, enum frame_verdict verdict, const struct frame_cut *cut)
{
    const uint8_t head[] = {(uint8_t)verdict, (uint8_t)cut->kind, (uint8_t)cut->code,
                            (uint8_t)(cut->code >> 8), (uint8_t)cut->packet.size};
    trace_add(trace, span_of(head, sizeof head));
    trace_add(trace, cut->packet);
}

/* `kept` is what the client has not used; false: it is over. */
static bool take(struct websocket_client *client, struct span *kept, struct trace *trace)
{
    for (;;) {
        struct frame_cut cut;
        struct session_reply reply;
        enum frame_verdict verdict = websocket_client_next(client, *kept, mask, &cut, &reply);
        check(cut.consumed <= kept->size);
        check(reply.size <= sizeof reply.bytes);
        check(client->held <= MESSAGE_MAX);
        if (client->held != 0) check(client->gap < client->held);
        if (verdict == FRAME_MORE) check(cut.consumed == 0 && reply.size == 0);
        if (verdict == FRAME_PACKET || verdict == FRAME_ENDED) check_inside(cut.packet, *kept);
        if (verdict == FRAME_PACKET) check(cut.packet.size <= MESSAGE_MAX);
        if (verdict == FRAME_ENDED || verdict == FRAME_ERROR) check(client->is_over);
        if (verdict == FRAME_ERROR) check(cut.fault == FRAME_TOO_BIG || cut.why != NULL);
        if (verdict != FRAME_MORE && verdict != FRAME_CONSUMED) trace_cut(trace, verdict, &cut);
        trace_add(trace, span_of(reply.bytes, reply.size));
        *kept = span_skip(*kept, cut.consumed);
        if (verdict == FRAME_MORE) return true;
        if (client->is_over) return false;
    }
}

static void read_frames(struct span stream, struct pieces pieces, struct trace *trace)
{
    struct websocket_client client = open_client();
    struct span kept = {NULL, 0};
    bool goes_on = true;
    while (goes_on && stream.size != 0) {
        struct span piece = span_first(stream, pieces_next(&pieces, stream.size));
        stream = span_skip(stream, piece.size);
        uint8_t *room = malloc(kept.size + piece.size);
        check(room != NULL);
        if (kept.size != 0) memcpy(room, kept.data, kept.size);
        memcpy(room + kept.size, piece.data, piece.size);
        struct span all = span_of(room, kept.size + piece.size);
        goes_on = take(&client, &all, trace);
        struct span left = fuzz_copy(all);
        free(room);
        free(kept.data);
        kept = left;
    }
    free(kept.data);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trace whole, split;
    struct span input = span_of(data, size);
    struct pieces pieces = pieces_take(&input), at_once = {.next = 0};
    bool frames = fuzz_byte(&input) != 0;
    if (input.size > ROOM / 8) return 0;
    if (!frames) {
        read_answer(input, pieces);
        return 0;
    }
    whole.size = split.size = 0;
    read_frames(input, at_once, &whole);
    read_frames(input, pieces, &split);
    check(fuzz_same(span_of(whole.bytes, whole.size), span_of(split.bytes, split.size)));
    return 0;
}
