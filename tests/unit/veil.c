#include "veil.h"

#include <stdlib.h>
#include <string.h>

/* ---- records ---- */

size_t veil_record(uint8_t *record, enum veil_type type, struct span payload)
{
    record[0] = (uint8_t)type;
    record[1] = (uint8_t)payload.size;
    record[2] = (uint8_t)(payload.size >> 8);
    if (payload.size > 0) memcpy(record + VEIL_HEAD, payload.data, payload.size);
    return VEIL_HEAD + payload.size;
}

static bool all_small(struct span plain)
{
    for (size_t i = 0; i < plain.size; i++)
        if (plain.data[i] >= 128) return false;
    return true;
}

static size_t pack(uint8_t *payload, struct span plain)
{
    size_t bits = 7 * plain.size, size = 1 + (bits + 7) / 8;
    memset(payload, 0, size);
    payload[0] = (uint8_t)plain.size;
    for (size_t i = 0; i < bits; i++)
        if (plain.data[i / 7] >> i % 7 & 1) payload[1 + i / 8] |= (uint8_t)(1u << i % 8);
    return size;
}

size_t veil_cover(uint8_t *record, struct span plain, bool packed)
{
    uint8_t payload[VEIL_PAYLOAD_MAX];
    if (packed && all_small(plain))
        return veil_record(record, VEIL_PACKED, span_of(payload, pack(payload, plain)));
    for (size_t i = 0; i < plain.size; i++) payload[i] = plain.data[i] ^ VEIL_MASK;
    return veil_record(record, VEIL_MASKED, span_of(payload, plain.size));
}

size_t veil_uncover(uint8_t *plain, uint8_t type, struct span payload)
{
    if (type == VEIL_MASKED) {
        for (size_t i = 0; i < payload.size; i++) plain[i] = payload.data[i] ^ VEIL_MASK;
        return payload.size;
    }
    if (type != VEIL_PACKED || payload.size == 0) return SIZE_MAX;
    size_t count = payload.data[0];
    if (payload.size != 1 + (7 * count + 7) / 8) return SIZE_MAX;
    memset(plain, 0, count);
    for (size_t i = 0; i < 7 * count; i++)
        if (payload.data[1 + i / 8] >> i % 8 & 1) plain[i / 7] |= (uint8_t)(1u << i % 7);
    return count;
}

/* ---- the server's end ---- */

enum { BACK_MAX = 60, SAY_MAX = 2 * VEIL_RECORD_MAX };

struct veil {
    struct filter filter; /* first */
    struct draw draw;
    uint8_t round;
    bool ends;
    uint8_t record[VEIL_RECORD_MAX]; /* that is not complete */
    size_t have;
    uint8_t plain[VEIL_PLAIN_MAX]; /* uncovered, and not taken */
    size_t plain_begin, plain_end;
    uint8_t back[BACK_MAX]; /* given, and held back */
    size_t back_size;
    uint8_t say[SAY_MAX]; /* wire bytes */
    size_t say_begin, say_end;
};

static struct veil *veil_of(struct filter *filter)
{
    return (struct veil *)filter;
}

static void note(struct veil *veil)
{
    struct filter *filter = &veil->filter;
    filter->has_plain = veil->plain_begin < veil->plain_end; /* also when it is broken */
    filter->has_wire = veil->say_begin < veil->say_end || veil->back_size > 0 || veil->ends;
    filter->held = veil->have;
}

static void say(struct veil *veil, enum veil_type type, struct span payload)
{
    if (veil->say_begin == veil->say_end) veil->say_begin = veil->say_end = 0;
    if (veil->say_begin > 0) {
        memmove(veil->say, veil->say + veil->say_begin, veil->say_end - veil->say_begin);
        veil->say_end -= veil->say_begin;
        veil->say_begin = 0;
    }
    check(veil->say_end + VEIL_HEAD + payload.size <= SAY_MAX);
    veil->say_end += veil_record(veil->say + veil->say_end, type, payload);
}

static void say_filler(struct veil *veil, enum veil_type type)
{
    uint8_t filler[30] = {veil->round};
    say(veil, type, span_of(filler, draw_between(&veil->draw, 1, sizeof filler)));
}

static void refuse(struct veil *veil, const char *why)
{
    veil->filter.state = FILTER_BROKEN;
    veil->filter.why = why;
    say_filler(veil, VEIL_REFUSAL);
}

static void greet(struct veil *veil, struct span hello)
{
    if (hello.size < 3 || hello.data[0] != veil->round + 1) {
        refuse(veil, "this is no hello of the round");
        return;
    }
    uint8_t rounds = hello.data[1], flags = hello.data[2];
    veil->round++;
    if (flags & VEIL_LIFT && veil->round == 1) {
        veil->filter.state = FILTER_GONE;
    } else if (veil->round < rounds) {
        say_filler(veil, VEIL_ANSWER);
    } else if (flags & VEIL_TURN_AWAY) {
        refuse(veil, "the client asks to be refused");
    } else {
        say_filler(veil, VEIL_ANSWER);
        veil->filter.state = FILTER_OPEN;
        veil->filter.protocol = flags & VEIL_GAME ? "game/1" : flags & VEIL_WEB ? "http/1.1" : NULL;
    }
}

static void open_record(struct veil *veil)
{
    uint8_t type = veil->record[0];
    struct span payload = span_skip(span_of(veil->record, veil->have), VEIL_HEAD);
    veil->have = 0;
    if (veil->filter.state == FILTER_OPENING) {
        if (type == VEIL_HELLO)
            greet(veil, payload);
        else
            refuse(veil, "this is no hello");
        return;
    }
    if (type == VEIL_PADDING) return;
    if (type == VEIL_QUESTION) {
        if (veil->say_end - veil->say_begin < SAY_MAX / 4) say_filler(veil, VEIL_PADDING);
        return;
    }
    if (type == VEIL_FAREWELL) {
        veil->filter.state = FILTER_ENDED;
        return;
    }
    size_t size = veil_uncover(veil->plain, type, payload);
    if (size == SIZE_MAX) {
        refuse(veil, "this is no record");
        return;
    }
    veil->plain_begin = 0;
    veil->plain_end = size;
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* Goes on with the record that is not complete; returns the bytes that belong to it. */
static size_t add_to_record(struct veil *veil, struct span wire)
{
    size_t used = 0;
    while (used < wire.size) {
        size_t wanted = VEIL_HEAD;
        if (veil->have >= VEIL_HEAD) wanted += veil->record[1] + 256u * veil->record[2];
        if (wanted > VEIL_RECORD_MAX) {
            refuse(veil, "this record is too long");
            return used;
        }
        if (veil->have == wanted && veil->have > VEIL_HEAD) break;
        size_t size = least(wanted - veil->have, wire.size - used);
        memcpy(veil->record + veil->have, wire.data + used, size);
        veil->have += size;
        used += size;
        if (veil->have == VEIL_HEAD && veil->record[1] == 0 && veil->record[2] == 0) break;
    }
    return used;
}

static bool is_complete(const struct veil *veil)
{
    return veil->have >= VEIL_HEAD &&
           veil->have == VEIL_HEAD + veil->record[1] + 256u * veil->record[2];
}

/* It is heard while plain bytes of the record before are inside. */
static bool is_farewell(const struct veil *veil, struct span wire)
{
    const uint8_t farewell[VEIL_HEAD] = {VEIL_FAREWELL};
    return veil->have == 0 && wire.size >= VEIL_HEAD && memcmp(wire.data, farewell, VEIL_HEAD) == 0;
}

static struct filter_step take(struct filter *filter, struct span wire, uint8_t *room, size_t size)
{
    struct veil *veil = veil_of(filter);
    struct filter_step step = {.used = 0};
    check(filter->state != FILTER_ENDED || wire.size == 0);
    if (filter->has_plain && is_farewell(veil, wire)) {
        step.used = VEIL_HEAD;
        filter->state = FILTER_ENDED;
    }
    if (filter->has_plain && veil->have == 0 && wire.size > 0 && wire.data[0] == 0xff)
        refuse(veil, "no record begins so");
    if (!filter->has_plain) {
        step.used = add_to_record(veil, wire);
        if (filter->state != FILTER_BROKEN && is_complete(veil)) open_record(veil);
    }
    step.made = least(veil->plain_end - veil->plain_begin, size);
    if (step.made > 1 && draw_chance(&veil->draw, 300))
        step.made = draw_size(&veil->draw, step.made);
    if (step.made > 0) memcpy(room, veil->plain + veil->plain_begin, step.made);
    veil->plain_begin += step.made;
    note(veil);
    return step;
}

/* All that was held back, and what fits of these, as one record. */
static size_t cover(struct veil *veil, struct span plain)
{
    uint8_t both[VEIL_PAYLOAD_MAX];
    size_t size = least(plain.size, VEIL_PAYLOAD_MAX - veil->back_size);
    if (size > 0) size = draw_size(&veil->draw, size);
    memcpy(both, veil->back, veil->back_size);
    if (size > 0) memcpy(both + veil->back_size, plain.data, size);
    if (veil->say_begin == veil->say_end) veil->say_begin = veil->say_end = 0;
    veil->say_end += veil_cover(veil->say + veil->say_end, span_of(both, veil->back_size + size),
                                draw_chance(&veil->draw, 500));
    veil->back_size = 0;
    return size;
}

static size_t hold_back(struct veil *veil, struct span plain)
{
    size_t size = least(plain.size, BACK_MAX - veil->back_size);
    if (size > 0) memcpy(veil->back + veil->back_size, plain.data, size);
    veil->back_size += size;
    return size;
}

static struct filter_step give(struct filter *filter, struct span plain, uint8_t *room, size_t size)
{
    struct veil *veil = veil_of(filter);
    struct filter_step step = {.used = 0};
    if (veil->say_begin == veil->say_end) {
        if (draw_chance(&veil->draw, 50)) say_filler(veil, VEIL_PADDING);
        if (plain.size > 0 && draw_chance(&veil->draw, 300)) step.used = hold_back(veil, plain);
        if (step.used == 0 && (plain.size > 0 || veil->back_size > 0))
            step.used = cover(veil, plain);
        else if (plain.size == 0 && veil->ends)
            say(veil, VEIL_FAREWELL, (struct span){NULL, 0}), veil->ends = false;
    }
    step.made = least(veil->say_end - veil->say_begin, size);
    memcpy(room, veil->say + veil->say_begin, step.made);
    veil->say_begin += step.made;
    note(veil);
    return step;
}

static void end(struct filter *filter)
{
    struct veil *veil = veil_of(filter);
    check(!filter->has_wire);
    veil->ends = filter->state == FILTER_OPEN || filter->state == FILTER_ENDED;
    note(veil);
}

static void close_veil(struct filter *filter, struct budget *budget)
{
    budget_give(budget, sizeof(struct veil));
    free(filter);
}

static struct filter *open_veil(const struct filter_source *source, struct budget *budget)
{
    static const struct filter_kind kind = {
        .take = take, .give = give, .end = end, .close = close_veil};
    struct veil_source *veils = (struct veil_source *)source;
    if (!budget_take(budget, sizeof(struct veil))) return NULL;
    struct veil *veil = calloc(1, sizeof *veil);
    if (veil == NULL) {
        budget_give(budget, sizeof(struct veil));
        return NULL;
    }
    filter_init(&veil->filter, &kind);
    veil->draw = draw_begin(veils->seed++, 0);
    return &veil->filter;
}

void veil_source_init(struct veil_source *source, uint64_t seed)
{
    *source = (struct veil_source){.source = {.open = open_veil}, .seed = seed};
}
