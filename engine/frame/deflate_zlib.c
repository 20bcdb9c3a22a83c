/* deflate_zlib.c - deflate.h by zlib. */
#include "base/piece.h"
#include "frame/deflate.h"

#include <assert.h>
#include <limits.h>
#include <zlib.h>

enum {
    ONCE = 1 << 30, /* bytes that zlib is handed in one call: it counts them in an unsigned int */
    TAIL_SIZE = 4,
};
static_assert(ONCE <= UINT_MAX, "fits");

/* ---- memory ---- */

struct memory {
    struct budget *budget;
    size_t taken; /* bytes */
};

/* In front of each piece: its size. zlib gives back pieces without saying it. */
struct head {
    _Alignas(max_align_t) size_t size;
};

/* zlib's own tables are read again and again: whole pages for each would cost more than they save. */
enum { PAGED_NEVER = INT_MAX };

static void *take(struct memory *memory, size_t size)
{
    struct head *piece = piece_take(memory->budget, sizeof *piece + size, 0, PAGED_NEVER);
    if (piece == NULL) return NULL;
    piece->size = sizeof *piece + size;
    memory->taken += piece->size;
    return piece + 1;
}

static void give(struct memory *memory, void *bytes)
{
    struct head *piece = (struct head *)bytes - 1;
    memory->taken -= piece->size;
    piece_give(memory->budget, piece, piece->size, PAGED_NEVER);
}

static void *zlib_take(void *memory, unsigned count, unsigned size)
{
    return take(memory, (size_t)count * size);
}

static void zlib_give(void *memory, void *bytes)
{
    give(memory, bytes);
}

/* One of the two, which has its stream first and its memory behind it. */
static void *open_coder(struct budget *budget, size_t size, size_t memory_at)
{
    struct memory memory = {.budget = budget};
    char *coder = take(&memory, size);
    if (coder == NULL) return NULL;
    memset(coder, 0, size);
    *(struct memory *)(coder + memory_at) = memory;
    z_stream *stream = (z_stream *)coder;
    stream->zalloc = zlib_take;
    stream->zfree = zlib_give;
    stream->opaque = coder + memory_at;
    return coder;
}

static void close_coder(void *coder, const struct memory *own)
{
    struct memory memory = *own;
    give(&memory, coder);
    check(memory.taken == 0);
}

bool deflate_is_there(void)
{
    return true;
}

/* ---- compressing ---- */

struct deflater {
    z_stream stream; /* must be first */
    struct memory memory;
};

/* Tables that fit the window, as 8 does with 15 bits; with less than 4 zlib gets slow. */
static int table_size(uint8_t bits)
{
    return bits < 11 ? 4 : bits - 7;
}

struct deflater *deflater_open(struct budget *budget, uint8_t level, uint8_t bits)
{
    check(bits >= DEFLATE_BITS_MIN && bits <= DEFLATE_BITS_MAX);
    check(level >= DEFLATE_LEVEL_MIN && level <= DEFLATE_LEVEL_MAX);
    struct deflater *deflater =
        open_coder(budget, sizeof *deflater, offsetof(struct deflater, memory));
    if (deflater == NULL) return NULL;
    int result = deflateInit2(&deflater->stream, level, Z_DEFLATED, -(int)bits, table_size(bits),
                              Z_DEFAULT_STRATEGY);
    if (result == Z_OK) return deflater;
    check(result == Z_MEM_ERROR);
    close_coder(deflater, &deflater->memory);
    return NULL;
}

void deflater_close(struct deflater *deflater)
{
    deflateEnd(&deflater->stream);
    close_coder(deflater, &deflater->memory);
}

void deflater_reset(struct deflater *deflater)
{
    check(deflateReset(&deflater->stream) == Z_OK);
}

/* There is room left behind it only if all of it has come out, the tail too. */
size_t deflater_run(struct deflater *deflater, struct span message, struct span room)
{
    z_stream *stream = &deflater->stream;
    check(message.size > 0);
    if (message.size <= ONCE && room.size > TAIL_SIZE) {
        stream->next_in = message.data;
        stream->avail_in = (unsigned)message.size;
        stream->next_out = room.data;
        stream->avail_out = (unsigned)span_first(room, ONCE).size;
        size_t offered = stream->avail_out;
        check(deflate(stream, Z_SYNC_FLUSH) == Z_OK);
        if (stream->avail_out > 0) return offered - stream->avail_out - TAIL_SIZE;
    }
    deflater_reset(deflater);
    return 0;
}

/* ---- inflating ---- */

struct inflater {
    z_stream stream; /* must be first */
    struct memory memory;
};

/* zlib takes memory for the window when it first needs it, or when it is given what there was before. */
static bool reserve_window(z_stream *stream)
{
    static const uint8_t nothing[1];
    return inflateSetDictionary(stream, nothing, sizeof nothing) == Z_OK;
}

struct inflater *inflater_open(struct budget *budget, uint8_t bits)
{
    check(bits >= DEFLATE_BITS_MIN && bits <= DEFLATE_BITS_MAX);
    struct inflater *inflater =
        open_coder(budget, sizeof *inflater, offsetof(struct inflater, memory));
    if (inflater == NULL) return NULL;
    if (inflateInit2(&inflater->stream, -(int)bits) != Z_OK) goto no_stream;
    if (!reserve_window(&inflater->stream)) goto no_window;
    inflater_reset(inflater, false);
    return inflater;
no_window:
    inflateEnd(&inflater->stream);
no_stream:
    close_coder(inflater, &inflater->memory);
    return NULL;
}

void inflater_close(struct inflater *inflater)
{
    inflateEnd(&inflater->stream);
    close_coder(inflater, &inflater->memory);
}

size_t inflater_size(const struct inflater *inflater)
{
    return inflater->memory.taken;
}

void inflater_reset(struct inflater *inflater, bool keeps)
{
    z_stream *stream = &inflater->stream;
    check((keeps ? inflateResetKeep(stream) : inflateReset(stream)) == Z_OK);
}

struct span inflater_tail(void)
{
    static const uint8_t tail[TAIL_SIZE] = {0x00, 0x00, 0xff, 0xff};
    return span_of(tail, sizeof tail);
}

/* One call of zlib. */
static int step(z_stream *stream, struct span *input, struct span *room)
{
    size_t offered = span_first(*input, ONCE).size, free = span_first(*room, ONCE).size;
    stream->next_in = input->data;
    stream->avail_in = (unsigned)offered;
    stream->next_out = room->data;
    stream->avail_out = (unsigned)free;
    int result = inflate(stream, Z_SYNC_FLUSH);
    *input = span_skip(*input, offered - stream->avail_in);
    *room = span_skip(*room, free - stream->avail_out);
    return result;
}

bool inflater_run(struct inflater *inflater, struct span *input, struct span *room)
{
    check(room->size > 0);
    do {
        int result = step(&inflater->stream, input, room);
        if (result == Z_STREAM_END)
            inflater_reset(inflater, true);
        else if (result == Z_BUF_ERROR) /* nothing more can be done, which is no error */
            return true;
        else if (result != Z_OK)
            return false;
    } while (input->size > 0 && room->size > 0);
    return true;
}
