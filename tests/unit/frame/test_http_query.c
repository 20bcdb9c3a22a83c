#include "frame/http_query.h"

#include <criterion/criterion.h>

/* A copy that ends where the text does, so that the address sanitizer sees a read beyond it. */
static struct span exact(const char *text)
{
    size_t size = strlen(text);
    uint8_t *copy = malloc(size);
    if (size != 0) memcpy(copy, text, size);
    return span_of(copy, size);
}

/* The value in a query, or "-" if there is none. */
static const char *value_of(const char *query, const char *name)
{
    static char room[64];
    struct span text = exact(query);
    memset(room, 'x', sizeof room);
    bool found = http_query(text, name, room, sizeof room);
    if (!found) cr_assert_eq(room[0], '\0');
    free(text.data);
    return found ? room : "-";
}

static uint32_t count_of(const char *query, const char *name)
{
    struct span text = exact(query);
    uint32_t count = http_query_count(text, name);
    free(text.data);
    return count;
}

static const char *segment_of(const char *path, uint32_t index)
{
    static char room[64];
    struct span text = exact(path);
    memset(room, 'x', sizeof room);
    bool found = http_segment(text, index, room, sizeof room);
    if (!found) cr_assert_eq(room[0], '\0');
    free(text.data);
    return found ? room : "-";
}

Test(http_query, a_value_is_found_by_its_name)
{
    cr_assert_str_eq(value_of("sort=age", "sort"), "age");
    cr_assert_str_eq(value_of("sort=age&order=desc", "order"), "desc");
    cr_assert_str_eq(value_of("&&sort=age&", "sort"), "age");
    cr_assert_str_eq(value_of("a=b=c=&d", "a"), "b=c=");
    cr_assert_str_eq(value_of("a", "a"), "");
    cr_assert_str_eq(value_of("a=", "a"), "");
    cr_assert_str_eq(value_of("b&a", "a"), "");
    cr_assert_str_eq(value_of("=x", ""), "x");
    cr_assert_str_eq(value_of("a?b=/c", "a?b"), "/c");
}

Test(http_query, what_is_not_there_is_not_found)
{
    cr_assert_str_eq(value_of("", "a"), "-");
    cr_assert_str_eq(value_of("", ""), "-");
    cr_assert_str_eq(value_of("&", ""), "-");
    cr_assert_str_eq(value_of("ab=1", "a"), "-");
    cr_assert_str_eq(value_of("a=1", "ab"), "-");
    cr_assert_str_eq(value_of("A=1", "a"), "-");
    cr_assert_str_eq(value_of("b=a=1", "a"), "-");
    char room[8] = "x";
    cr_assert(!http_query(span_of(NULL, 0), "a", room, sizeof room));
    cr_assert_eq(room[0], '\0');
}

Test(http_query, names_and_values_are_decoded_once)
{
    cr_assert_str_eq(value_of("a=%41%2b%2B%25%32%35", "a"), "A++%25");
    cr_assert_str_eq(value_of("a=1+2%203", "a"), "1 2 3");
    cr_assert_str_eq(value_of("a=1%26b=2&b=3", "a"), "1&b=2");
    cr_assert_str_eq(value_of("a=1%26b=2&b=3", "b"), "3");
    cr_assert_str_eq(value_of("%61+b=1", "a b"), "1");
    cr_assert_str_eq(value_of("a%3Db=1", "a=b"), "1");
    cr_assert_str_eq(value_of("a=%c3%A4", "a"), "\xc3\xa4");
    cr_assert_str_eq(value_of("%c3%A4=\xff", "\xc3\xa4"), "\xff");
}

Test(http_query, what_is_not_encoded_right_is_no_value)
{
    cr_assert_str_eq(value_of("a=%", "a"), "-");
    cr_assert_str_eq(value_of("a=%4", "a"), "-");
    cr_assert_str_eq(value_of("a=%g0", "a"), "-");
    cr_assert_str_eq(value_of("a=x%0g", "a"), "-");
    cr_assert_str_eq(value_of("a=%4&b=1", "a"), "-");
    cr_assert_str_eq(value_of("a=x%00y", "a"), "-");
    cr_assert_str_eq(value_of("a%00=1", "a"), "-");
    cr_assert_str_eq(value_of("%=1&a=2", "a"), "2");
    cr_assert_eq(count_of("a=%4", "a"), 1);
    cr_assert_eq(count_of("a%00=1", "a\0"), 0);
}

Test(http_query, a_value_that_is_there_twice_is_none)
{
    cr_assert_str_eq(value_of("a=1&a=2", "a"), "-");
    cr_assert_str_eq(value_of("a=1&%61=1", "a"), "-");
    cr_assert_eq(count_of("a=1&b&a=2&a&%61=", "a"), 4);
    cr_assert_eq(count_of("a=1&b&a=2&a&%61=", "b"), 1);
    cr_assert_eq(count_of("a=1", "c"), 0);
    cr_assert_eq(http_query_count(span_of(NULL, 0), "a"), 0);
}

Test(http_query, a_value_fits_with_its_end_or_not_at_all)
{
    char room[5] = "####";
    struct span query = span_text("a=1%323&b=");
    cr_assert(http_query(query, "a", room, 4));
    cr_assert_str_eq(room, "123");
    room[3] = '#';
    cr_assert(!http_query(query, "a", room, 3));
    cr_assert_str_eq(room, "");
    cr_assert_eq(room[3], '#');
    cr_assert(http_query(query, "b", room, 1));
    cr_assert(!http_query(query, "a", room, 1));
}

Test(http_query, segments_are_between_slashes)
{
    cr_assert_str_eq(segment_of("/connections/17/close", 0), "connections");
    cr_assert_str_eq(segment_of("/connections/17/close", 1), "17");
    cr_assert_str_eq(segment_of("/connections/17/close", 2), "close");
    cr_assert_str_eq(segment_of("/connections/17/close", 3), "-");
    cr_assert_str_eq(segment_of("/connections/17/close", UINT32_MAX), "-");
    cr_assert_str_eq(segment_of("/", 0), "");
    cr_assert_str_eq(segment_of("/", 1), "-");
    cr_assert_str_eq(segment_of("/a/", 1), "");
    cr_assert_str_eq(segment_of("//a", 0), "");
    cr_assert_str_eq(segment_of("//a", 1), "a");
    cr_assert_str_eq(segment_of("*", 0), "-");
    cr_assert_str_eq(segment_of("", 0), "-");
    cr_assert_eq(http_segment_count(span_text("/a//b/")), 4);
    cr_assert_eq(http_segment_count(span_text("*")), 0);
}

Test(http_query, segments_are_decoded_after_they_were_divided)
{
    cr_assert_str_eq(segment_of("/a%2Fb/c", 0), "a/b");
    cr_assert_str_eq(segment_of("/a%2Fb/c", 1), "c");
    cr_assert_str_eq(segment_of("/a+b%20c", 0), "a+b c");
    cr_assert_str_eq(segment_of("/../%2e%2E", 0), "..");
    cr_assert_str_eq(segment_of("/../%2e%2E", 1), "..");
    cr_assert_str_eq(segment_of("/%2541", 0), "%41");
    cr_assert_str_eq(segment_of("/%4/1", 0), "-");
    cr_assert_str_eq(segment_of("/a%00/b", 0), "-");
    cr_assert_str_eq(segment_of("/a%00/b", 1), "b");
}

Test(http_query, a_segment_fits_with_its_end_or_not_at_all)
{
    char room[4] = "###";
    cr_assert(http_segment(span_text("/abc"), 0, room, 4));
    cr_assert_str_eq(room, "abc");
    cr_assert(!http_segment(span_text("/abc"), 0, room, 3));
    cr_assert_str_eq(room, "");
    cr_assert_eq(room[3], '\0');
}
