/* Paths, queries, hosts and lists, of whatever bytes:
 *
 *     input:  room for a value, a byte | a name and a value, up to a NUL each | the text
 */
#include "frame/http_head.h"
#include "frame/http_query.h"
#include "fuzz_input.h"

/* Each byte as a triplet. */
static size_t encode(const char *text, uint8_t *place)
{
    size_t used = 0;
    for (; *text != '\0'; text++) {
        place[used++] = '%';
        place[used++] = (uint8_t) "0123456789abcdef"[(uint8_t)*text >> 4];
        place[used++] = (uint8_t) "0123456789ABCDEF"[(uint8_t)*text & 15];
    }
    return used;
}

/* What is written encoded is read as it was, if it fits. */
static void check_back(const char *name, const char *value, char *room, size_t size)
{
    size_t names = strlen(name), values = strlen(value);
    uint8_t *text = malloc(3 * (names + values) + 3);
    check(text != NULL);
    size_t used = 0;
    text[used++] = '/';
    used += encode(name, text + used);
    text[used++] = '/';
    used += encode(value, text + used);
    struct span path = fuzz_copy(span_of(text, used));
    check(http_segment_count(path) == 2);
    check(http_segment(path, 0, room, size) == (names < size));
    check(strcmp(room, names < size ? name : "") == 0);
    check(http_segment(path, 1, room, size) == (values < size));
    check(strcmp(room, values < size ? value : "") == 0);
    check(!http_segment(path, 2, room, size));
    free(path.data);

    used = encode(name, text);
    text[used++] = '=';
    used += encode(value, text + used);
    struct span query = fuzz_copy(span_of(text, used));
    check(http_query_count(query, name) == 1);
    check(http_query(query, name, room, size) == (values < size));
    check(strcmp(room, values < size ? value : "") == 0);
    free(query.data);
    free(text);
}

static void check_text(struct span text, const char *name, char *room, size_t size)
{
    struct span element, list = text, host_name;
    uint16_t port;
    bool found = http_query(text, name, room, size);
    check(memchr(room, '\0', size) != NULL);
    check(found ? http_query_count(text, name) == 1 : room[0] == '\0');
    for (uint32_t i = 0; i < http_segment_count(text) && i < 4; i++) {
        found = http_segment(text, i, room, size);
        check(memchr(room, '\0', size) != NULL);
        check(found || room[0] == '\0');
    }
    check(!http_segment(text, http_segment_count(text), room, size));
    while (http_list_next(&list, &element)) check(element.size != 0);
    if (http_host_read(text, &host_name, &port)) {
        check(host_name.size != 0);
        check(host_name.size <= text.size);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    size_t room_size = 1u + fuzz_byte(&input);
    char *name = fuzz_text(fuzz_until(&input, '\0')), *value = fuzz_text(fuzz_until(&input, '\0'));
    char *room = malloc(room_size); /* ends where it does, for the sanitizer */
    check(room != NULL);
    struct span text = fuzz_copy(input);
    check_back(name, value, room, room_size);
    check_text(text, name, room, room_size);
    free(text.data);
    free(room);
    free(value);
    free(name);
    return 0;
}
