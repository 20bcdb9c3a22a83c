/* What `moonport talk` shows and reads:
 *
 *     input:  room for text, a byte | a packet, and a line too
 */
#include "../../bindings/talk_text.h"

#include "fuzz_input.h"

static struct span show(struct span packet, size_t room)
{
    uint8_t *text = malloc(packet.size * TALK_SHOWN_MAX + room);
    check(text != NULL);
    size_t size = 0;
    while (packet.size != 0) {
        size_t before = packet.size;
        uint8_t *part = malloc(room); /* ends where it does, for the sanitizer */
        check(part != NULL);
        size_t written = talk_show(&packet, (char *)part, room);
        check(written > 0);
        check(written <= room);
        check(packet.size < before);
        memcpy(text + size, part, written);
        size += written;
        free(part);
    }
    return span_of(text, size);
}

/* No control character, and no half of a character: each lead byte has what follows it. */
static void check_shown(struct span text)
{
    for (size_t i = 0, following = 0; i <= text.size; i++) {
        uint8_t byte = i < text.size ? text.data[i] : ' ';
        check(byte >= 0x20);
        check(byte != 0x7f);
        check((following != 0) == (byte >= 0x80 && byte < 0xc0));
        if (following != 0)
            following--;
        else
            following = byte >= 0xf0 ? 3 : byte >= 0xe0 ? 2 : byte >= 0xc0 ? 1 : 0;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    size_t room = TALK_SHOWN_MAX + fuzz_byte(&input);
    struct span text = show(input, room), other = show(input, 2 * input.size + TALK_SHOWN_MAX);
    check(fuzz_same(text, other));
    check_shown(text);
    struct span back = fuzz_copy(text), read = talk_unescape(back);
    check(read.data == back.data);
    check(fuzz_same(read, input));

    /* Any line is some bytes, not more of them, and without a backslash they are its own. */
    struct span line = fuzz_copy(input), meant = talk_unescape(line);
    check(meant.size <= input.size);
    if (input.size == 0 || memchr(input.data, '\\', input.size) == NULL)
        check(fuzz_same(meant, input));
    free(text.data);
    free(other.data);
    free(back.data);
    free(line.data);
    return 0;
}
