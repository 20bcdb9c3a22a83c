/* Fixed framing:
 *
 *     input:  size, 4 bytes | packet_max, 4 bytes | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct error error;
    struct frame frame = frame_default(0);
    check(frame_set_kind(&frame, "fixed", &error));
    frame.fixed_size = (uint32_t)fuzz_number(&input, 4);
    frame.packet_max = fuzz_number(&input, 4);
    struct pieces pieces = pieces_take(&input);
    if (!finish(&frame)) return 0;

    check_cuts(&frame, input, pieces);
    check_guess(&frame, input);
    struct cutting whole = cut_whole(&frame, input);
    check(whole.verdict == FRAME_MORE);
    check(whole.packets_count == input.size / frame.fixed_size);
    check(whole.consumed == whole.packets_count * frame.fixed_size);
    check(whole.cursor.wanted == frame.fixed_size);

    enum frame_fault fault;
    struct span packet = span_first(input, frame.fixed_size), wire = wrap(&frame, packet, &fault);
    check((fault == FRAME_NO_FAULT) == (packet.size == frame.fixed_size));
    if (fault == FRAME_NO_FAULT) check_comes_back(&frame, wire, pieces, packet);
    free(wire.data);
    wire = wrap(&frame, input, &fault);
    check((fault == FRAME_NO_FAULT) == (input.size == frame.fixed_size));
    free(wire.data);
    return 0;
}
