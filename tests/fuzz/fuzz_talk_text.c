/* What `moonport talk` shows and reads:
 *
 *     input:  room for text, a byte | a packet, and a line too
 */
#include "commands/talk_text.h"

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

/* A backslash is always followed by what it is there for. */
static void check_backslashes(struct span text)
{
    while (text.size != 0) {
        if (fuzz_byte(&text) != '\\') continue;
        check(text.size != 0);
        uint8_t byte = fuzz_byte(&text);
        check(memchr("\\xnrt", byte, 5) != NULL);
        if (byte == 'x') check(fuzz_bytes(&text, 2).size == 2);
    }
}

/* What may follow a lead byte (RFC 3629, section 4). */
static bool may_follow(uint8_t lead, uint8_t next)
{
    uint8_t least = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;
    uint8_t most = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;
    return lead >= 0xc2 && lead <= 0xf4 && next >= least && next <= most;
}

/* Characters, all of them whole, and none that is a control. */
static void check_shown(struct span text)
{
    while (text.size != 0) {
        uint8_t lead = fuzz_byte(&text);
        check(lead >= 0x20);
        check(lead != 0x7f);
        if (lead < 0x80) continue;
        struct span tail = fuzz_bytes(&text, lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1);
        check(tail.size == (lead >= 0xf0 ? 3 : lead >= 0xe0 ? 2 : 1));
        check(may_follow(lead, tail.data[0]));
        for (size_t i = 1; i < tail.size; i++) check((tail.data[i] & 0xc0) == 0x80);
        check(lead != 0xc2 || tail.data[0] >= 0xa0); /* the other controls */
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    size_t room = TALK_SHOWN_MAX + fuzz_byte(&input);
    struct span text = show(input, room), other = show(input, 2 * input.size + TALK_SHOWN_MAX);
    check(fuzz_same(text, other));
    check_shown(text);
    check_backslashes(text);
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
