#include "frame/http_head.h"
#include "frame/http_text.h"

struct span http_head_field(const struct http_head *head, const char *name)
{
    for (uint32_t i = 0; i < head->field_count; i++)
        if (http_is_like(head->fields[i].name, name)) return head->fields[i].value;
    return span_of(NULL, 0);
}

uint32_t http_head_count(const struct http_head *head, const char *name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < head->field_count; i++)
        count += http_is_like(head->fields[i].name, name);
    return count;
}

/* How many bytes are in front of the first comma that no quotes surround. */
static size_t element_size(struct span list)
{
    bool quoted = false;
    for (size_t i = 0; i < list.size; i++) {
        uint8_t byte = list.data[i];
        if (quoted && byte == '\\')
            i++;
        else if (byte == '"')
            quoted = !quoted;
        else if (byte == ',' && !quoted)
            return i;
    }
    return list.size;
}

bool http_list_next(struct span *list, struct span *element)
{
    while (list->size != 0) {
        size_t size = element_size(*list);
        *element = http_trim(span_first(*list, size));
        *list = span_skip(*list, size < list->size ? size + 1 : size);
        if (element->size != 0) return true;
    }
    return false;
}

static bool list_has(struct span list, const char *word)
{
    struct span element;
    while (http_list_next(&list, &element))
        if (http_is_like(element, word)) return true;
    return false;
}

bool http_head_has(const struct http_head *head, const char *name, const char *word)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (http_is_like(field->name, name) && list_has(field->value, word)) return true;
    }
    return false;
}

static bool read_number(struct span text, uint64_t *number)
{
    uint64_t value = 0;
    if (text.size == 0) return false;
    for (size_t i = 0; i < text.size; i++) {
        if (!http_is_digit(text.data[i])) return false;
        uint64_t digit = text.data[i] - '0';
        if (value > (UINT64_MAX - digit) / 10) return false;
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

bool http_head_length(const struct http_head *head, uint64_t *size)
{
    *size = 0;
    if (http_head_count(head, "transfer-encoding") != 0) return false;
    switch (http_head_count(head, "content-length")) {
    case 0: return true;
    case 1: return read_number(http_head_field(head, "content-length"), size);
    default: return false;
    }
}

bool http_head_keeps_alive(const struct http_head *head)
{
    if (http_head_has(head, "connection", "close")) return false;
    return head->minor != 0 || http_head_has(head, "connection", "keep-alive");
}
