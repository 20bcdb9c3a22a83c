#include "base/utf8.h"

size_t utf8_size(struct span text)
{
    static const struct {
        uint8_t first_from, first_to, second_from, second_to, size;
    } forms[] = {
        {0x00, 0x7f, 0x00, 0x00, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    const uint8_t *bytes = text.data;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (bytes[0] < forms[i].first_from || bytes[0] > forms[i].first_to) continue;
        size_t size = forms[i].size;
        if (size > text.size) return 0;
        if (size > 1 && (bytes[1] < forms[i].second_from || bytes[1] > forms[i].second_to))
            return 0;
        for (size_t next = 2; next < size; next++)
            if ((bytes[next] & 0xc0) != 0x80) return 0;
        return size;
    }
    return 0;
}
