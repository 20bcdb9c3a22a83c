/* A buffer gives back the bytes that were put in, wherever in it they are moved to. */
#include "random.h"
#include "system/buffer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static void put(struct buffer *buffer, size_t size, uint8_t *next)
{
    cr_assert(buffer_reserve(buffer, size));
    cr_assert(buffer->capacity - buffer->end >= size);
    for (size_t i = 0; i < size; i++) buffer->data[buffer->end++] = (*next)++;
}

static void take(struct buffer *buffer, size_t size, uint8_t *next)
{
    struct span bytes = buffer_bytes(buffer);
    cr_assert_eq(bytes.size, buffer_size(buffer));
    for (size_t i = 0; i < size; i++)
        if (bytes.data[i] != (*next)++) cr_assert(false, "byte %zu", i);
    buffer_consume(buffer, size);
}

Test(buffer, gives_back_what_was_put_in)
{
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct buffer buffer = {.data = NULL};
        uint64_t state = seed;
        uint8_t put_next = 0, take_next = 0;
        for (int i = 0; i < 2000; i++) {
            if (random_next(&state) % 2 == 0)
                put(&buffer, random_next(&state) % 60, &put_next);
            else
                take(&buffer, random_next(&state) % (buffer_size(&buffer) + 1), &take_next);
        }
        take(&buffer, buffer_size(&buffer), &take_next);
        cr_assert_eq(put_next, take_next, "seed %d", (int)seed);
        free(buffer.data);
    }
}

Test(buffer, makes_room_where_there_is_not_quite_enough)
{
    struct buffer buffer = {.data = NULL};
    cr_assert(buffer_reserve(&buffer, 10));
    buffer.end = buffer.capacity - 4;
    memset(buffer.data, 'x', buffer.end);
    cr_assert(buffer_reserve(&buffer, 4));
    cr_assert_eq(buffer.capacity - buffer.end, 4);
    cr_assert(buffer_reserve(&buffer, 5));
    cr_assert(buffer.capacity - buffer.end >= 5);
    free(buffer.data);
}

static void expect(const struct buffer *buffer, const char *bytes, size_t size)
{
    cr_assert_eq(buffer_size(buffer), size);
    cr_assert_eq(memcmp(buffer_bytes(buffer).data, bytes, size), 0);
}

Test(buffer, adds_bytes_and_text_behind_what_is_there)
{
    struct buffer buffer = {.data = NULL};
    cr_assert(buffer_add_bytes(&buffer, span_of(NULL, 0)));
    cr_assert_eq(buffer_size(&buffer), 0);
    cr_assert(buffer_add_bytes(&buffer, span_of("a\0b", 3)));
    cr_assert(buffer_add(&buffer, "%s %d", "c", 17));
    expect(&buffer, "a\0bc 17", 7);
    buffer_consume(&buffer, 2);
    cr_assert(buffer_add(&buffer, "%s", ""));
    cr_assert(buffer_add_bytes(&buffer, span_of("!", 1)));
    expect(&buffer, "bc 17!", 6);
    free(buffer.data);
}

/* Whatever it has room for: a NUL follows, which is not part of it. */
Test(buffer, text_of_any_length_is_whole)
{
    char text[200] = "";
    for (size_t size = 0; size < sizeof text - 1; size++) {
        struct buffer buffer = {.data = NULL};
        cr_assert(buffer_add(&buffer, "%s", text));
        expect(&buffer, text, size);
        cr_assert_eq(buffer.data[buffer.end], '\0');
        cr_assert(buffer.capacity > buffer.end);
        free(buffer.data);
        text[size] = (char)('a' + size % 26);
    }
}
