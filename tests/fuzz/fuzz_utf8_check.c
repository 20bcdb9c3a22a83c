/* UTF-8 that arrives in pieces, against arithmetic (tests/unit/utf8_plain.h):
 *
 *     input:  pieces of the text, their count first | the text
 */
#include "base/utf8_check.h"
#include "fuzz_pieces.h"

#include "../unit/utf8_plain.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    struct pieces pieces = pieces_take(&input);
    uint8_t state = 0;
    enum utf8_plain found = UTF8_WHOLE;
    for (size_t come = 0; come < input.size && found != UTF8_WRONG;) {
        size_t next = pieces_next(&pieces, input.size - come);
        struct span piece = fuzz_copy(span_first(span_skip(input, come), next));
        bool possible = utf8_check(&state, piece);
        free(piece.data);
        come += next;
        found = !possible ? UTF8_WRONG : state == 0 ? UTF8_WHOLE : UTF8_BEGUN;
        check(found == utf8_plain(span_first(input, come)));
    }
    return 0;
}
