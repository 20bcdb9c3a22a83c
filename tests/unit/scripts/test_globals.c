#include "random.h"
#include "scripts/globals.h"

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

/* What was found, as a text: "1:print 3:x=" is a read on line 1 and a write on line 3. */
struct said {
    char text[2048];
    size_t size;
};

static void say(void *context, const struct global *global)
{
    struct said *said = context;
    size_t room = sizeof said->text - said->size;
    int written = snprintf(said->text + said->size, room, "%s%" PRIu32 ":%.*s%s",
                           said->size == 0 ? "" : " ", global->line, (int)global->name.size,
                           (const char *)global->name.data, global->use == GLOBAL_WRITE ? "=" : "");
    said->size += (size_t)written;
    cr_assert(said->size < sizeof said->text);
}

static bool find(const char *code, struct said *said)
{
    struct span copy = exact(code, strlen(code));
    *said = (struct said){.size = 0};
    bool whole = globals_find(copy, say, said);
    free(copy.data);
    return whole;
}

static void uses(const char *code, const char *expected)
{
    struct said said;
    cr_assert(find(code, &said), "\"%s\" is not understood", code);
    cr_assert_str_eq(said.text, expected, "in \"%s\" found \"%s\"", code, said.text);
}

/* Is no Lua, but has these uses in front of what is wrong. */
static void stops(const char *code, const char *expected)
{
    struct said said;
    cr_assert_not(find(code, &said), "\"%s\" is taken for Lua", code);
    cr_assert_str_eq(said.text, expected, "in \"%s\" found \"%s\"", code, said.text);
}

Test(globals, nothing_uses_nothing)
{
    uses("", "");
    uses("-- print", "");
    uses(";;;", "");
    uses("return", "");
    uses("return;", "");
}

Test(globals, reads_and_writes_are_told_apart)
{
    uses("print(x)", "1:print 1:x");
    uses("x = y", "1:x= 1:y");
    uses("x = x + 1", "1:x= 1:x");
    uses("a, b.c, d = 1", "1:a= 1:b 1:d=");
    uses("b.c, a, d[e] = f, g", "1:b 1:a= 1:d 1:e 1:f 1:g");
    uses("x()\ny = 1", "1:x 2:y=");
    uses("(a).b = c", "1:a 1:c");
    uses("a.b.c = 1 a[b][c] = 2 a().b = 3", "1:a 1:a 1:b 1:c 1:a");
}

Test(globals, uses_come_in_the_order_of_the_text_with_their_lines)
{
    uses("a = {\n  b,\n  c(\n    d),\n}\n\ne()", "1:a= 2:b 3:c 4:d 7:e");
    uses("a\n(\nb\n)", "1:a 3:b");
    uses("--[[\n\n]] a = [[\n\n]] .. b", "3:a= 5:b");
    uses("#!/usr/bin/lua\nx()", "2:x");
    uses("\xef\xbb\xbf# x\r\ny()\r\nz()", "2:y 3:z");
}

Test(globals, text_in_strings_and_comments_is_no_use)
{
    uses("f('a = b', \"c\\\"d\", [[e]], [=[f]]g]=]) -- h", "1:f");
    uses("f('\\z   \n  a', 'b\\\nc') g()", "1:f 3:g");
}

Test(globals, fields_and_methods_are_none)
{
    uses("a.b.c = d.e", "1:a 1:d");
    uses("a:b(c):d(e.f)", "1:a 1:c 1:e");
    uses("a.b:c'x'", "1:a");
    uses("('x'):rep(n)", "1:n");
    uses("a.b\n.c()", "1:a");
    uses("a[b.c][d]()", "1:a 1:b 1:d");
}

Test(globals, calls_need_no_parentheses)
{
    uses("f'x'", "1:f");
    uses("f\"x\"", "1:f");
    uses("f[[x]]", "1:f");
    uses("f{x, y = z}", "1:f 1:x 1:z");
    uses("f{x}.y{z}'s'(w)", "1:f 1:x 1:z 1:w");
    uses("return f'x'.y, f{}, f:m[==[x]==]", "1:f 1:f 1:f");
}

Test(globals, keys_of_a_table_are_used_only_in_brackets)
{
    uses("t = { name = v, [e] = w, u; x == y, f(), {z}, }", "1:t= 1:v 1:e 1:w 1:u 1:x 1:y 1:f 1:z");
    uses("t = {}", "1:t=");
    uses("t = { a; b = a; }", "1:t= 1:a 1:a");
    uses("t = { [ [[x]] ] = a, ['b'] = c }", "1:t= 1:a 1:c");
    uses("t = { a = function(b) return b, c end }", "1:t= 1:c");
}

Test(globals, every_operator_has_names_on_both_sides)
{
    uses("return a + b - c * d / e // f % g ^ h .. i", "1:a 1:b 1:c 1:d 1:e 1:f 1:g 1:h 1:i");
    uses("return a == b, a ~= b, a < b, a <= b, a > b, a >= b",
         "1:a 1:b 1:a 1:b 1:a 1:b 1:a 1:b 1:a 1:b 1:a 1:b");
    uses("return a & b | c ~ d << e >> f", "1:a 1:b 1:c 1:d 1:e 1:f");
    uses("return a and b or not c", "1:a 1:b 1:c");
    uses("return not not -a, #b, ~c, - -d, -(e)", "1:a 1:b 1:c 1:d 1:e");
    uses("return (a), ((b)), ((c + d) * e)", "1:a 1:b 1:c 1:d 1:e");
}

Test(globals, numbers_have_no_names)
{
    uses("x = 0x1p4 + 0xA.8p-3 + 1e5 + .5 + 3.", "1:x=");
    uses("x = 1LL + 0xffULL + 2i", "1:x=");
    uses("x = 1 ..a", "1:x= 1:a");
    uses("x = 0xep1-e", "1:x= 1:e");
}

Test(globals, a_local_begins_behind_its_own_statement)
{
    uses("local x = x x()", "1:x");
    uses("x() local x x()", "1:x");
    uses("local a, b = b, a, c a(b, c)", "1:b 1:a 1:c 1:c");
    uses("local x = 1 x = 2", "");
    uses("local f = function() return f end", "1:f");
    uses("local x = 1 local x = x", "");
    uses("local f = function(a) local b = a return b end, a, b", "1:a 1:b");
}

Test(globals, a_local_function_knows_itself)
{
    uses("local function f() return f, g end f()", "1:g");
    uses("f() local function f() end", "1:f");
}

Test(globals, attributes_of_locals_are_none)
{
    uses("local x <const> = x", "1:x");
    uses("local x <const>, y <close> = 1, z  return x, y", "1:z");
    uses("local x<const>  return const, close, x", "1:const 1:close");
}

Test(globals, a_local_ends_with_its_block)
{
    uses("do local x x() end x()", "1:x");
    uses("if a then local x else x() end x()", "1:a 1:x 1:x");
    uses("if a then local x elseif x then local y else y() end", "1:a 1:x 1:y");
    uses("while x do local x x() end x()", "1:x 1:x");
    uses("local x do local x end x()", "");
    uses("do local x end do x = 1 end", "1:x=");
    uses("local function f() local x end x()", "1:x");
    uses("do local a do local b a(b) end b(a) end a(b)", "1:b 1:a 1:b");
}

Test(globals, names_are_compared_whole)
{
    uses("local ab a() abc() ab() aB()", "1:a 1:abc 1:aB");
}

Test(globals, functions_see_the_locals_around_them)
{
    uses("local a function f() return function() return a, b end end", "1:f= 1:b");
}

Test(globals, parameters_are_locals_of_the_body)
{
    uses("function f(a, b) return a, b, c end a(b)", "1:f= 1:c 1:a 1:b");
    uses("local f = function(...) return ..., x end", "1:x");
    uses("local f = function(a, ...) return a, select('#', ...) end", "1:select");
    uses("return function() end", "");
}

Test(globals, the_name_of_a_function_is_written_but_what_it_is_put_in_is_read)
{
    uses("function f() end", "1:f=");
    uses("function a.f() end", "1:a");
    uses("function a.b.c.f(x) x() end", "1:a");
    uses("function f() return f end", "1:f= 1:f");
    uses("local f function f() end", "");
    uses("local a function a.f() end", "");
}

Test(globals, self_is_local_in_a_method_only)
{
    uses("function a.b.c:m(x) return self, x end self()", "1:a 1:self");
    uses("function a:m() return self.x end", "1:a");
    uses("function a.m() return self end", "1:a 1:self");
}

Test(globals, loops_have_locals_of_their_own)
{
    uses("for i = i, n, s do i() end i()", "1:i 1:n 1:s 1:i");
    uses("for k, v in pairs(k) do print(k, v) end return k, v", "1:pairs 1:k 1:print 1:k 1:v");
    uses("for l in f, s, c do l() end", "1:f 1:s 1:c");
    uses("for i = 1, 2 do local i = i end", "");
}

Test(globals, the_condition_of_repeat_sees_the_locals_of_its_body)
{
    uses("repeat local x = f() until x or y  x()", "1:f 1:y 1:x");
    uses("repeat do local x end until x", "1:x");
}

Test(globals, labels_are_none)
{
    uses("::a:: goto a", "");
    uses("while x do if y then goto continue end z() ::continue:: end", "1:x 1:y 1:z");
    uses("goto\na ::a::", "");
    uses("while x do break end ::a::; ::b::", "1:x");
}

Test(globals, goto_is_a_name_where_no_label_follows)
{
    uses("goto = 1", "1:goto=");
    uses("goto(x)", "1:goto 1:x");
    uses("local goto = 1 goto.x = goto", "");
    uses("x.goto = { goto = 1 }", "1:x");
}

Test(globals, statements_end_with_or_without_semicolons)
{
    uses("a = b; c(); local d = e; return f;", "1:a= 1:b 1:c 1:e 1:f");
    uses("a = b c() local d = e return f", "1:a= 1:b 1:c 1:e 1:f");
    uses("do return a end b()", "1:a 1:b");
    uses("if a then return else return b end", "1:a 1:b");
}

Test(globals, the_environment_itself_is_none)
{
    uses("_ENV.x = y", "1:y");
    uses("_G.x = _G.y", "1:_G 1:_G");
    uses("_ENV = {} x = 1", "1:x=");
    uses("setfenv(1, {})", "1:setfenv");
}

Test(globals, names_are_fields_where_an_environment_is_local)
{
    uses("local _ENV = a b = c", "1:a");
    uses("do local _ENV = {} a() end b()", "1:b");
    uses("function f(_ENV) a = b return function() return c end end d()", "1:f= 1:d");
    uses("local _ENV <const> = setmetatable({}, m) a()", "1:setmetatable 1:m");
    uses("for _, _ENV in pairs(t) do x = 1 end x()", "1:pairs 1:t 1:x");
    uses("local a local _ENV = {} a() b()", "");
}

Test(globals, what_is_no_lua_ends_the_reading)
{
    stops("a() ! b()", "1:a");
    stops("a( b", "1:a 1:b");
    stops("a() end b()", "1:a");
    stops("a() 'x", "1:a");
    stops("a() --[[ b()", "1:a");
    stops("x = = y", "1:x=");
    stops("local function 5", "");
    stops("local 5", "");
    stops("for = 1 do end", "");
    stops("if a b()", "1:a");
    stops("f = {a b}", "1:f= 1:a");
    stops("f = function(a,", "1:f=");
    stops("f = function(1) end", "1:f=");
    stops("function 'x'() end", "");
    stops("return +", "");
    stops("goto x ::y:", "");
    stops("repeat a()", "1:a");
    stops("x.1", "1:x");
    stops("x.'y'", "1:x");
    stops("5", "");
    stops("until", "");
    stops("\x1bLua", "");
}

/* Some of everything. */
static const char sample[] =
    "#!/usr/bin/env lua\n"
    "local log <const>, file <close> = require 'log', io.open(path)\n"
    "--[==[ not = used ]] ]==]\n"
    "count, state.total, limit = 0, 0x1p4 // 3, tonumber(\"1\\z\n   0\\\n\") or 1e+3\n"
    "function on_receive(conn, line, ...)\n"
    "  if #line == 0 or line ~= '' and not blank then return conn:close(\"quit\")\n"
    "  elseif line < a.b['c'] .. d then goto continue\n"
    "  else conn.data = { name = name, [key] = [[value]]; -1, ~mask, f'x', g{...} } end\n"
    "  ::continue::\n"
    "  for i = 1, limit, step do local i = i << 2 print(i, j) end\n"
    "  for k, v in pairs(list) do while k >= v do k = next_of(k); break end end\n"
    "  repeat local done = try() until done and finished\n"
    "end\n"
    "function server.user:greet(other, ...) return self.name .. other .. select('#', ...) end\n"
    "local function fact(n) return n <= 1 and 1 or n * fact(n - 1) end\n"
    "do local _ENV = { print = print } print(hidden) end\n"
    "(fact or on_receive)(fact)[1]:m 'x' { y }\n"
    "return function(_ENV, a) return a, b end, last\n";

static const char sample_uses[] =
    "2:require 2:io 2:path 4:count= 4:state 4:limit= 4:tonumber 7:on_receive= 8:blank 9:a 9:d "
    "10:name 10:key 10:mask 10:f 10:g 12:limit 12:step 12:print 12:j 13:pairs 13:list 13:next_of "
    "14:try 14:finished 16:server 16:select 18:print 19:on_receive 19:y 20:last";

Test(globals, everything_together_is_understood)
{
    uses(sample, sample_uses);
}

Test(globals, the_front_of_code_has_the_uses_of_the_front)
{
    for (size_t size = 0; size < sizeof sample; size++) {
        struct said said = {.size = 0};
        struct span copy = exact(sample, size);
        globals_find(copy, say, &said);
        free(copy.data);

        /* Only the last may be another: the end of a word, or what tells its use, is cut off. */
        const char *last = strrchr(said.text, ' ');
        size_t sure = last == NULL ? 0 : (size_t)(last - said.text);
        cr_assert_eq(strncmp(said.text, sample_uses, sure), 0, "%zu bytes: %s", size, said.text);
    }
}

/* What is found lies in the code, in order. */
struct walk {
    struct span code;
    const uint8_t *behind;
    uint32_t line;
    uint64_t seed;
    int round;
};

static void walk_on(void *context, const struct global *global)
{
    struct walk *walk = context;
    const uint8_t *name = global->name.data;
    bool inside = name >= walk->behind && global->name.size != 0 &&
                  name + global->name.size <= walk->code.data + walk->code.size;
    cr_assert(inside, "seed %" PRIu64 " round %d", walk->seed, walk->round);
    cr_assert(global->line >= walk->line, "seed %" PRIu64 " round %d", walk->seed, walk->round);
    walk->behind = name + global->name.size;
    walk->line = global->line;
}

static bool walk(struct span code, uint64_t seed, int round)
{
    struct walk walk = {code, code.data, 1, seed, round};
    return globals_find(code, walk_on, &walk);
}

Test(globals, any_bytes_are_safe)
{
    const uint64_t seed = 90210;
    uint64_t state = seed;
    for (int round = 0; round < 5000; round++) {
        size_t size = random_next(&state) % sizeof sample;
        struct span code = exact(sample, size);
        for (uint64_t changes = random_next(&state) % 4; size != 0 && changes != 0; changes--) {
            uint64_t random = random_next(&state);
            code.data[random % size] = (uint8_t)(random >> 56);
        }
        walk(code, seed, round);
        for (size_t i = 0; i < size; i++) code.data[i] = (uint8_t)random_next(&state);
        walk(code, seed, round);
        free(code.data);
    }
}

Test(globals, words_in_any_order_are_safe)
{
    static const char *const words[] = {
        "a",      "b",      "goto",  "_ENV", "local", "function", "end",    "if",  "then",
        "else",   "for",    "in",    "do",   "while", "until",    "repeat", "not", "and",
        "elseif", "return", "break", "1",    "'s'",   "[[",       "]]",     "--",  "\n",
        "(",      ")",      "{",     "}",    "[",     "]",        "=",      "==",  ",",
        ";",      "::",     ":",     ".",    "..",    "...",      "<",      ">",   "-",
        "#",      "()",     "a",     "= 1",  "end",   "a = a",    "do a",   "b()", "local b",
    };
    const uint64_t seed = 31337;
    uint64_t state = seed;
    int understood = 0;
    for (int round = 0; round < 20000; round++) {
        char text[40 * 10];
        size_t size = 0;
        for (uint64_t count = random_next(&state) % 40; count != 0; count--) {
            const char *word = words[(random_next(&state) >> 8) % (sizeof words / sizeof *words)];
            memcpy(text + size, word, strlen(word));
            size += strlen(word);
            text[size++] = ' ';
        }
        struct span code = exact(text, size);
        understood += walk(code, seed, round);
        free(code.data);
    }
    cr_assert(understood > 0);
    cr_assert(understood < 20000);
}
