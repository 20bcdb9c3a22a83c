#include "random.h"
#include "scripts/tokens.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/* A copy that ends where its memory does, so that a sanitizer sees a step beyond it. */
static struct span exact(const void *data, size_t size)
{
    uint8_t *copy = malloc(size != 0 ? size : 1);
    if (size != 0) memcpy(copy, data, size);
    return span_of(copy, size);
}

/* Each as its line, the first letter of its kind and its text: "1N:print 1S:( 1T:'x' 1S:)". */
static void cut(struct span code, char *said, size_t room)
{
    size_t size = 0;
    struct tokens tokens;
    struct token token;
    tokens_init(&tokens, code);
    said[0] = '\0';
    do {
        token = tokens_next(&tokens);
        if (token.kind == TOKEN_END) break;
        int written = snprintf(said + size, room - size, "%s%" PRIu32 "%c:%.*s",
                               size == 0 ? "" : " ", token.line, "ENS#TW"[token.kind],
                               (int)token.text.size, (const char *)token.text.data);
        size += (size_t)written;
        cr_assert(size < room);
    } while (token.kind != TOKEN_WRONG);
}

static void is_cut(const char *code, const char *expected)
{
    char said[1024];
    struct span copy = exact(code, strlen(code));
    cut(copy, said, sizeof said);
    cr_assert_str_eq(said, expected, "\"%s\" became \"%s\"", code, said);
    free(copy.data);
}

Test(tokens, names_are_told_from_reserved_words)
{
    is_cut("and _and And x1 end", "1S:and 1N:_and 1N:And 1N:x1 1S:end");
    is_cut("ends en d3", "1N:ends 1N:en 1N:d3");
    is_cut("goto caf\xc3\xa9", "1N:goto 1N:caf\xc3\xa9");
}

Test(tokens, the_longest_operator_is_taken)
{
    is_cut("a...b..c.d", "1N:a 1S:... 1N:b 1S:.. 1N:c 1S:. 1N:d");
    is_cut("<<=>>=<=>=", "1S:<< 1S:= 1S:>> 1S:= 1S:<= 1S:>=");
    is_cut("//~=~===/:::", "1S:// 1S:~= 1S:~= 1S:== 1S:/ 1S::: 1S::");
    is_cut("+-*%^#&|(){}[];,", "1S:+ 1S:- 1S:* 1S:% 1S:^ 1S:# 1S:& 1S:| 1S:( 1S:) 1S:{ 1S:} 1S:[ "
                               "1S:] 1S:; 1S:,");
}

Test(tokens, numbers_end_where_lua_ends_them)
{
    is_cut("0 12 .5 3. 3.14e-2 1E+5", "1#:0 1#:12 1#:.5 1#:3. 1#:3.14e-2 1#:1E+5");
    is_cut("0xff 0x1p4 0X.8P-3 0xA.+1", "1#:0xff 1#:0x1p4 1#:0X.8P-3 1#:0xA. 1S:+ 1#:1");
    is_cut("0x1e+5", "1#:0x1e 1S:+ 1#:5");
    is_cut("1LL 0x7fULL 2i 3e1i", "1#:1LL 1#:0x7fULL 1#:2i 1#:3e1i");
    is_cut("1-2 1+x", "1#:1 1S:- 1#:2 1#:1 1S:+ 1N:x");
    is_cut("1 ..2", "1#:1 1S:.. 1#:2");
    is_cut("1..2", "1#:1..2"); /* both Luas call it a malformed number */
}

Test(tokens, strings_end_at_their_own_quote)
{
    is_cut("'a\"b' \"c'd\" ''x", "1T:'a\"b' 1T:\"c'd\" 1T:'' 1N:x");
    is_cut("'it\\'s' '\\\\'x", "1T:'it\\'s' 1T:'\\\\' 1N:x");
    is_cut("'\\x41\\65\\u{7a}\\n'x", "1T:'\\x41\\65\\u{7a}\\n' 1N:x");
}

Test(tokens, a_string_goes_on_behind_an_escaped_end_of_line)
{
    is_cut("'a\\\nb' x", "1T:'a\\\nb' 2N:x");
    is_cut("'a\\\r\nb' x", "1T:'a\\\r\nb' 2N:x");
    is_cut("'a\\z \n\t\n b' x", "1T:'a\\z \n\t\n b' 3N:x");
    is_cut("'\\z' x", "1T:'\\z' 1N:x");
}

Test(tokens, a_long_bracket_ends_at_its_own_level)
{
    is_cut("[[a]b]] x", "1T:[[a]b]] 1N:x");
    is_cut("[==[a]]b]=]\n]==]x", "1T:[==[a]]b]=]\n]==] 2N:x");
    is_cut("[=[]]=]=]x", "1T:[=[]]=] 1S:= 1S:] 1N:x");
    is_cut("a[b[1]]", "1N:a 1S:[ 1N:b 1S:[ 1#:1 1S:] 1S:]");
    is_cut("[=a", "1S:[ 1S:= 1N:a");
}

Test(tokens, comments_are_skipped)
{
    is_cut("a -- b\nc --", "1N:a 2N:c");
    is_cut("a --[[ b\n]] c", "1N:a 2N:c");
    is_cut("a --[==[ ]] \n ]==]c", "1N:a 2N:c");
    is_cut("a --[=b\nc", "1N:a 2N:c");
    is_cut("a -- [[ b\nc", "1N:a 2N:c");
    is_cut("a - -b", "1N:a 1S:- 1S:- 1N:b");
}

Test(tokens, lines_are_counted_for_every_kind_of_end)
{
    is_cut("a\nb\r\nc\rd\n\re\n\nf\r\rg", "1N:a 2N:b 3N:c 4N:d 5N:e 7N:f 9N:g");
    is_cut(" \t\v\fa", "1N:a");
}

Test(tokens, a_mark_and_a_line_for_the_shell_are_skipped)
{
    is_cut("\xef\xbb\xbfx", "1N:x");
    is_cut("#!/usr/bin/lua [[\nx", "2N:x");
    is_cut("\xef\xbb\xbf#!lua\r\nx", "2N:x");
    is_cut("# nothing else", "");
    is_cut("#!lua\rx\ny", "2N:y");
    is_cut("\n#x", "2S:# 2N:x");
}

Test(tokens, what_does_not_end_or_begin_is_wrong)
{
    is_cut("a 'b", "1N:a 1W:'b");
    is_cut("a 'b\nc'", "1N:a 1W:'b");
    is_cut("'a\\", "1W:'a\\");
    is_cut("'a\\z ", "1W:'a\\z ");
    is_cut("a [[b]", "1N:a 1W:[[b]");
    is_cut("a --[[b]", "1N:a 1W:");
    is_cut("a !b", "1N:a 1W:");
    is_cut("a @", "1N:a 1W:");
    is_cut("\x01", "1W:");
}

Test(tokens, a_zero_byte_is_no_token_but_may_be_in_a_string)
{
    struct tokens tokens;
    struct span code = exact("'\0' --\0\n\0", 9);
    tokens_init(&tokens, code);
    struct token string = tokens_next(&tokens), zero = tokens_next(&tokens);
    cr_assert_eq(string.kind, TOKEN_STRING);
    cr_assert_eq(string.text.size, 3);
    cr_assert_eq(zero.kind, TOKEN_WRONG);
    cr_assert_eq(zero.line, 2);
    free(code.data);
}

Test(tokens, the_end_stays_the_end)
{
    struct tokens tokens;
    tokens_init(&tokens, span_text(" "));
    for (int i = 0; i < 3; i++) cr_assert_eq(tokens_next(&tokens).kind, TOKEN_END);
    tokens_init(&tokens, span_of(NULL, 0));
    cr_assert_eq(tokens_next(&tokens).kind, TOKEN_END);
}

Test(tokens, a_sign_is_no_string_that_says_the_same)
{
    struct tokens tokens;
    tokens_init(&tokens, span_text("end ends 'end'"));
    struct token sign = tokens_next(&tokens), name = tokens_next(&tokens);
    struct token string = tokens_next(&tokens);
    cr_assert(token_is(&sign, "end"));
    cr_assert_not(token_is(&sign, "en"));
    cr_assert_not(token_is(&name, "ends"));
    cr_assert_not(token_is(&string, "'end'"));
}

Test(tokens, of_any_bytes_every_token_is_a_part_and_moves_on)
{
    static const char likely[] = "[[]]==--''\"\\\\z\n\r.0xep+<>~:a\xef\xbb\xbf# ";
    const uint64_t seed = 50401;
    uint64_t state = seed;
    for (int round = 0; round < 20000; round++) {
        uint8_t bytes[40];
        size_t size = random_next(&state) % (sizeof bytes + 1);
        for (size_t i = 0; i < size; i++) {
            uint64_t random = random_next(&state);
            bytes[i] = random % 16 == 0 ? (uint8_t)(random >> 8)
                                        : (uint8_t)likely[(random >> 8) % (sizeof likely - 1)];
        }
        struct span code = exact(bytes, size);
        struct tokens tokens;
        tokens_init(&tokens, code);
        const uint8_t *behind = code.data;
        for (;;) {
            struct token token = tokens_next(&tokens);
            cr_assert(token.text.data >= behind, "seed %" PRIu64 " round %d", seed, round);
            behind = token.text.data + token.text.size;
            cr_assert(behind <= code.data + size, "seed %" PRIu64 " round %d", seed, round);
            if (token.kind == TOKEN_END || token.kind == TOKEN_WRONG) break;
            cr_assert(token.text.size != 0, "seed %" PRIu64 " round %d", seed, round);
        }
        free(code.data);
    }
}
