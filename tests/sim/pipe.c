#include "pipe.h"

#include "port/port_backend.h"
#include "world.h"

/* Longer than this nothing but a stall takes. */
#define LATE_NS_MAX (20 * MILLISECOND)

void pipe_open(struct sim_pipe *pipe, uint32_t number, const struct address *client, void *owner)
{
    *pipe = (struct sim_pipe){.kind = SIM_PIPE,
                              .number = number,
                              .client = *client,
                              .cut_at = SIZE_MAX,
                              .window = SIZE_MAX,
                              .owner = owner};
    list_init(&pipe->node);
}

void pipe_free(struct sim_pipe *pipe)
{
    check(pipe->socket == NULL);
    flow_free(&pipe->in);
    flow_free(&pipe->out);
    if (pipe->cover != NULL) pipe->cover->kind->close(pipe->cover);
}

/* ---- chance ---- */

static bool chance(const struct sim_pipe *pipe, uint16_t permille)
{
    return !pipe->smooth && draw_chance(&sim_world->draw, permille);
}

static uint64_t later(const struct sim_pipe *pipe)
{
    struct draw *draw = &sim_world->draw;
    uint64_t most = chance(pipe, world_faults()->late) ? LATE_NS_MAX : 50 * MICROSECOND;
    return world_now(sim_world) + draw_below(draw, most);
}

/* How many bytes, 1 to `most`. */
static size_t some(const struct sim_pipe *pipe, uint16_t rate, size_t most)
{
    return chance(pipe, rate) ? draw_size(&sim_world->draw, most) : most;
}

/* ---- the client ---- */

static void finish(struct sim_pipe *pipe)
{
    if (pipe->in.end == FLOW_OPEN) flow_finish(&pipe->in, later(pipe));
}

/* Its connection ends here, without a word of its cover, or it only says nothing more. */
static void cut_off(struct sim_pipe *pipe)
{
    pipe->torn = true;
    world_torn(pipe);
    trace_note("pipe %u is cut off after %zu bytes", pipe->number, pipe->put);
    switch (draw_below(&sim_world->draw, 3)) {
    case 0: finish(pipe); break;
    case 1: pipe_reset(pipe); break;
    default: break;
    }
}

static void put_wire(struct sim_pipe *pipe, struct span bytes)
{
    if (pipe->closed) {
        flow_break(&pipe->out, later(pipe)); /* as TCP answers what nobody takes any more */
        return;
    }
    if (pipe->put == pipe->cut_at) return;
    bytes = span_first(bytes, pipe->cut_at - pipe->put);
    pipe->put += bytes.size;
    if (pipe->cover != NULL && bytes.size > 0)
        trace_note("pipe %u puts %zu bytes, %016llx", pipe->number, bytes.size,
                   (unsigned long long)trace_hash_bytes(bytes));
    while (bytes.size > 0) {
        struct span part = span_first(bytes, some(pipe, world_faults()->short_receive, bytes.size));
        flow_put(&pipe->in, part, later(pipe));
        bytes = span_skip(bytes, part.size);
    }
    if (pipe->put == pipe->cut_at) cut_off(pipe);
}

/* What the cover has to say goes on the way; the bytes are used up. */
static void put_covered(struct sim_pipe *pipe, struct buffer *wire)
{
    put_wire(pipe, buffer_bytes(wire));
    free(wire->data);
    *wire = (struct buffer){.data = NULL};
    if (pipe->finishes && pipe->cover->ready) pipe_finish(pipe);
}

void pipe_cover(struct sim_pipe *pipe, struct cover *cover, struct buffer *wire)
{
    pipe->cover = cover;
    put_covered(pipe, wire);
}

void pipe_put(struct sim_pipe *pipe, struct span bytes)
{
    struct buffer wire = {.data = NULL};
    if (pipe->cover == NULL) {
        put_wire(pipe, bytes);
        return;
    }
    pipe->cover->kind->put(pipe->cover, bytes, &wire);
    put_covered(pipe, &wire);
}

void pipe_tear(struct sim_pipe *pipe, struct span noise)
{
    struct buffer wire = {.data = NULL};
    pipe->torn = true;
    pipe->cover->kind->tear(pipe->cover, noise, &wire);
    put_covered(pipe, &wire);
}

void pipe_finish(struct sim_pipe *pipe)
{
    struct cover *cover = pipe->cover;
    struct buffer wire = {.data = NULL};
    pipe->finishes = cover != NULL && !cover->ready && !cover->refused && !pipe->closed;
    if (pipe->finishes) return;
    bool must = cover != NULL && cover->tells_end && pipe->smooth;
    if (cover != NULL && (draw_chance(&sim_world->draw, 700) || must)) {
        cover->kind->end(cover, &wire);
        put_covered(pipe, &wire);
        pipe->farewell = !cover->lifted;
        if (pipe->farewell && !pipe->torn && draw_chance(&sim_world->draw, 300))
            return; /* that is all */
    }
    finish(pipe);
}

void pipe_reset(struct sim_pipe *pipe)
{
    flow_break(&pipe->in, later(pipe));
    flow_break(&pipe->out, world_now(sim_world));
}

/* ---- receiving ---- */

static bool may_fill(const struct sim_pipe *pipe)
{
    const struct pipe_receiving *receiving = &pipe->receiving;
    if (pipe->port->landing.free_count == 0) return false;
    if (receiving->count == 0) return true;
    uint32_t first = receiving->filled[0].block->sequence;
    return pipe->socket->sequence_next - first < pipe->port->recv_depth;
}

static void fill(struct sim_pipe *pipe, size_t size)
{
    struct pipe_receiving *receiving = &pipe->receiving;
    struct block *block = block_take(&pipe->port->landing);
    if (size > block->capacity) size = block->capacity;
    struct span bytes = flow_front(&pipe->in, size);
    if (size > 0) memcpy(block->data, bytes.data, size);
    flow_take(&pipe->in, size);
    block->end = (uint32_t)size;
    block->sequence = pipe->socket->sequence_next++;
    block->state = BLOCK_AT_PORT;
    uint64_t due_ns = later(pipe);
    if (receiving->count > 0 && !chance(pipe, world_faults()->disorder)) {
        uint64_t before_ns = receiving->filled[receiving->count - 1].due_ns;
        if (due_ns < before_ns) due_ns = before_ns;
    }
    receiving->filled[receiving->count++] = (struct filled){.block = block, .due_ns = due_ns};
}

static void begin_end(struct sim_pipe *pipe, enum port_error error)
{
    while (may_fill(pipe) && chance(pipe, world_faults()->empty)) fill(pipe, 0);
    if (error != PORT_OK && error != PORT_CANCELLED) pipe->failed = true;
    pipe->receiving.ending = true;
    pipe->receiving.error = (uint8_t)error;
    pipe->receiving.end_ns = later(pipe);
    for (int i = 0; i < pipe->receiving.count; i++) /* it comes behind all bytes */
        if (pipe->receiving.end_ns < pipe->receiving.filled[i].due_ns)
            pipe->receiving.end_ns = pipe->receiving.filled[i].due_ns;
}

/* Fills what may be filled, and finds out whether the stream is over. */
static void progress_receiving(struct sim_pipe *pipe)
{
    const struct port_socket *socket = pipe->socket;
    uint64_t now_ns = world_now(sim_world);
    if (!socket->receiving || pipe->receiving.ending) return;
    size_t arrived;
    while ((arrived = flow_arrived(&pipe->in, now_ns)) > 0 && may_fill(pipe)) {
        if (socket->stopping && !chance(pipe, world_faults()->despite)) break;
        fill(pipe, some(pipe, world_faults()->short_receive, arrived));
    }
    if (socket->stopping)
        begin_end(pipe, PORT_CANCELLED);
    else if (flow_state(&pipe->in, now_ns) != FLOW_OPEN)
        begin_end(pipe, flow_state(&pipe->in, now_ns) == FLOW_BROKEN ? PORT_RESET : PORT_OK);
    else if (chance(pipe, world_faults()->send_error) && chance(pipe, 10))
        begin_end(pipe, PORT_TIMED_OUT);
}

/* Which blocks may be yielded now: those due. In the order of their numbers unless they were made to
 * be due in another. */
static int due_blocks(const struct sim_pipe *pipe)
{
    int count = 0;
    for (int i = 0; i < pipe->receiving.count; i++)
        if (pipe->receiving.filled[i].due_ns <= world_now(sim_world)) count++;
    return count;
}

static bool end_is_due(const struct sim_pipe *pipe)
{
    const struct pipe_receiving *receiving = &pipe->receiving;
    return receiving->ending && receiving->count == 0 && receiving->end_ns <= world_now(sim_world);
}

/* Takes the nth of the due blocks out. */
static struct block *take_due(struct sim_pipe *pipe, int nth)
{
    struct pipe_receiving *receiving = &pipe->receiving;
    int place = 0;
    for (int i = 0; i < receiving->count; i++) {
        if (receiving->filled[i].due_ns > world_now(sim_world)) continue;
        place = i;
        if (nth-- == 0) break;
    }
    struct block *block = receiving->filled[place].block;
    receiving->count--;
    memmove(&receiving->filled[place], &receiving->filled[place + 1],
            (size_t)(receiving->count - place) * sizeof receiving->filled[0]);
    block->state = BLOCK_TAKEN;
    receiving->taken_ns = world_now(sim_world);
    if (place == 0 && block->end > 0) {
        pipe->heard_ns = world_now(sim_world);
        pipe->heard_taken_ns = world_taken_ns(sim_world, pipe->port);
    }
    return block;
}

static struct port_event harvest_received(struct sim_pipe *pipe, int nth)
{
    struct pipe_receiving *receiving = &pipe->receiving;
    struct port_event event = {.kind = PORT_RECEIVED, .socket = pipe->socket};
    if (receiving->count > 0) event.block = take_due(pipe, nth);
    bool together = event.block == NULL || draw_chance(&sim_world->draw, 500);
    if (receiving->ending && receiving->count == 0 && together) {
        event.last = true;
        event.error = receiving->error;
        pipe->socket->receiving = false;
        receiving->ending = false;
    }
    return event;
}

/* ---- sending ---- */

uint64_t pipe_hash_parts(const struct pipe_sending *sending)
{
    uint64_t hash = 0;
    for (int i = 0; i < sending->count; i++) hash = hash * 31 + trace_hash_bytes(sending->parts[i]);
    return hash;
}

static void put_out(struct sim_pipe *pipe, struct span plain)
{
    pipe->sent += plain.size;
    flow_put(&pipe->out, plain, later(pipe));
}

/* What the server has sent is looked through at once; its plain bytes take their time. */
static void put_uncovered(struct sim_pipe *pipe, struct span bytes)
{
    struct buffer plain = {.data = NULL}, wire = {.data = NULL};
    promise(pipe->cover->kind->hear(pipe->cover, bytes, &plain, &wire),
            "connection %u: what is sent is no record", pipe->number);
    if (buffer_size(&plain) > 0) put_out(pipe, buffer_bytes(&plain));
    free(plain.data);
    if (pipe->in.end == FLOW_OPEN)
        put_covered(pipe, &wire);
    else
        free(wire.data);
}

static void promise_unchanged(const struct pipe_sending *sending)
{
    promise(sending->hash == pipe_hash_parts(sending),
            "bytes were changed while they were being sent");
}

static void decide(struct sim_pipe *pipe, size_t size, enum port_error error)
{
    struct pipe_sending *sending = &pipe->sending;
    if (size > 0) promise_unchanged(sending);
    if (error != PORT_OK && error != PORT_CANCELLED) pipe->failed = true;
    sending->decided = true;
    sending->size = size;
    sending->error = (uint8_t)error;
    sending->due_ns = later(pipe);
    size_t left = size;
    for (int i = 0; i < sending->count && left > 0; i++) {
        struct span part = span_first(sending->parts[i], left);
        if (pipe->cover != NULL)
            put_uncovered(pipe, part);
        else
            put_out(pipe, part);
        left -= part.size;
    }
}

static size_t room_of(const struct sim_pipe *pipe)
{
    size_t waiting = buffer_size(&pipe->out.bytes);
    return pipe->deaf || waiting >= pipe->window ? 0 : pipe->window - waiting;
}

static void progress_sending(struct sim_pipe *pipe)
{
    struct pipe_sending *sending = &pipe->sending;
    uint64_t now_ns = world_now(sim_world);
    if (!pipe->socket->sending || sending->decided) return;
    size_t room = room_of(pipe), size = room < sending->total ? room : sending->total;
    if (pipe->in.end == FLOW_BROKEN && pipe->in.end_ns <= now_ns)
        decide(pipe, 0, PORT_RESET);
    else if (sending->cancelled && (size == 0 || !chance(pipe, world_faults()->despite)))
        decide(pipe, 0, PORT_CANCELLED);
    else if (sending->not_before > now_ns && !sending->cancelled)
        return;
    else if (chance(pipe, world_faults()->send_error))
        decide(pipe, 0, draw_chance(&sim_world->draw, 500) ? PORT_RESET : PORT_TIMED_OUT);
    else if (size > 0 && chance(pipe, world_faults()->short_send))
        decide(pipe, draw_size(&sim_world->draw, size + 1) - 1, PORT_OK);
    else if (size > 0)
        decide(pipe, size, PORT_OK);
}

static bool sent_is_due(const struct sim_pipe *pipe)
{
    return pipe->socket->sending && pipe->sending.decided && !pipe->sending.told &&
           pipe->sending.due_ns <= world_now(sim_world);
}

void pipe_try_send(struct sim_pipe *pipe)
{
    struct pipe_sending *sending = &pipe->sending;
    progress_sending(pipe);
    if (!sending->decided) return;
    sending->told = true;
    pipe->told_ns = world_now(sim_world);
    port_end_send(&pipe->port->port, pipe->socket, sending->size, sending->error);
}

static struct port_event harvest_sent(struct sim_pipe *pipe)
{
    const struct pipe_sending *sending = &pipe->sending;
    promise_unchanged(sending);
    pipe->told_ns = world_now(sim_world);
    pipe->socket->sending = false;
    return (struct port_event){
        .kind = PORT_SENT, .socket = pipe->socket, .size = sending->size, .error = sending->error};
}

/* ---- watching ---- */

uint64_t pipe_end_ns(const struct sim_pipe *pipe)
{
    bool ended = pipe->in.end != FLOW_OPEN && pipe->in.end_ns <= world_now(sim_world);
    return ended ? pipe->in.end_ns : UINT64_MAX;
}

static void decide_watch(struct sim_pipe *pipe, enum port_error error)
{
    if (error != PORT_OK && error != PORT_CANCELLED) pipe->failed = true;
    pipe->watch.decided = true;
    pipe->watch.error = (uint8_t)error;
    pipe->watch.due_ns = later(pipe);
}

static void progress_watching(struct sim_pipe *pipe)
{
    const struct port_socket *socket = pipe->socket;
    if (!socket->watching || pipe->watch.decided) return;
    bool ended = pipe_end_ns(pipe) != UINT64_MAX, broken = ended && pipe->in.end == FLOW_BROKEN;
    if (broken)
        decide_watch(pipe, PORT_RESET);
    else if (ended && socket->watching == PORT_WATCH_END)
        decide_watch(pipe, PORT_OK);
    else if (pipe->watch.cancelled)
        decide_watch(pipe, PORT_CANCELLED);
}

static bool watch_is_due(const struct sim_pipe *pipe)
{
    return pipe->socket->watching && pipe->watch.decided &&
           pipe->watch.due_ns <= world_now(sim_world);
}

static struct port_event harvest_watch(struct sim_pipe *pipe)
{
    uint8_t error = pipe->watch.error;
    pipe->watch = (struct pipe_watch){.decided = false};
    return port_watch_ended(pipe->socket, error);
}

/* ---- all ---- */

void pipe_progress(struct sim_pipe *pipe)
{
    progress_receiving(pipe);
    progress_sending(pipe);
    progress_watching(pipe);
}

int pipe_due(const struct sim_pipe *pipe)
{
    return due_blocks(pipe) + end_is_due(pipe) + sent_is_due(pipe) + watch_is_due(pipe);
}

bool pipe_unheard(const struct sim_pipe *pipe, uint64_t by_ns)
{
    const struct pipe_receiving *receiving = &pipe->receiving;
    for (int i = 0; i < receiving->count; i++)
        if (receiving->filled[i].due_ns <= by_ns && receiving->filled[i].block->end > 0)
            return true;
    /* Of each stream at least the beginning: an end that stood behind something may come later. */
    return end_is_due(pipe) && receiving->end_ns <= by_ns && receiving->taken_ns < by_ns;
}

struct port_event pipe_harvest(struct sim_pipe *pipe, int index)
{
    if (sent_is_due(pipe) && index-- == 0) return harvest_sent(pipe);
    if (watch_is_due(pipe) && index-- == 0) return harvest_watch(pipe);
    return harvest_received(pipe, index);
}

uint64_t pipe_next_ns(const struct sim_pipe *pipe)
{
    const struct pipe_receiving *receiving = &pipe->receiving;
    uint64_t now_ns = world_now(sim_world), next_ns = UINT64_MAX;
    for (int i = 0; i < receiving->count; i++)
        next_ns = earlier(next_ns, receiving->filled[i].due_ns);
    if (receiving->ending && receiving->count == 0) next_ns = earlier(next_ns, receiving->end_ns);
    if (pipe->socket->receiving && !receiving->ending)
        next_ns = earlier(next_ns, flow_next_ns(&pipe->in, now_ns));
    if (pipe->socket->watching && pipe->watch.decided)
        next_ns = earlier(next_ns, pipe->watch.due_ns);
    else if (pipe->socket->watching && pipe->in.end != FLOW_OPEN && pipe->in.end_ns > now_ns)
        next_ns = earlier(next_ns, pipe->in.end_ns);
    if (!pipe->socket->sending) return next_ns;
    if (pipe->sending.told) return next_ns;
    if (pipe->sending.decided) return earlier(next_ns, pipe->sending.due_ns);
    if (pipe->in.end == FLOW_BROKEN) next_ns = earlier(next_ns, pipe->in.end_ns);
    if (pipe->sending.not_before > now_ns) next_ns = earlier(next_ns, pipe->sending.not_before);
    return next_ns;
}

void pipe_close(struct sim_pipe *pipe)
{
    uint64_t now_ns = world_now(sim_world);
    bool unread = buffer_size(&pipe->in.bytes) > 0;
    pipe->closed = true;
    list_remove(&pipe->node);
    pipe->socket = NULL;
    pipe->port = NULL;
    if (unread) /* what is on its way to the client may be lost, as with TCP */
        flow_break(&pipe->out, draw_chance(&sim_world->draw, 500) ? now_ns : later(pipe));
    else
        flow_finish(&pipe->out, later(pipe));
}
