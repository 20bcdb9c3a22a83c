#include "http_try.h"
#include "random.h"

#include <inttypes.h>

/* ---- a head as it should be ---- */

Test(http_head, parts_of_a_request_are_where_they_stand)
{
    http_takes("POST /connections/17/close?why=a%%20b HTTP/1.1\r\n"
               "Host: localhost:7001\r\n"
               "X-Moonport: 1\r\n"
               "Content-Length: 2\r\n"
               "\r\n"
               "ok");
    http_reads(head.method, "POST");
    http_reads(head.target, "/connections/17/close?why=a%20b");
    http_reads(head.path, "/connections/17/close");
    http_reads(head.query, "why=a%20b");
    http_reads(head.host, "localhost:7001");
    cr_assert_eq(head.minor, 1);
    cr_assert_eq(head.field_count, 3);
    http_reads(head.fields[1].name, "X-Moonport");
    http_reads(head.fields[1].value, "1");
    http_reads(head.fields[2].name, "Content-Length");
    http_reads(head.fields[2].value, "2");
    http_reads(span_of(head.fields[2].value.data + 1, 6), "\r\n\r\nok");
    cr_assert(head.fields[2].value.data + 5 == head.method.data + head.size);
}

Test(http_head, all_that_is_found_lies_in_the_input)
{
    struct span input =
        http_copy(span_text("GET http://h?q HTTP/1.1\r\nHost: x\r\nEmpty:\r\n\r\n"));
    struct http_head read = {.scanned = 0};
    cr_assert_eq(http_head_read(&read, input), HTTP_HEAD);
    cr_assert_eq(read.size, input.size);
    const struct span parts[] = {
        read.method,          read.target,         read.path,
        read.query,           read.host,           read.fields[0].name,
        read.fields[0].value, read.fields[1].name, read.fields[1].value,
    };
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        cr_assert(parts[i].data >= input.data, "%zu", i);
        cr_assert(parts[i].data + parts[i].size < input.data + input.size, "%zu", i);
    }
    free(input.data);
}

Test(http_head, every_beginning_of_a_head_asks_for_more)
{
    struct span text = span_text("\r\nGET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\r\n");
    for (size_t size = 0; size < text.size; size++)
        cr_assert_eq(http_try(span_first(text, size)), HTTP_MORE, "%zu", size);
    cr_assert_eq(http_try(text), HTTP_HEAD);
    cr_assert_eq(head.size, text.size);
    struct http_head none = {.scanned = 0};
    cr_assert_eq(http_head_read(&none, span_of(NULL, 0)), HTTP_MORE);
}

Test(http_head, heads_one_after_the_other_are_read_with_the_same_struct)
{
    struct span input =
        http_copy(span_text("GET /a HTTP/1.1\r\nHost: h\r\n\r\nGET /bc HTTP/1.0\r\n\r\nGET /"));
    struct http_head read = {.scanned = 0};
    cr_assert_eq(http_head_read(&read, span_first(input, 20)), HTTP_MORE);
    cr_assert_eq(http_head_read(&read, input), HTTP_HEAD);
    struct span rest = span_skip(input, read.size);
    cr_assert_eq(http_head_read(&read, rest), HTTP_HEAD);
    http_reads(read.path, "/bc");
    cr_assert_eq(read.minor, 0);
    cr_assert_eq(read.field_count, 0);
    cr_assert_null(read.host.data);
    cr_assert_eq(http_head_read(&read, span_skip(rest, read.size)), HTTP_MORE);
    free(input.data);
}

/* ---- line ends: RFC 9112 section 2.2 ---- */

Test(http_head, one_empty_line_may_come_first)
{
    http_takes("\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    cr_assert_eq(head.size, 29);
    http_refuses(400, "\r\n\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    http_refuses(400, "\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
    http_refuses(400, "\r\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n");
}

Test(http_head, lines_end_with_both_bytes)
{
    http_refuses(400, "GET / HTTP/1.1\nHost: h\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\n\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\n\n");
    http_refuses(400, "GET / HTTP/1.1\rHost: h\r\r");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\rc\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\n\rX");
}

Test(http_head, what_cannot_become_a_head_is_refused_before_its_line_ends)
{
    static const char *const beginnings[] = {"\x16\x03\x01", "GET /\n",
                                             "GET / HTTP/1.1\r\nA: b\x7f", "GET /\rx"};
    for (size_t i = 0; i < sizeof beginnings / sizeof *beginnings; i++)
        http_refuses(400, "%s", beginnings[i]);
    cr_assert_eq(http_try(span_of("GET\0", 4)), HTTP_BAD);
}

/* ---- the request line ---- */

Test(http_head, the_request_line_has_three_words)
{
    static const char *const lines[] = {
        "",
        " ",
        "GET",
        "GET ",
        "GET /",
        "GET / ",
        "GET  / HTTP/1.1",
        "GET /  HTTP/1.1",
        "GET / HTTP/1.1 ",
        " GET / HTTP/1.1",
        "GET / / HTTP/1.1",
        "GET HTTP/1.1",
        "GET  HTTP/1.1",
        "/ HTTP/1.1",
        "GET\t/ HTTP/1.1",
        "GET /\tHTTP/1.1",
        "GET / HTTP/1.1\t",
        "G(T / HTTP/1.1",
        "G\xc3\x84T / HTTP/1.1",
        "GET: / HTTP/1.1",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++)
        http_refuses(400, "%s\r\nHost: h\r\n\r\n", lines[i]);
    http_takes("g!#$%%&'*+-.^_`|~9 / HTTP/1.1\r\nHost: h\r\n\r\n");
}

Test(http_head, versions_are_those_of_http_1)
{
    http_takes("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    cr_assert_eq(head.minor, 0);
    http_takes("GET / HTTP/1.2\r\nHost: h\r\n\r\n");
    cr_assert_eq(head.minor, 1);
    http_takes("GET / HTTP/1.9\r\nHost: h\r\n\r\n");
    http_refuses(505, "GET / HTTP/2.0\r\nHost: h\r\n\r\n");
    http_refuses(505, "GET / HTTP/0.9\r\nHost: h\r\n\r\n");
    http_refuses(505, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    static const char *const versions[] = {"http/1.1",  "HTTP/1",    "HTTP/1.",  "HTTP/1,1",
                                           "HTTP/11.1", "HTTP/1.10", "HTTP/a.1", "HTTP/1.a",
                                           "HTTPS/1.1", "SHTP/1.1"};
    for (size_t i = 0; i < sizeof versions / sizeof *versions; i++)
        http_refuses(400, "GET / %s\r\nHost: h\r\n\r\n", versions[i]);
}

/* ---- fields ---- */

Test(http_head, values_come_without_the_blanks_around_them)
{
    http_takes("GET / HTTP/1.1\r\nHost:h\r\nA: \t b \t c\t \r\nB:\r\nC: \t\r\nD:::\r\nE: "
               "\xc3\xa4\r\n\r\n");
    cr_assert_eq(head.field_count, 6);
    http_reads(head.fields[0].value, "h");
    http_reads(head.fields[1].value, "b \t c");
    http_reads(head.fields[2].value, "");
    http_reads(head.fields[3].value, "");
    http_reads(head.fields[4].value, "::");
    http_reads(head.fields[5].value, "\xc3\xa4");
}

Test(http_head, a_field_is_a_name_a_colon_and_a_value)
{
    static const char *const lines[] = {"A",      ": b",    "A : b",       "A\t: b",
                                        "A b: c", "(A): b", "\xc3\x84: b", "A;b: c"};
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        http_refuses(400, "GET / HTTP/1.1\r\n%s\r\nHost: h\r\n\r\n", lines[i]);
        http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\n%s\r\n\r\n", lines[i]);
    }
}

Test(http_head, no_line_begins_with_a_blank)
{
    http_refuses(400, "GET / HTTP/1.1\r\n Host: h\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n c\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\nA: b\r\n\tc: d\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\n \r\n\r\n");
}

/* The letters and marks that RFC 9110 section 5.6.2 names. */
static bool may_be_in_name(int byte)
{
    static const char all[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                              "!#$%&'*+-.^_`|~";
    return memchr(all, byte, sizeof all - 1) != NULL;
}

Test(http_head, each_byte_is_where_it_may_be)
{
    for (int byte = 0; byte < 256; byte++) {
        uint8_t text[] = "GET / HTTP/1.1\r\nHost: h\r\nA?B: c?d\r\n\r\n";
        struct span input = span_of(text, sizeof text - 1);
        uint8_t *in_name = text + 26, *in_value = text + 31;
        cr_assert(*in_name == '?' && *in_value == '?');

        *in_name = 'x';
        *in_value = (uint8_t)byte;
        bool control = (byte < ' ' && byte != '\t') || byte == 0x7f;
        cr_assert_eq(http_try(input), control ? HTTP_BAD : HTTP_HEAD, "value, byte %d", byte);

        *in_value = 'x';
        *in_name = (uint8_t)byte;
        bool good = may_be_in_name(byte) || byte == ':'; /* "A:B: c" is a field A */
        cr_assert_eq(http_try(input), good ? HTTP_HEAD : HTTP_BAD, "name, byte %d", byte);

        *in_name = 'x';
        text[1] = (uint8_t)byte;
        cr_assert_eq(http_try(input), may_be_in_name(byte) ? HTTP_HEAD : HTTP_BAD,
                     "method, byte %d", byte);
    }
}

/* ---- Host: RFC 9112 section 3.2 ---- */

Test(http_head, there_is_exactly_one_host)
{
    http_refuses(400, "GET / HTTP/1.1\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHosts: h\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.1\r\nHost: h\r\nhost: h\r\n\r\n");
    http_refuses(400, "GET / HTTP/1.0\r\nHost: h\r\nHOST: h\r\n\r\n");
    http_refuses(400, "GET http://h/ HTTP/1.1\r\n\r\n");
    http_takes("GET / HTTP/1.1\r\nhOsT: h\r\n\r\n");
    http_reads(head.host, "h");
    http_takes("GET / HTTP/1.0\r\n\r\n");
    cr_assert_null(head.host.data);
    http_takes("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
    http_reads(head.host, "h");
}

Test(http_head, the_host_is_valid)
{
    static const char *const hosts[] = {"",   "a b", "user@h", "http://h",
                                        "h/", "h:x", "[::1",   "h:65536"};
    for (size_t i = 0; i < sizeof hosts / sizeof *hosts; i++) {
        http_refuses(400, "GET / HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
        http_refuses(400, "GET / HTTP/1.0\r\nHost: %s\r\n\r\n", hosts[i]);
        http_refuses(400, "GET http://h/ HTTP/1.1\r\nHost: %s\r\n\r\n", hosts[i]);
    }
}

/* ---- limits ---- */

/* A head of so many bytes. */
static struct span head_of(size_t size)
{
    static const char first[] = "GET / HTTP/1.1\r\nHost: h\r\nCookie: ";
    return http_text("%s%0*d\r\n\r\n", first, (int)(size - (sizeof first - 1) - 4), 0);
}

Test(http_head, a_head_may_have_8192_bytes)
{
    cr_assert_eq(http_try(head_of(HTTP_HEAD_MAX)), HTTP_HEAD);
    cr_assert_eq(head.size, HTTP_HEAD_MAX);
    cr_assert_eq(http_try(head_of(HTTP_HEAD_MAX + 1)), HTTP_TOO_LONG);
    cr_assert_eq(head.status, 431);
    cr_assert_eq(http_try(span_first(head_of(HTTP_HEAD_MAX + 1), HTTP_HEAD_MAX)), HTTP_TOO_LONG);
    cr_assert_eq(http_try(span_first(head_of(HTTP_HEAD_MAX), HTTP_HEAD_MAX - 1)), HTTP_MORE);
}

Test(http_head, a_longer_input_may_follow_a_head)
{
    struct span text = head_of(HTTP_HEAD_MAX);
    memset(text.data + text.size, 'x', 1000);
    cr_assert_eq(http_try(span_of(text.data, text.size + 1000)), HTTP_HEAD);
    cr_assert_eq(head.size, HTTP_HEAD_MAX);
}

Test(http_head, a_request_line_alone_may_be_too_long)
{
    http_refuses(414, "GET /%08200d HTTP/1.1\r\nHost: h\r\n\r\n", 0);
    http_refuses(414, "\r\nGET /%08200d", 0);
    http_refuses(414, "%08192d", 0);
    http_takes("GET /%08000d HTTP/1.1\r\nHost: h\r\n\r\n",
               0); /* RFC 9112 section 3 wants as many */
}

/* A head with so many fields. */
static struct span head_with(int fields)
{
    struct span text = http_text("GET / HTTP/1.1\r\nHost: h\r\n");
    for (int i = 1; i < fields; i++, text.size += 4) memcpy(text.data + text.size, "a:\r\n", 4);
    memcpy(text.data + text.size, "\r\n", 2);
    return span_of(text.data, text.size + 2);
}

Test(http_head, a_head_may_have_64_fields)
{
    cr_assert_eq(http_try(head_with(HTTP_FIELDS_MAX)), HTTP_HEAD);
    cr_assert_eq(head.field_count, HTTP_FIELDS_MAX);
    cr_assert_eq(http_try(head_with(HTTP_FIELDS_MAX + 1)), HTTP_TOO_LONG);
    cr_assert_eq(head.status, 431);
}

/* ---- in pieces ---- */

Test(http_head, what_was_read_is_not_looked_at_again_while_no_line_ends)
{
    uint8_t text[] = "GET / HTTP/1.1\r\nHost: h\r\nCookie: abcdefgh";
    struct http_head read = {.scanned = 0};
    cr_assert_eq(http_head_read(&read, span_of(text, 34)), HTTP_MORE);
    cr_assert_eq(read.scanned, 34);
    text[20] = '\0'; /* would be refused */
    cr_assert_eq(http_head_read(&read, span_of(text, 36)), HTTP_MORE);
    cr_assert_eq(read.scanned, 36);
    text[35] = '\0';
    cr_assert_eq(http_head_read(&read, span_of(text, 38)), HTTP_MORE);
    text[39] = '\0';
    cr_assert_eq(http_head_read(&read, span_of(text, 40)), HTTP_BAD);
}

Test(http_head, of_two_faults_the_first_counts)
{
    http_refuses(505, "GET / HTTP/2.0\r\n\x01\r\n\r\n");
    http_refuses(400, "GET /\x01 HTTP/2.0\r\n\r\n");
    http_refuses(505, "GET / HTTP/3.0\r\nHost: %09000d", 0);
    http_refuses(400, "GET / HTTP/1.1\r\nA\r\nHost: %09000d", 0);
    struct span text = head_with(70);
    memcpy(text.data + text.size, "\x01", 1);
    cr_assert_eq(http_try(span_of(text.data, text.size + 1)), HTTP_TOO_LONG);
}

/* ---- at random ---- */

struct draw {
    uint64_t state;
    struct span text;
};

static uint32_t below(struct draw *draw, uint32_t limit)
{
    return (uint32_t)(random_next(&draw->state) % limit);
}

/* A word of these characters, appended. Returns where it is. */
static struct span add_word(struct draw *draw, const char *characters, uint32_t least,
                            uint32_t most)
{
    uint32_t size = least + below(draw, most - least + 1);
    struct span word = span_of(draw->text.data + draw->text.size, size);
    for (uint32_t i = 0; i < size; i++)
        word.data[i] = (uint8_t)characters[below(draw, (uint32_t)strlen(characters))];
    draw->text.size += size;
    return word;
}

static void add(struct draw *draw, const char *text)
{
    memcpy(draw->text.data + draw->text.size, text, strlen(text));
    draw->text.size += strlen(text);
}

/* A valid head, and what is in it. */
static void draw_head(struct draw *draw, struct http_head *drawn)
{
    static uint8_t room[4096];
    draw->text = span_of(room, 0);
    if (below(draw, 4) == 0) add(draw, "\r\n");
    drawn->method = add_word(draw, "GETPUS-_", 1, 7);
    add(draw, " ");
    drawn->path = span_of(room + draw->text.size, 1);
    add(draw, "/");
    drawn->path.size += add_word(draw, "ab/.;=+{|~[", 0, 12).size;
    drawn->query = span_of(NULL, 0);
    if (below(draw, 2) == 0) {
        add(draw, "?");
        drawn->query = add_word(draw, "ab/?&=+'\\", 0, 12);
    }
    drawn->minor = (uint8_t)below(draw, 2);
    add(draw, drawn->minor == 0 ? " HTTP/1.0\r\n" : " HTTP/1.1\r\n");
    drawn->field_count = 1 + below(draw, 6);
    uint32_t host = below(draw, drawn->field_count);
    for (uint32_t i = 0; i < drawn->field_count; i++) {
        struct http_field *field = &drawn->fields[i];
        field->name = span_of(room + draw->text.size, 4);
        if (i == host)
            add(draw, "HoSt");
        else
            field->name = add_word(draw, "abcXYZ-_~9", 1, 9);
        add(draw, ":");
        add_word(draw, " \t", 0, 3);
        field->value = add_word(draw, i == host ? "ab1.-" : "ab,;:\"\xe4(", 1, 9);
        if (i == host) drawn->host = field->value;
        add_word(draw, " \t", 0, 3);
        add(draw, "\r\n");
    }
    add(draw, "\r\n");
    drawn->size = draw->text.size;
    add_word(draw, "GET / \r\n\x01", 0, 5);
}

Test(http_head, random_heads_are_read_as_they_were_written)
{
    const uint64_t seed = 20241;
    struct draw draw = {.state = seed};
    static struct http_head drawn;
    for (int round = 0; round < 3000; round++) {
        draw_head(&draw, &drawn);
        enum http_verdict verdict = http_try(draw.text);
        cr_assert_eq(verdict, HTTP_HEAD, "seed %" PRIu64 " round %d: %.*s", seed, round,
                     (int)draw.text.size, (const char *)draw.text.data);
        bool same = same_part(head.method, drawn.method) && same_part(head.path, drawn.path) &&
                    same_part(head.query, drawn.query) && same_part(head.host, drawn.host) &&
                    head.minor == drawn.minor && head.size == drawn.size &&
                    head.field_count == drawn.field_count;
        for (uint32_t i = 0; same && i < drawn.field_count; i++)
            same = same_part(head.fields[i].name, drawn.fields[i].name) &&
                   same_part(head.fields[i].value, drawn.fields[i].value);
        cr_assert(same, "seed %" PRIu64 " round %d: %.*s", seed, round, (int)draw.text.size,
                  (const char *)draw.text.data);
    }
}

Test(http_head, random_mutations_are_judged_the_same_in_all_pieces)
{
    const uint64_t seed = 92117;
    struct draw draw = {.state = seed};
    static struct http_head drawn;
    int verdicts[4] = {0};
    for (int round = 0; round < 20000; round++) {
        draw_head(&draw, &drawn);
        for (uint32_t i = below(&draw, 3) + 1; i != 0; i--)
            draw.text.data[below(&draw, (uint32_t)draw.text.size)] =
                (uint8_t) "\r\n \t:/?%\x01\x7f\xff"
                          "0A@"[below(&draw, 14)];
        draw.text.size -= below(&draw, 8) == 0 ? below(&draw, (uint32_t)draw.text.size) : 0;
        struct http_head read = {.scanned = 0};
        enum http_verdict verdict = http_head_read(&read, draw.text);
        head = read;
        http_try_slowly(draw.text, verdict, 1 + below(&draw, 9));
        verdicts[verdict]++;
    }
    /* It has seen some of each kind. */
    cr_assert(verdicts[HTTP_MORE] > 500 && verdicts[HTTP_HEAD] > 500 && verdicts[HTTP_BAD] > 500,
              "seed %" PRIu64 ": %d %d %d", seed, verdicts[HTTP_MORE], verdicts[HTTP_HEAD],
              verdicts[HTTP_BAD]);
}

Test(http_head, a_control_byte_is_refused_anywhere)
{
    const uint64_t seed = 5150;
    struct draw draw = {.state = seed};
    static struct http_head drawn;
    for (int round = 0; round < 2000; round++) {
        draw_head(&draw, &drawn);
        size_t at = below(&draw, (uint32_t)drawn.size);
        draw.text.data[at] = (uint8_t)(below(&draw, 8) == 0 ? 0x7f : below(&draw, 9));
        cr_assert_eq(http_try(draw.text), HTTP_BAD, "seed %" PRIu64 " round %d", seed, round);
        cr_assert_eq(head.status, 400);
    }
}
