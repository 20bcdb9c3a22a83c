#include "base/sha1.h"

#include "base/check.h"

#include <criterion/criterion.h>

static const char *hex_of(struct span bytes)
{
    static char text[2 * SHA1_SIZE + 1];
    uint8_t digest[SHA1_SIZE];
    sha1(bytes, digest);
    for (int i = 0; i < SHA1_SIZE; i++) sprintf(text + 2 * i, "%02x", digest[i]);
    return text;
}

/* The examples of RFC 3174 section 7.3, which are NIST's, and nothing. */
Test(sha1, digests_what_the_standard_does)
{
    cr_assert_str_eq(hex_of(span_of(NULL, 0)), "da39a3ee5e6b4b0d3255bfef95601890afd80709");
    cr_assert_str_eq(hex_of(span_text("abc")), "a9993e364706816aba3e25717850c26c9cd0d89d");
    cr_assert_str_eq(hex_of(span_text("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
                     "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
    static uint8_t million[1000000];
    memset(million, 'a', sizeof million);
    cr_assert_str_eq(hex_of(span_of(million, sizeof million)),
                     "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
    uint8_t text[640];
    for (size_t i = 0; i < sizeof text; i++) text[i] = (uint8_t)('0' + i % 8);
    cr_assert_str_eq(hex_of(span_of(text, sizeof text)),
                     "dea356a2cddd90c7a7ecedc5ebb563934f460452");
}

/* RFC 6455 section 1.3. */
Test(sha1, digests_the_key_of_a_handshake)
{
    cr_assert_str_eq(
        hex_of(span_text("dGhlIHNhbXBsZSBub25jZQ==258EAFA5-E914-47DA-95CA-C5AB0DC85B11")),
        "b37a4f2cc0624f1690f64606cf385945b2bec4ea");
}

/* The digest of all of their digests, as Python's hashlib has it. */
Test(sha1, every_size_fills_the_last_block_as_it_must)
{
    uint8_t digests[300][SHA1_SIZE];
    for (size_t size = 0; size < 300; size++) {
        uint8_t *bytes = malloc(size); /* ends where it does, for the sanitizer */
        check(bytes != NULL || size == 0);
        for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 7 + size);
        sha1(span_of(bytes, size), digests[size]);
        free(bytes);
    }
    cr_assert_str_eq(hex_of(span_of(digests, sizeof digests)),
                     "dfc942b5ddc5fe6421ccada9be50fa42e873926c");
}
