#include "commands/talk_text.h"

#include "base/check.h"

#include <stdbool.h>

static int hex_digit(uint8_t character)
{
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

/* Bytes that have an escape of one letter. */
static const char letters[] = "nrt\\", meanings[] = "\n\r\t\\";

/* Reads the byte that the front of the line stands for; returns the characters it took. */
static size_t read_byte(struct span line, uint8_t *byte)
{
    *byte = line.data[0];
    if (line.data[0] != '\\' || line.size < 2) return 1;
    if (line.data[1] == 'x') {
        int high = line.size < 4 ? -1 : hex_digit(line.data[2]);
        int low = high < 0 ? -1 : hex_digit(line.data[3]);
        if (low < 0) return 1;
        *byte = (uint8_t)(high * 16 + low);
        return 4;
    }
    const char *letter = memchr(letters, line.data[1], sizeof letters - 1);
    if (letter == NULL) return 1;
    *byte = (uint8_t)meanings[letter - letters];
    return 2;
}

struct span talk_unescape(struct span line)
{
    struct span rest = line;
    size_t size = 0;
    while (rest.size != 0) {
        uint8_t byte;
        size_t taken = read_byte(rest, &byte);
        line.data[size++] = byte;
        rest = span_skip(rest, taken);
    }
    return span_first(line, size);
}

/* Decodes the character at the front (RFC 3629, sections 3 and 4); returns its bytes, 0 if it is invalid. */
static size_t decode(struct span bytes, uint32_t *code)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000}; /* a shorter form exists below */
    uint8_t first = bytes.data[0];
    *code = first;
    if (first < 0x80) return 1;
    size_t size = first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf8 ? 4 : 0;
    if (size == 0 || size > bytes.size) return 0;

    *code = first & 0x7fu >> size;
    for (size_t i = 1; i < size; i++) {
        if ((bytes.data[i] & 0xc0) != 0x80) return 0;
        *code = *code << 6 | (bytes.data[i] & 0x3f);
    }
    bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
    return *code < least[size] || surrogate || *code > 0x10ffff ? 0 : size;
}

/* Is the character visible, and does it leave alone how others are shown? The ranges are Unicode's controls, and
 * its format characters except the joiners, which words and emoji need. */
static bool printable(uint32_t code)
{
    static const struct {
        uint32_t first, last;
    } others[] = {
        {0x00, 0x1f},       {0x7f, 0x9f},         {0xad, 0xad},     {0x61c, 0x61c},
        {0x180e, 0x180e},   {0x200b, 0x200b},     {0x200e, 0x200f}, {0x2028, 0x202e},
        {0x2060, 0x206f},   {0xfeff, 0xfeff},     {0xfff0, 0xfffb}, {0xfffe, 0xffff},
        {0xe0000, 0xe0fff}, {0x10fffe, 0x10ffff},
    };
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++)
        if (code >= others[i].first && code <= others[i].last) return false;
    return true;
}

/* Shows one character, or the byte at the front if that is invalid; returns how many bytes of the packet it took. */
static size_t show_one(struct span packet, char *text, size_t *text_size)
{
    static const char digits[] = "0123456789abcdef";
    uint32_t code;
    size_t size = decode(packet, &code);
    uint8_t byte = packet.data[0];
    const char *meaning = byte == 0 ? NULL : strchr(meanings, byte);
    if (meaning != NULL) {
        text[0] = '\\';
        text[1] = letters[meaning - meanings];
        *text_size = 2;
        return 1;
    }
    if (size == 0 || !printable(code)) {
        const char shown[TALK_SHOWN_MAX] = {'\\', 'x', digits[byte >> 4], digits[byte & 15]};
        memcpy(text, shown, sizeof shown);
        *text_size = sizeof shown;
        return 1;
    }
    memcpy(text, packet.data, size);
    *text_size = size;
    return size;
}

size_t talk_show(struct span *packet, char *text, size_t room)
{
    check(room >= TALK_SHOWN_MAX);
    size_t written = 0;
    while (packet->size != 0 && room - written >= TALK_SHOWN_MAX) {
        size_t size;
        *packet = span_skip(*packet, show_one(*packet, text + written, &size));
        written += size;
    }
    return written;
}
