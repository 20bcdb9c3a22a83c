/* tokens.h - cuts Lua source into tokens, those of Lua 5.4 and of LuaJIT alike. Pure; allocates
 * nothing, and its spans point into the text. Any bytes are safe to read. */
#ifndef MOONPORT_TOKENS_H
#define MOONPORT_TOKENS_H

#include "base/span.h"

#include <stdbool.h>

enum token_kind {
    TOKEN_END,
    TOKEN_NAME, /* also `goto`, which LuaJIT takes for a name where no label follows */
    TOKEN_SIGN, /* operators, brackets and reserved words: their text tells them apart */
    TOKEN_NUMBER,
    TOKEN_STRING,
    TOKEN_WRONG, /* no Lua begins like this; nor is what follows to be trusted */
};

struct token {
    enum token_kind kind;
    uint32_t line; /* on which it begins, from 1, counted like Lua's own messages do */
    struct span text;
};

struct tokens {
    struct span rest;
    uint32_t line;
};

/* A byte order mark, and a first line that begins with #, are no part of the source. As with
 * luaL_loadfile that line ends only with a line feed. */
void tokens_init(struct tokens *tokens, struct span code);

/* The next one; behind the last, TOKEN_END as often as asked. */
struct token tokens_next(struct tokens *tokens);

/* Whether it is this operator, bracket or reserved word. */
bool token_is(const struct token *token, const char *sign);

#endif
