#include "admin/json.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static struct buffer out;

static struct json begin(void)
{
    out.begin = out.end = 0;
    return (struct json){.out = &out};
}

static void expect(const struct json *json, const char *text)
{
    struct span bytes = buffer_bytes(&out);
    cr_assert_not(json->failed);
    cr_assert_eq(bytes.size, strlen(text), "%.*s", (int)bytes.size, bytes.data);
    cr_assert(memcmp(bytes.data, text, bytes.size) == 0, "%.*s", (int)bytes.size, bytes.data);
}

static void expect_text(struct span text, const char *written)
{
    struct json json = begin();
    json_text(&json, NULL, text);
    expect(&json, written);
}

Test(json, commas_stand_between_values_and_nowhere_else)
{
    struct json json = begin();
    json_open(&json, NULL, '{');
    json_count(&json, "a", 1);
    json_open(&json, "b", '[');
    json_count(&json, NULL, 2);
    json_open(&json, NULL, '{');
    json_close(&json, '}');
    json_null(&json, NULL);
    json_close(&json, ']');
    json_open(&json, "c", '[');
    json_close(&json, ']');
    json_truth(&json, "d", true);
    json_truth(&json, "e", false);
    json_close(&json, '}');
    expect(&json, "{\"a\":1,\"b\":[2,{},null],\"c\":[],\"d\":true,\"e\":false}");
}

Test(json, numbers_are_exact)
{
    struct json json = begin();
    json_open(&json, NULL, '{');
    json_count(&json, "a", UINT64_MAX);
    json_seconds(&json, "b", 1500000000);
    json_seconds(&json, "c", 1);
    json_time(&json, "d", 1764460000123456);
    json_close(&json, '}');
    expect(&json,
           "{\"a\":18446744073709551615,\"b\":1.5,\"c\":0.000000001,\"d\":1764460000.123456}");
}

Test(json, text_is_escaped)
{
    expect_text(span_of("a\"b\\c\nd\te\rf\0g\x7f", 14),
                "\"a\\\"b\\\\c\\nd\\te\\u000df\\u0000g\\u007f\"");
    expect_text(span_of(NULL, 0), "\"\"");
}

Test(json, utf_8_stays_as_it_is)
{
    expect_text(span_text("\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x99"),
                "\"\xc3\xa9 \xe2\x82\xac \xf0\x9f\x8c\x99\"");
}

Test(json, what_is_not_utf_8_is_replaced)
{
    expect_text(span_text("\xff"), "\"\\ufffd\"");
    expect_text(span_text("\xc3"), "\"\\ufffd\"");              /* cut off */
    expect_text(span_text("\xe2\x82z"), "\"\\ufffd\\ufffdz\""); /* ... by another character */
    expect_text(span_text("\xc0\xaf"), "\"\\ufffd\\ufffd\"");   /* longer than it has to be */
    expect_text(span_text("\xe0\x80\xaf"), "\"\\ufffd\\ufffd\\ufffd\"");
    expect_text(span_text("\xed\xa0\x80"), "\"\\ufffd\\ufffd\\ufffd\""); /* half of a pair */
    expect_text(span_text("\xf4\x90\x80\x80"), "\"\\ufffd\\ufffd\\ufffd\\ufffd\"");
}
