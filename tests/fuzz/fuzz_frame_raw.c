/* Raw framing: whatever arrives is what comes out, in packets that are not too large.
 *
 *     input:  packet_max, 4 bytes | pieces, their count first | the stream
 */
#include "fuzz_frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct error error;
    struct frame frame = frame_default(0);
    check(frame_set_kind(&frame, "raw", &error));
    frame.packet_max = fuzz_number(&input, 4);
    struct pieces pieces = pieces_take(&input);
    if (!finish(&frame)) return 0;

    check_cuts(&frame, input, pieces);
    check_guess(&frame, input);
    struct cutting split = cut_in_pieces(&frame, input, pieces, input);
    check(split.verdict == FRAME_MORE);
    check(split.consumed == input.size);
    check(split.packets_size == input.size);

    enum frame_fault fault;
    struct span wire = wrap(&frame, input, &fault);
    check((fault == FRAME_NO_FAULT) == (input.size <= frame.packet_max));
    if (fault == FRAME_NO_FAULT) check(fuzz_same(wire, input));
    free(wire.data);
    return 0;
}
