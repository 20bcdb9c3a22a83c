#include "frame/http_query.h"

#include "base/check.h"
#include "frame/http_text.h"

enum encoding { OF_PATH, OF_FORM };

/* Takes one decoded byte off a text that is not empty; -1: it is not encoded right. */
static int take_byte(struct span *text, enum encoding encoding)
{
    uint8_t byte = text->data[0];
    if (byte == '%') {
        int value = http_triplet(*text);
        *text = span_skip(*text, value < 0 ? 1 : 3);
        return value;
    }
    *text = span_skip(*text, 1);
    return byte == '+' && encoding == OF_FORM ? ' ' : byte;
}

static bool decode(struct span text, enum encoding encoding, char *room, size_t size)
{
    size_t used = 0;
    room[0] = '\0';
    while (text.size != 0) {
        int byte = take_byte(&text, encoding);
        if (byte <= 0 || used == size - 1) {
            room[0] = '\0';
            return false;
        }
        room[used++] = (char)byte;
    }
    room[used] = '\0';
    return true;
}

static bool is_named(struct span name, const char *wanted)
{
    while (name.size != 0) {
        int byte = take_byte(&name, OF_FORM);
        if (byte <= 0 || byte != (uint8_t)*wanted) return false;
        wanted++;
    }
    return *wanted == '\0';
}

/* Takes what is in front of the next such byte, and the byte. */
static struct span take_part(struct span *text, uint8_t end)
{
    struct span part = span_first(*text, http_span_until(*text, end));
    *text = span_skip(*text, part.size < text->size ? part.size + 1 : part.size);
    return part;
}

/* Returns how many parameters have that name; `value` is that of the last one. */
static uint32_t find(struct span query, const char *name, struct span *value)
{
    uint32_t count = 0;
    while (query.size != 0) {
        struct span parameter = take_part(&query, '&');
        if (parameter.size == 0) continue;
        struct span found = take_part(&parameter, '=');
        if (!is_named(found, name)) continue;
        *value = parameter;
        count++;
    }
    return count;
}

uint32_t http_query_count(struct span query, const char *name)
{
    struct span value;
    return find(query, name, &value);
}

bool http_query(struct span query, const char *name, char *room, size_t size)
{
    struct span value;
    check(size > 0);
    room[0] = '\0';
    return find(query, name, &value) == 1 && decode(value, OF_FORM, room, size);
}

bool http_segment(struct span path, uint32_t index, char *room, size_t size)
{
    check(size > 0);
    room[0] = '\0';
    if (index >= http_segment_count(path)) return false;
    take_part(&path, '/');
    for (uint32_t i = 0; i < index; i++) take_part(&path, '/');
    return decode(take_part(&path, '/'), OF_PATH, room, size);
}

uint32_t http_segment_count(struct span path)
{
    uint32_t count = 0;
    for (size_t i = 0; i < path.size; i++) count += path.data[i] == '/';
    return count;
}
