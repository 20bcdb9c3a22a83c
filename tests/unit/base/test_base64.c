#include "base/base64.h"

#include "base/check.h"

#include <criterion/criterion.h>

static const char *encoded(struct span bytes)
{
    static char text[400];
    memset(text, 'x', sizeof text);
    cr_assert_eq(base64_encode(bytes, text), BASE64_SIZE(bytes.size));
    cr_assert_eq(strlen(text), BASE64_SIZE(bytes.size));
    return text;
}

/* Both at the very end of an allocation, so that the address sanitizer sees a step beyond. */
static bool decodes_to(struct span text, struct span expected)
{
    uint8_t *copy = malloc(text.size), *bytes = malloc(expected.size);
    check(copy != NULL || text.size == 0);
    check(bytes != NULL || expected.size == 0);
    if (text.size != 0) memcpy(copy, text.data, text.size);
    bool fine = base64_decode(span_of(copy, text.size), bytes, expected.size);
    if (fine && expected.size != 0) cr_assert_eq(memcmp(bytes, expected.data, expected.size), 0);
    free(copy);
    free(bytes);
    return fine;
}

/* RFC 4648 section 10. */
Test(base64, the_standards_examples_go_there_and_back)
{
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}};
    for (size_t i = 0; i < sizeof pairs / sizeof *pairs; i++) {
        cr_assert_str_eq(encoded(span_text(pairs[i][0])), pairs[i][1]);
        cr_assert(decodes_to(span_text(pairs[i][1]), span_text(pairs[i][0])), "%zu", i);
    }
}

/* RFC 6455 section 1.3. */
Test(base64, writes_the_answer_to_a_handshake)
{
    static const uint8_t digest[] = {0xb3, 0x7a, 0x4f, 0x2c, 0xc0, 0x62, 0x4f, 0x16, 0x90, 0xf6,
                                     0x46, 0x06, 0xcf, 0x38, 0x59, 0x45, 0xb2, 0xbe, 0xc4, 0xea};
    cr_assert_str_eq(encoded(span_of(digest, sizeof digest)), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    cr_assert(decodes_to(span_text("dGhlIHNhbXBsZSBub25jZQ=="), span_text("the sample nonce")));
}

Test(base64, all_bytes_of_all_sizes_go_there_and_back)
{
    uint8_t bytes[256];
    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (uint8_t)(i * 167 + 3);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct span part = span_of(bytes, size);
        cr_assert(decodes_to(span_text(encoded(part)), part), "%zu", size);
    }
}

Test(base64, only_the_alphabet_is_taken)
{
    static const char alphabet[] =
        "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t at = 0; at < 4; at++)
        for (int byte = 0; byte < 256; byte++) {
            uint8_t text[4] = {'A', 'A', 'A', 'A'}, bytes[3];
            const char *place = byte == 0 ? NULL : strchr(alphabet, byte);
            text[at] = (uint8_t)byte;
            cr_assert_eq(base64_decode(span_of(text, 4), bytes, 3), place != NULL, "%d", byte);
            if (place == NULL) continue;
            uint32_t group = (uint32_t)bytes[0] << 16 | (uint32_t)bytes[1] << 8 | bytes[2];
            cr_assert_eq(group, (uint32_t)(place - alphabet) << (18 - 6 * at));
        }
}

Test(base64, exactly_so_many_bytes_are_taken)
{
    static const char *const texts[] = {"", "AAAA", "AAA=", "AA==", "AAAAAAAA", "AAAAAA=="};
    static const size_t sizes[] = {0, 3, 2, 1, 6, 4};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        for (size_t size = 0; size < 9; size++) {
            uint8_t zeros[9] = {0};
            cr_assert_eq(decodes_to(span_text(texts[i]), span_of(zeros, size)), size == sizes[i],
                         "\"%s\" as %zu bytes", texts[i], size);
        }
}

Test(base64, padding_is_where_it_must_be)
{
    static const char *const wrong[] = {
        "",      "A",        "AA",    "AAA",   "AA=",   "A===",   "====", "AA=A", "=AAA", "A=A=",
        "AA==A", "AA==AAAA", "AA\n=", " AA==", "AA== ", "AA==\n", "AA=-", "-A==", "_A=="};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        cr_assert(!decodes_to(span_text(wrong[i]), span_of("\0", 1)), "\"%s\"", wrong[i]);
    cr_assert(!decodes_to(span_of("AA=\0", 4), span_of("\0", 1)));
    cr_assert(!decodes_to(span_of("AA\0=", 4), span_of("\0", 1)));
    cr_assert(!decodes_to(span_text("AA=="), span_of("\0\0", 2)), "two bytes are AAA=");
}

/* RFC 4648 section 3.5. */
Test(base64, bits_that_mean_nothing_may_be_set)
{
    cr_assert(decodes_to(span_text("Zh=="), span_text("f")));
    cr_assert(decodes_to(span_text("Zv=="), span_text("f")));
    cr_assert(decodes_to(span_text("Zm9="), span_text("fo")));
}
