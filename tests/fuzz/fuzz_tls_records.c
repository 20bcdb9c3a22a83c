/* The filter of TLS between a client that speaks TLS, by OpenSSL, and a server that reads and writes in any rooms. What the client
 * says is passed on as it is or damaged: records with other bytes, types and lengths, cut, missing, twice, in another order, with
 * alien ones between them. Memory may be short.
 *
 *     input:  flags: 1 TLS 1.2, 2 resumes | how the pieces are cut (fuzz_pieces.h) | room | memory, in 4 KiB, 0: enough |
 *             steps: what to do, and of how much
 */
#include "fuzz_pieces.h"
#include "stream/tls.h"

#include "tls_client.h"

enum {
    ROOM_STEP = 97,
    PLAIN_MAX = 40000,
    HEAD = 5,
    HELD_MAX = HEAD + 16384 + 2048,
    PUMPS_MAX = 20
};

static struct tls_source *source;
static struct budget budget;
static struct filter *filter;
static struct tls_client *client;
static struct pieces pieces;
static uint8_t *target;
static size_t room_size;
static struct buffer to_server, to_client; /* wire bytes on their way */
static size_t said, heard;                 /* plain bytes: by the client, of them by the server */
static size_t given, got;                  /* by the server, of them by the client */
static bool is_clean, is_short, writes_ended; /* nothing was damaged; memory may have run out */

/* Plain bytes are known by their place. */
static uint8_t byte_at(size_t place)
{
    return (uint8_t)(place * 131 + place / 251);
}

static void fill(uint8_t *bytes, size_t from, size_t size)
{
    for (size_t i = 0; i < size; i++) bytes[i] = byte_at(from + i);
}

static void check_bytes(struct span bytes, size_t from)
{
    for (size_t i = 0; i < bytes.size; i++) check(bytes.data[i] == byte_at(from + i));
}

static void append(struct buffer *buffer, struct span bytes)
{
    if (bytes.size == 0) return;
    check(buffer_reserve(buffer, bytes.size));
    memcpy(buffer->data + buffer->end, bytes.data, bytes.size);
    buffer->end += bytes.size;
}

static void drop(struct buffer *buffer)
{
    free(buffer->data);
    *buffer = (struct buffer){.data = NULL};
}

/* ---- the server ---- */

/* Hands are shaken once, an end follows them, and what is broken stays so. */
static bool may_become(uint8_t before, uint8_t after)
{
    static const uint8_t moves[] = {
        [FILTER_OPENING] = 1u << FILTER_OPENING | 1u << FILTER_OPEN | 1u << FILTER_BROKEN,
        [FILTER_OPEN] = 1u << FILTER_OPEN | 1u << FILTER_ENDED | 1u << FILTER_BROKEN,
        [FILTER_ENDED] = 1u << FILTER_ENDED | 1u << FILTER_BROKEN,
        [FILTER_BROKEN] = 1u << FILTER_BROKEN,
    };
    return moves[before] & 1u << after;
}

static void check_filter(uint8_t before)
{
    check(may_become(before, filter->state));
    check(filter->state != FILTER_BROKEN || (filter->why != NULL && !filter->has_plain));
    check(filter->state != FILTER_OPENING || !filter->has_plain);
    check(filter->held <= HELD_MAX);
    check(budget_used(&budget) <= budget.limit);
}

static struct filter_step take(struct span wire)
{
    uint8_t before = filter->state;
    size_t size = before == FILTER_OPENING ? 0 : room_size;
    struct filter_step step = filter->kind->take(filter, wire, size == 0 ? NULL : target, size);
    check(step.used <= wire.size);
    check(step.made <= size);
    check(step.used > 0 || step.made > 0 || filter->state != before);
    check(heard + step.made <= said);
    check_bytes(span_of(target, step.made), heard);
    heard += step.made;
    check_filter(before);
    return step;
}

static void offer(struct span wire)
{
    while (wire.size > 0 && filter->state != FILTER_BROKEN && filter->state != FILTER_ENDED)
        wire = span_skip(wire, take(wire).used);
    while (filter->has_plain) take((struct span){NULL, 0});
}

static void give(struct span plain)
{
    while (plain.size > 0 || filter->has_wire) {
        uint8_t before = filter->state;
        struct filter_step step = filter->kind->give(filter, plain, target, room_size);
        check(step.used <= plain.size);
        check(step.made <= room_size);
        check(step.used + step.made > 0);
        given += step.used;
        if (step.used > 0) plain = span_skip(plain, step.used);
        append(&to_client, span_of(target, step.made));
        check_filter(before);
    }
}

static void server_says(size_t size)
{
    static uint8_t bytes[PLAIN_MAX];
    if (filter->state == FILTER_OPENING || filter->ended) return;
    fill(bytes, given, size);
    give(span_of(bytes, size));
}

static void server_ends(void)
{
    if (filter->ended) return;
    give((struct span){NULL, 0});
    filter->ended = true;
    filter->kind->end(filter);
    give((struct span){NULL, 0});
}

/* ---- between both ---- */

static void pass_on(struct span wire)
{
    while (wire.size > 0) {
        struct span piece = fuzz_copy(span_first(wire, pieces_next(&pieces, wire.size)));
        offer(piece);
        free((void *)(uintptr_t)piece.data);
        wire = span_skip(wire, piece.size);
    }
    give((struct span){NULL, 0});
}

static void client_hears(void)
{
    struct buffer plain = {.data = NULL};
    tls_client_hear(client, buffer_bytes(&to_client), &plain);
    drop(&to_client);
    check(got + buffer_size(&plain) <= given);
    check_bytes(buffer_bytes(&plain), got);
    got += buffer_size(&plain);
    drop(&plain);
    tls_client_say(client, &to_server);
}

static bool step_clean(void)
{
    bool any = buffer_size(&to_client) > 0;
    client_hears();
    any = any || buffer_size(&to_server) > 0;
    pass_on(buffer_bytes(&to_server));
    drop(&to_server);
    return any;
}

/* Until neither has anything to say. Then all is there, if nothing has gone wrong. */
static void pump(void)
{
    int count = 0;
    while (step_clean()) check(++count < PUMPS_MAX);
    if (!is_clean || is_short) return;
    check(filter->state == FILTER_OPEN || filter->state == FILTER_ENDED);
    check(tls_client_is_open(client));
    check(heard == said);
    check(got == given);
}

/* The size of the record at the front, or of all that is there. */
static size_t record_size(struct span wire)
{
    size_t size = wire.size < HEAD ? wire.size : HEAD + (wire.data[3] * 256u + wire.data[4]);
    return size < wire.size ? size : wire.size;
}

static void damage(uint8_t how, uint8_t where, uint8_t value)
{
    if (buffer_size(&to_server) < HEAD) return;
    struct span wire = buffer_bytes(&to_server);
    size_t first = record_size(wire);
    uint8_t *bytes = to_server.data + to_server.begin;
    is_clean = false;
    switch (how % 8) {
    case 0:
        bytes[HEAD + where % (first > HEAD ? first - HEAD : 1) - (first == HEAD)] ^= value | 1u;
        break;
    case 1: bytes[where % HEAD] = value; break;
    case 2: pass_on(span_first(wire, first)); break; /* it comes twice */
    case 3: buffer_consume(&to_server, first); break;
    case 4: to_server.end -= where % first; break;
    case 5: pass_on(span_skip(wire, first)); break; /* the others overtake it */
    case 6: bytes[first - 1 - where % first] ^= (uint8_t)(1u << value % 8); break;
    default: pass_on(span_first(wire, where % first)); break; /* a part of it comes twice */
    }
}

/* ---- what is done ---- */

static void client_says(size_t size)
{
    static uint8_t bytes[PLAIN_MAX];
    if (!tls_client_is_open(client)) return;
    fill(bytes, said, size);
    said += tls_client_write(client, span_of(bytes, size));
    tls_client_say(client, &to_server);
}

static void do_step(struct span *input)
{
    uint8_t what = fuzz_byte(input), size = fuzz_byte(input);
    switch (what % 12) {
    case 0:
    case 1: client_says(size * 150u); break;
    case 2: client_says(size); break;
    case 3: server_says(size * 150u); break;
    case 4: server_says(size); break;
    case 5: pump(); break;
    case 6: step_clean(); break;
    case 7: damage(size, fuzz_byte(input), fuzz_byte(input)); break;
    case 8:
        is_clean = false;
        append(&to_server, fuzz_bytes(input, size));
        break;
    case 9:
        if (!tls_client_is_open(client)) break;
        if (size % 4 == 0)
            tls_client_end(client), is_clean = false;
        else
            tls_client_begin_anew(client), is_clean = false;
        tls_client_say(client, &to_server);
        break;
    case 10:
        if (size > 200) server_ends(), is_clean = false;
        break;
    default:
        budget.limit = budget_used(&budget) + size * 100u;
        is_short = true;
        break;
    }
}

static bool begin(void)
{
    static struct tls_source made;
    struct tls_settings settings;
    struct error error;
    if (source != NULL) return true;
    if (!tls_client_prepare()) return false;
    check(tls_settings_read(&settings, "self-signed", &error));
    struct tls_context *context = tls_context_make(&settings, ".", &error);
    check(context != NULL);
    check(tls_source_open(&made, context));
    source = &made;
    return true;
}

static void open_both(bool is_old, bool resumes, size_t limit)
{
    budget = (struct budget){.limit = limit};
    said = heard = given = got = 0;
    is_clean = true;
    filter = source->filters.open(&source->filters, &budget);
    client = tls_client_open(is_old, resumes);
    check(filter != NULL);
    client_hears();
}

static void close_both(void)
{
    server_ends();
    drop(&to_server);
    drop(&to_client);
    filter->kind->close(filter, &budget);
    tls_client_close(client);
    check(budget_used(&budget) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    uint8_t flags = fuzz_byte(&input);
    pieces = pieces_take(&input);
    room_size = 1u + fuzz_byte(&input) * ROOM_STEP;
    size_t limit = (size_t)fuzz_byte(&input) << 12;
    if (!begin()) return 0;
    target = malloc(room_size);
    check(target != NULL);
    is_short = limit > 0;
    open_both(flags & 1, flags & 2, limit > 0 ? limit : 1 << 20);
    while (input.size > 0) do_step(&input);
    if (is_clean && !is_short) pump();
    close_both();
    free(target);
    return 0;
}
