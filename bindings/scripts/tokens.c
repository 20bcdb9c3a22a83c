#include "scripts/tokens.h"

/* Not the functions of <ctype.h>, which follow the locale; Lua's source does not. */
static bool digit(int byte)
{
    return byte >= '0' && byte <= '9';
}

/* In LuaJIT, names may have bytes beyond ASCII. */
static bool name_byte(int byte)
{
    return digit(byte) || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           byte == '_' || byte >= 0x80;
}

static bool line_end(int byte)
{
    return byte == '\n' || byte == '\r';
}

static bool blank(int byte)
{
    return line_end(byte) || byte == ' ' || byte == '\t' || byte == '\v' || byte == '\f';
}

/* -1: the place is after the end. */
static int byte_at(const struct tokens *tokens, size_t place)
{
    return place < tokens->rest.size ? tokens->rest.data[place] : -1;
}

static void skip(struct tokens *tokens, size_t size)
{
    tokens->rest = span_skip(tokens->rest, size);
}

/* Takes one byte, or one line end; CR LF and LF CR count as one. Does nothing at the end of the text. */
static void take(struct tokens *tokens)
{
    int byte = byte_at(tokens, 0), next = byte_at(tokens, 1);
    if (byte == -1) return;
    tokens->line += line_end(byte);
    skip(tokens, line_end(byte) && line_end(next) && next != byte ? 2 : 1);
}

static void skip_line(struct tokens *tokens)
{
    while (tokens->rest.size != 0 && !line_end(byte_at(tokens, 0))) take(tokens);
}

/* The size of the long bracket that opens here, such as [[ or [==[; 0: none does. */
static size_t long_bracket(const struct tokens *tokens)
{
    size_t size = 1;
    if (byte_at(tokens, 0) != '[') return 0;
    while (byte_at(tokens, size) == '=') size++;
    return byte_at(tokens, size) == '[' ? size + 1 : 0;
}

/* Skips past the bracket that closes one of this size. False: there is none. */
static bool skip_long(struct tokens *tokens, size_t bracket)
{
    skip(tokens, bracket);
    while (tokens->rest.size != 0) {
        size_t size = 1;
        if (byte_at(tokens, 0) == ']') {
            while (byte_at(tokens, size) == '=') size++;
            if (byte_at(tokens, size) == ']' && size + 1 == bracket) {
                skip(tokens, bracket);
                return true;
            }
        }
        take(tokens);
    }
    return false;
}

/* False if a long comment does not end. */
static bool skip_blanks(struct tokens *tokens)
{
    for (;;) {
        if (blank(byte_at(tokens, 0))) {
            take(tokens);
        } else if (byte_at(tokens, 0) == '-' && byte_at(tokens, 1) == '-') {
            skip(tokens, 2);
            size_t bracket = long_bracket(tokens);
            if (bracket == 0)
                skip_line(tokens);
            else if (!skip_long(tokens, bracket))
                return false;
        } else {
            return true;
        }
    }
}

/* Skips a string. False: it does not end on its line, or on one that an escape continues it to. */
static bool skip_string(struct tokens *tokens)
{
    int quote = byte_at(tokens, 0), byte;
    skip(tokens, 1);
    while ((byte = byte_at(tokens, 0)) != -1 && !line_end(byte)) {
        take(tokens);
        if (byte == quote) return true;
        if (byte != '\\') continue;
        bool gap = byte_at(tokens, 0) == 'z';
        take(tokens);
        while (gap && blank(byte_at(tokens, 0))) take(tokens);
    }
    return false;
}

/* Both versions of Lua read all that looks a little like a number, even 1..2, and only then complain. */
static void skip_number(struct tokens *tokens)
{
    bool hexadecimal = byte_at(tokens, 0) == '0' && (byte_at(tokens, 1) | 0x20) == 'x';
    bool may_have_sign = false;
    for (;;) {
        int byte = byte_at(tokens, 0);
        bool sign = may_have_sign && (byte == '+' || byte == '-');
        if (!sign && !name_byte(byte) && byte != '.') return;
        may_have_sign = (byte | 0x20) == (hexadecimal ? 'p' : 'e');
        skip(tokens, 1);
    }
}

static bool same(struct span text, const char *other)
{
    return text.size == strlen(other) && memcmp(text.data, other, text.size) == 0;
}

static bool reserved(struct span name)
{
    static const char *const words[] = {
        "and", "break",    "do",     "else", "elseif", "end",   "false",
        "for", "function", "if",     "in",   "local",  "nil",   "not",
        "or",  "repeat",   "return", "then", "true",   "until", "while",
    };
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (same(name, words[i])) return true;
    return false;
}

/* The size of the operator or bracket at the front; 0: there is none. */
static size_t sign_size(struct span text)
{
    static const char *const longer[] = {
        "...", "..", "==", "~=", "<=", ">=", "//", "::", "<<", ">>",
    };
    for (size_t i = 0; i < sizeof longer / sizeof *longer; i++)
        if (same(span_first(text, strlen(longer[i])), longer[i])) return strlen(longer[i]);
    return text.data[0] != '\0' && strchr("+-*/%^#&~|<>=(){}[];:,.", text.data[0]) != NULL;
}

/* Skips the token at the front, which is not at the end of the text. */
static enum token_kind skip_token(struct tokens *tokens)
{
    struct span text = tokens->rest;
    int byte = byte_at(tokens, 0);
    if (digit(byte) || (byte == '.' && digit(byte_at(tokens, 1)))) {
        skip_number(tokens);
        return TOKEN_NUMBER;
    }
    if (name_byte(byte)) {
        while (name_byte(byte_at(tokens, 0))) skip(tokens, 1);
        return reserved(span_first(text, text.size - tokens->rest.size)) ? TOKEN_SIGN : TOKEN_NAME;
    }
    if (byte == '"' || byte == '\'') return skip_string(tokens) ? TOKEN_STRING : TOKEN_WRONG;

    size_t bracket = long_bracket(tokens);
    if (bracket != 0) return skip_long(tokens, bracket) ? TOKEN_STRING : TOKEN_WRONG;
    size_t size = sign_size(text);
    skip(tokens, size);
    return size != 0 ? TOKEN_SIGN : TOKEN_WRONG;
}

void tokens_init(struct tokens *tokens, struct span code)
{
    *tokens = (struct tokens){.rest = code, .line = 1};
    if (same(span_first(code, 3), "\xef\xbb\xbf")) skip(tokens, 3);
    if (byte_at(tokens, 0) != '#') return;
    while (tokens->rest.size != 0 && byte_at(tokens, 0) != '\n') skip(tokens, 1);
}

struct token tokens_next(struct tokens *tokens)
{
    bool right = skip_blanks(tokens);
    struct token token = {.kind = TOKEN_END, .line = tokens->line, .text = tokens->rest};
    if (tokens->rest.size != 0) token.kind = skip_token(tokens);
    if (!right) token.kind = TOKEN_WRONG;
    token.text.size -= tokens->rest.size;
    return token;
}

bool token_is(const struct token *token, const char *sign)
{
    return token->kind == TOKEN_SIGN && same(token->text, sign);
}
