/* What comes over the wire to a stream with a filter (tests/unit/veil.h), and what the stream is asked to do
 * meanwhile, in any order. Memory may be short. Whatever happens, all of it comes home.
 *
 *     input:  the seed of the filter | steps: what to do, and how much of it
 */
#include "fuzz_input.h"
#include "port/port_memory.h"
#include "stream/stream.h"

#include "../unit/veil.h"

enum { BLOCKS = 8, BLOCK_SIZE = 32, LANDING = 3, LANDING_SIZE = 64, LARGE_SIZE = 512 };

static struct stream_home home;
static struct stream stream;
static struct memory_peer peer;
static bool has_settled;

static void arrived(struct stream *it)
{
    if (it->state == STREAM_OPENING) stream_shake(it);
    inbox_check(&it->inbox);
    stream_listen(it, true, false);
}

static void broke(struct stream *it, enum port_error error)
{
    (void)error;
    if (it->state != STREAM_CLOSING && it->state != STREAM_FREE) stream_break(it);
}

static void nothing(struct stream *it)
{
    (void)it;
}

static void settled(struct stream *it)
{
    has_settled = true;
    stream_close(it);
}

static const struct stream_owner owner = {.arrived = arrived,
                                          .sent = nothing,
                                          .broke = broke,
                                          .ended = nothing,
                                          .lingers = nothing,
                                          .settled = settled};

static void turn(void)
{
    struct port_event events[8];
    int count = port_harvest(home.port, events, 8, 0);
    for (int i = 0; i < count; i++)
        if (events[i].kind == PORT_SENT) stream_take_sent(stream_of(events[i].socket), &events[i]);
    for (int i = 0; i < count; i++) {
        if (events[i].kind == PORT_RECEIVED)
            stream_received(&stream, &events[i]);
        else if (events[i].kind == PORT_SENT)
            stream_sent(&stream, &events[i]);
        else if (events[i].kind == PORT_ENDED)
            stream_peer_ended(&stream, &events[i]);
    }
    list_move_all(&home.touched, &home.unsealed);
    stream_flush_touched(&home, 8);
    stream_settle_closing(&home);
}

static void begin(struct span *input)
{
    static struct veil_source veils;
    const struct port_options options = {
        .landing_blocks = LANDING, .landing_size = LANDING_SIZE, .recv_depth = 1};
    struct error error;
    home = (struct stream_home){.budget = {.limit = 8192}};
    home.port = port_memory_open(&options, 1000000000, &error);
    check(home.port != NULL);
    check(block_pool_open(&home.blocks, BLOCKS, BLOCK_SIZE, &home.budget));
    check(block_pool_open(&home.large, 1, LARGE_SIZE, NULL));
    home.blocks.large = &home.large;
    home.window = 1;
    list_init(&home.touched);
    list_init(&home.unsealed);
    list_init(&home.closing);
    memory_peer_open(&peer, home.port);
    veil_source_init(&veils, fuzz_byte(input));
    struct filter *filter = veils.source.open(&veils.source, &home.budget);
    has_settled = false;
    const struct stream_origin origin = {.handle = memory_peer_handle(&peer), .filter = filter};
    check(stream_open(&stream, &home, &owner, &origin));
    stream_listen(&stream, true, false);
}

static void put(size_t size)
{
    static const uint8_t bytes[4096];
    struct span part = span_of(bytes, size);
    if (stream.state != STREAM_OPEN || !stream_put(&stream, &part, 1, size)) return;
    if (stream.state == STREAM_OPEN) stream_touch(&stream);
}

static void use(size_t size)
{
    struct inbox *inbox = &stream.inbox;
    if (stream.state != STREAM_OPEN) return;
    if (inbox_has_more(inbox) && !inbox_absorb(inbox, &home, size, 0)) inbox_spill(inbox, &home);
    struct span front = inbox_front(inbox);
    if (front.size > 0) inbox_use(inbox, &home, size < front.size ? size : front.size);
    inbox_release_front(inbox, &home);
    if (gather_empty(&inbox->gather)) gather_clear(&inbox->gather, &home.blocks);
    inbox_check(inbox);
}

static void step(struct span *input)
{
    uint8_t what = fuzz_byte(input), size = fuzz_byte(input);
    switch (what % 8) {
    case 0:
    case 1: check(memory_peer_send(&peer, fuzz_bytes(input, size))); break;
    case 2: put((size_t)size * 8 + 1); break;
    case 3: use((size_t)size + 1); break;
    case 4: memory_peer_set_room(&peer, size % 4 == 0 ? SIZE_MAX : size); break;
    case 5:
        if (size > 250 && stream_is_up(&stream)) stream_end(&stream);
        break;
    case 6: home.budget.limit = size % 2 == 0 ? 8192 : 0; break;
    default: break;
    }
    turn();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    begin(&input);
    while (input.size > 0 && !has_settled) step(&input);
    if (!has_settled && stream.state != STREAM_CLOSING) stream_break(&stream);
    for (int i = 0; i < 8 && !has_settled; i++) turn();
    check(has_settled);
    check(home.blocks.free_count == home.blocks.total);
    check(home.large.free_count == home.large.total);
    check(home.parked_blocks == 0);
    check(budget_used(&home.budget) == 0);
    memory_peer_close(&peer);
    block_pool_close(&home.large);
    block_pool_close(&home.blocks);
    port_close(home.port);
    return 0;
}
