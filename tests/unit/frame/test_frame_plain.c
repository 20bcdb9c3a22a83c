/* The short ways of the plain framing say what the long ones say, or nothing. */
#include "frame_wire.h"
#include "random.h"

#include <inttypes.h>

enum { MOST = 300 };

static const char *const framings[] = {"length", "length,counts_header=false",
                                       "length,adjustment=7", "length,adjustment=-9",
                                       "length,max=100"};
static const char *const others[] = {"length,size=2",
                                     "length,order=big",
                                     "length,offset=1",
                                     "length,size=varint,counts_header=false",
                                     "line",
                                     "raw",
                                     "fixed,size=8"};

Test(frame_plain, a_packet_is_cut_as_by_the_long_way)
{
    uint64_t state = 20;
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++) {
        struct frame frame = frame_made(framings[i], MOST);
        cr_assert(frame.plain, "%s", framings[i]);
        int packets = 0;
        for (int round = 0; round < 20000; round++) {
            uint8_t bytes[MOST] = {(uint8_t)random_next(&state),
                                   random_next(&state) % 8 == 0 ? (uint8_t)random_next(&state) : 0,
                                   0, random_next(&state) % 50 == 0 ? 0xff : 0};
            size_t size = random_next(&state) % MOST;
            struct frame_cursor cursor = {0};
            struct frame_cut cut;
            struct span packet = {NULL, 0};
            uint8_t *input = exact_copy(span_of(bytes, size));
            struct span all = span_of(input, size);
            bool taken = frame_next_plain(&frame, all, &packet);
            bool whole = size > 0 && frame_next(&frame, &cursor, all, &cut) == FRAME_PACKET;
            cr_assert_eq(taken, whole, "%s, %zu bytes, round %d", framings[i], size, round);
            if (taken) {
                cr_assert_eq(packet.data, cut.packet.data);
                cr_assert_eq(packet.size, cut.packet.size);
                cr_assert_eq(packet.size + FRAME_PLAIN_HEADER, cut.consumed);
                packets++;
            }
            free(input);
        }
        cr_assert(packets > 100, "%s: %d packets", framings[i], packets);
    }
}

Test(frame_plain, a_packet_is_wrapped_as_by_the_long_way)
{
    for (size_t i = 0; i < sizeof framings / sizeof *framings; i++) {
        struct frame frame = frame_made(framings[i], MOST);
        for (size_t size = 0; size < MOST + 20; size++) {
            uint8_t bytes[MOST + 20], header[FRAME_HEADER_MAX],
                stored[FRAME_PLAIN_HEADER + MOST + 20];
            struct span parts[FRAME_PARTS_MAX];
            int count;
            uint32_t value = 0;
            memset(bytes, (int)size, sizeof bytes);
            struct span packet = span_of(bytes, size);
            bool fits = frame_wrap(&frame, packet, header, parts, &count) == FRAME_NO_FAULT;
            cr_assert_eq(frame_wrap_plain(&frame, size, &value), fits, "%s, %zu", framings[i],
                         size);
            if (!fits) continue;
            frame_store_plain(stored, value, packet);
            cr_assert_eq(memcmp(stored, header, FRAME_PLAIN_HEADER), 0, "%s, %zu", framings[i],
                         size);
            cr_assert_eq(memcmp(stored + FRAME_PLAIN_HEADER, bytes, size), 0);
        }
    }
}

Test(frame_plain, no_other_framing_takes_the_short_way)
{
    static const uint8_t bytes[16] = {8};
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        struct frame frame = frame_made(others[i], MOST);
        struct span packet;
        uint32_t value = 0;
        cr_assert_not(frame_next_plain(&frame, span_of(bytes, sizeof bytes), &packet), "%s",
                      others[i]);
        cr_assert_not(frame_wrap_plain(&frame, 8, &value), "%s", others[i]);
    }
}
