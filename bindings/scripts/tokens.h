/* tokens.h - cuts Lua source into tokens, those of Lua 5.4 and of LuaJIT alike. Pure; allocates
 * nothing, and its spans point into the text. Any bytes are safe to read. */
#ifndef MOONPORT_TOKENS_H
#define MOONPORT_TOKENS_H

#include "base/span.h"

#include <stdbool.h>

enum token_kind {
    TOKEN_END,
    TOKEN_NAME, /* also `goto`, which in LuaJIT is a name if no label follows */
    TOKEN_SIGN, /* operators, brackets and reserved words: their text tells them apart */
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_WRONG, /* no token begins like this; tokens after it are unreliable */
};

struct token {
    enum token_kind kind;
    uint32_t line; /* on which it begins, from 1, counted as in Lua's messages */
    struct span text;
};

struct tokens {
    struct span rest;
    uint32_t line;
};

/* Skips a byte order mark, and a first line that begins with #. As in luaL_loadfile, only a line feed ends that
 * line. */
void tokens_init(struct tokens *tokens, struct span code);

/* Returns the next token; after the last one, TOKEN_END again and again. */
struct token tokens_next(struct tokens *tokens);

/* Is it this operator, bracket or reserved word? */
bool token_is(const struct token *token, const char *sign);

#endif
