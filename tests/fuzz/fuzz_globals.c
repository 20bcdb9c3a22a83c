/* The text of a script, as it is looked through before it runs: cut into tokens, searched for
 * globals. What Lua itself compiles must be understood to its end.
 *
 *     input:  the text
 */
#include "scripts/globals.h"

#include "fuzz_source.h"
#include "lua/compat.h"
#include "scripts/tokens.h"

/* Every token lies in the text, behind the one before it; only the end is empty, and stays. */
static void check_tokens(struct span text)
{
    struct tokens tokens;
    struct token token;
    const uint8_t *before = text.data, *end = text.data + text.size;
    uint32_t line = 1;
    tokens_init(&tokens, text);
    do {
        token = tokens_next(&tokens);
        check(token.text.data >= before);
        check(token.text.size <= (size_t)(end - token.text.data));
        check(token.line >= line);
        check(token.text.size != 0 || token.kind == TOKEN_END || token.kind == TOKEN_WRONG);
        before = token.text.data + token.text.size;
        line = token.line;
    } while (token.kind != TOKEN_END && token.kind != TOKEN_WRONG);
    if (token.kind == TOKEN_END) check(tokens_next(&tokens).kind == TOKEN_END);
}

struct seen {
    struct span text;
    const uint8_t *before; /* the end of the last one */
    uint32_t line;
};

static void found(void *context, const struct global *global)
{
    struct seen *seen = context;
    check(global->name.size != 0);
    check(global->name.data >= seen->before);
    check(global->name.data + global->name.size <= seen->text.data + seen->text.size);
    check(global->line >= seen->line);
    seen->before = global->name.data + global->name.size;
    seen->line = global->line;
}

static bool compiles(const struct source_file *file)
{
    struct span code = source_code(file);
    lua_State *L = luaL_newstate(); /* not kept: that would look like a leak, and be slow */
    check(L != NULL);
    check(code.size <= file->text.size);
    int status = luaL_loadbufferx(L, (const char *)code.data, code.size, "=fuzzed", "t");
    lua_close(L);
    return status == LUA_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_source made;
    fuzz_source_open(&made, "main.lua", span_of(data, size));
    struct span text = made.file.text;
    struct seen seen = {.text = text, .before = text.data, .line = 1};
    check_tokens(text);
    bool understood = globals_find(text, found, &seen);
    if (compiles(&made.file)) check(understood);
    fuzz_source_close(&made);
    return 0;
}
