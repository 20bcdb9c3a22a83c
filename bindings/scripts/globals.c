#include "scripts/globals.h"

#include "base/check.h"
#include "scripts/tokens.h"

/* Lua itself allows 200 levels, and 200 locals in each function. */
enum { DEPTH_MAX = 250, LOCALS_MAX = 2000 };

struct local {
    struct span name;
    bool visible; /* not yet in `x` of its own `local x = x` */
};

struct reader {
    struct tokens tokens;
    struct token now, ahead;
    struct local locals[LOCALS_MAX]; /* in scope, of all enclosing functions, outermost first */
    size_t locals_count;
    int depth;
    bool stopped; /* no tokens follow, so that everything returns */
    void (*found)(void *context, const struct global *global);
    void *context;
};

static void read_expression(struct reader *reader);
static void read_statements(struct reader *reader);

static void stop(struct reader *reader)
{
    reader->stopped = true;
    reader->now.kind = reader->ahead.kind = TOKEN_END;
}

static void advance(struct reader *reader)
{
    if (reader->stopped) return;
    reader->now = reader->ahead;
    reader->ahead = tokens_next(&reader->tokens);
    if (reader->now.kind == TOKEN_WRONG) stop(reader);
}

static bool at(const struct reader *reader, const char *sign)
{
    return token_is(&reader->now, sign);
}

static bool accept(struct reader *reader, const char *sign)
{
    bool accepted = at(reader, sign);
    if (accepted) advance(reader);
    return accepted;
}

static void expect(struct reader *reader, const char *sign)
{
    if (!accept(reader, sign)) stop(reader);
}

static void expect_name(struct reader *reader)
{
    if (reader->now.kind == TOKEN_NAME)
        advance(reader);
    else
        stop(reader);
}

/* Every recursion goes through here; false: it is too deep. */
static bool enter(struct reader *reader)
{
    if (reader->depth == DEPTH_MAX) stop(reader);
    if (reader->stopped) return false;
    reader->depth++;
    return true;
}

static void leave(struct reader *reader)
{
    check(reader->depth > 0);
    reader->depth--;
}

/* A local that is not visible before reveal(). */
static void declare(struct reader *reader, struct span name)
{
    if (reader->locals_count == LOCALS_MAX) return stop(reader);
    reader->locals[reader->locals_count++] = (struct local){.name = name};
}

static void declare_name(struct reader *reader)
{
    struct span name = reader->now.text;
    expect_name(reader);
    if (!reader->stopped) declare(reader, name);
}

static void reveal(struct reader *reader, size_t first)
{
    for (size_t i = first; i < reader->locals_count; i++) reader->locals[i].visible = true;
}

static void forget(struct reader *reader, size_t first)
{
    check(first <= reader->locals_count);
    reader->locals_count = first;
}

static bool same(struct span one, struct span other)
{
    return one.size == other.size && memcmp(one.data, other.data, one.size) == 0;
}

static bool local(const struct reader *reader, struct span name)
{
    for (size_t i = 0; i < reader->locals_count; i++)
        if (reader->locals[i].visible && same(reader->locals[i].name, name)) return true;
    return false;
}

/* Where a local _ENV is in scope, names are its fields. */
static void use_name(struct reader *reader, enum global_use use)
{
    const struct global global = {reader->now.text, reader->now.line, use};
    struct span environment = span_text("_ENV");
    if (reader->now.kind == TOKEN_NAME && !same(global.name, environment) &&
        !local(reader, global.name) && !local(reader, environment))
        reader->found(reader->context, &global);
    expect_name(reader);
}

/* Reads a block after do, then, else or a function's parameters, up to its `end` or the like. */
static void read_block(struct reader *reader)
{
    size_t outer = reader->locals_count;
    read_statements(reader);
    forget(reader, outer);
}

static void read_list(struct reader *reader)
{
    do read_expression(reader);
    while (accept(reader, ","));
}

/* Reads a function from its parameters on. */
static void read_function_body(struct reader *reader, bool method)
{
    size_t outer = reader->locals_count;
    if (method) declare(reader, span_text("self"));
    expect(reader, "(");
    while (!reader->stopped && !at(reader, ")")) {
        if (!accept(reader, "...")) declare_name(reader);
        if (!accept(reader, ",")) break;
    }
    expect(reader, ")");
    reveal(reader, outer);
    read_block(reader);
    expect(reader, "end");
    forget(reader, outer);
}

static void read_table(struct reader *reader)
{
    expect(reader, "{");
    while (!reader->stopped && !at(reader, "}")) {
        if (accept(reader, "[")) {
            read_expression(reader);
            expect(reader, "]");
            expect(reader, "=");
        } else if (reader->now.kind == TOKEN_NAME && token_is(&reader->ahead, "=")) {
            advance(reader);
            advance(reader);
        }
        read_expression(reader);
        if (!accept(reader, ",") && !accept(reader, ";")) break;
    }
    expect(reader, "}");
}

/* Reads a name or parentheses, with the fields, indices and calls after it. */
static void read_suffixed(struct reader *reader)
{
    if (accept(reader, "(")) {
        read_expression(reader);
        expect(reader, ")");
    } else {
        use_name(reader, GLOBAL_READ);
    }
    while (!reader->stopped) {
        if (accept(reader, ".") || accept(reader, ":")) {
            expect_name(reader);
        } else if (accept(reader, "[")) {
            read_expression(reader);
            expect(reader, "]");
        } else if (accept(reader, "(")) {
            if (!at(reader, ")")) read_list(reader);
            expect(reader, ")");
        } else if (at(reader, "{")) {
            read_table(reader);
        } else if (reader->now.kind == TOKEN_STRING) {
            advance(reader);
        } else {
            return;
        }
    }
}

static bool accept_any(struct reader *reader, const char *const *signs, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (accept(reader, signs[i])) return true;
    return false;
}

static bool accept_constant(struct reader *reader)
{
    static const char *const words[] = {"nil", "true", "false", "..."};
    bool literal = reader->now.kind == TOKEN_NUMBER || reader->now.kind == TOKEN_STRING;
    if (literal) advance(reader);
    return literal || accept_any(reader, words, sizeof words / sizeof *words);
}

static bool accept_unary(struct reader *reader)
{
    static const char *const signs[] = {"not", "-", "#", "~"};
    return accept_any(reader, signs, sizeof signs / sizeof *signs);
}

static bool accept_binary(struct reader *reader)
{
    static const char *const signs[] = {
        "..", "==", "and", "or", "+", "-", "*",  "/",  "<", "~=", ">",
        "<=", ">=", "%",   "^",  "&", "|", "//", "<<", "~", ">>",
    };
    return accept_any(reader, signs, sizeof signs / sizeof *signs);
}

/* Precedence of operators makes no difference to the names. */
static void read_expression(struct reader *reader)
{
    if (!enter(reader)) return;
    do {
        while (accept_unary(reader)) continue;
        if (accept(reader, "function"))
            read_function_body(reader, false);
        else if (at(reader, "{"))
            read_table(reader);
        else if (!accept_constant(reader))
            read_suffixed(reader);
    } while (accept_binary(reader));
    leave(reader);
}

static void read_do(struct reader *reader)
{
    read_block(reader);
    expect(reader, "end");
}

static void read_while(struct reader *reader)
{
    read_expression(reader);
    expect(reader, "do");
    read_do(reader);
}

static void read_if(struct reader *reader)
{
    do {
        read_expression(reader);
        expect(reader, "then");
        read_block(reader);
    } while (accept(reader, "elseif"));
    if (accept(reader, "else")) read_block(reader);
    expect(reader, "end");
}

/* The condition sees the locals of the body. */
static void read_repeat(struct reader *reader)
{
    size_t outer = reader->locals_count;
    read_statements(reader);
    expect(reader, "until");
    read_expression(reader);
    forget(reader, outer);
}

static void read_for(struct reader *reader)
{
    size_t outer = reader->locals_count;
    do declare_name(reader);
    while (accept(reader, ","));
    if (!accept(reader, "=")) expect(reader, "in");
    read_list(reader);
    expect(reader, "do");
    reveal(reader, outer);
    read_do(reader);
    forget(reader, outer);
}

static void read_function(struct reader *reader)
{
    bool field = token_is(&reader->ahead, ".") || token_is(&reader->ahead, ":");
    use_name(reader, field ? GLOBAL_READ : GLOBAL_WRITE);
    while (accept(reader, ".")) expect_name(reader);
    bool method = accept(reader, ":");
    if (method) expect_name(reader);
    read_function_body(reader, method);
}

static void read_local(struct reader *reader)
{
    size_t first = reader->locals_count;
    if (accept(reader, "function")) {
        declare_name(reader);
        reveal(reader, first);
        return read_function_body(reader, false);
    }
    do {
        declare_name(reader);
        if (!accept(reader, "<")) continue;
        expect_name(reader); /* const or close */
        expect(reader, ">");
    } while (accept(reader, ","));
    if (accept(reader, "=")) read_list(reader);
    reveal(reader, first);
}

static bool block_ends(const struct reader *reader)
{
    return reader->now.kind == TOKEN_END || at(reader, "end") || at(reader, "else") ||
           at(reader, "elseif") || at(reader, "until");
}

static void read_return(struct reader *reader)
{
    if (!block_ends(reader) && !at(reader, ";")) read_list(reader);
}

static void read_label(struct reader *reader)
{
    expect_name(reader);
    expect(reader, "::");
}

static void read_nothing(struct reader *reader)
{
    (void)reader;
}

/* Reads a call or an assignment. */
static void read_expressions(struct reader *reader)
{
    do {
        bool name = reader->now.kind == TOKEN_NAME;
        if (name && (token_is(&reader->ahead, "=") || token_is(&reader->ahead, ",")))
            use_name(reader, GLOBAL_WRITE);
        else
            read_suffixed(reader);
    } while (accept(reader, ","));
    if (accept(reader, "=")) read_list(reader);
}

static void read_statement(struct reader *reader)
{
    static const struct {
        const char *begin;
        void (*read)(struct reader *reader); /* what follows */
    } statements[] = {
        {"local", read_local},   {"if", read_if},         {"return", read_return},
        {"for", read_for},       {"while", read_while},   {"function", read_function},
        {"do", read_do},         {"repeat", read_repeat}, {"::", read_label},
        {"break", read_nothing}, {";", read_nothing},
    };
    for (size_t i = 0; i < sizeof statements / sizeof *statements; i++)
        if (accept(reader, statements[i].begin)) return statements[i].read(reader);

    bool jump = same(reader->now.text, span_text("goto")) && reader->ahead.kind == TOKEN_NAME;
    if (!jump) return read_expressions(reader);
    advance(reader);
    expect_name(reader);
}

static void read_statements(struct reader *reader)
{
    if (!enter(reader)) return;
    while (!block_ends(reader)) read_statement(reader);
    leave(reader);
}

bool globals_find(struct span code, void (*found)(void *context, const struct global *global),
                  void *context)
{
    struct reader reader;
    reader.found = found;
    reader.context = context;
    reader.locals_count = 0;
    reader.depth = 0;
    reader.stopped = false;
    tokens_init(&reader.tokens, code);
    reader.ahead = tokens_next(&reader.tokens);
    advance(&reader);
    read_block(&reader);
    check(reader.depth == 0);
    check(reader.locals_count == 0);
    return !reader.stopped && reader.now.kind == TOKEN_END;
}
