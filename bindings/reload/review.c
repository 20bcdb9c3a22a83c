#include "reload/review.h"

#include "base/settings.h"
#include "lua/lua_text.h"
#include "scripts/globals.h"
#include "scripts/handler.h"

#include <stdlib.h>

/* Names that some version of Lua defines. They are not suspects: scripts often test whether such a name exists. */
static const char *const known_names[] = {
    "_G",       "_VERSION",     "assert",    "collectgarbage", "coroutine",
    "debug",    "dofile",       "error",     "getmetatable",   "io",
    "ipairs",   "load",         "loadfile",  "math",           "next",
    "os",       "package",      "pairs",     "pcall",          "print",
    "rawequal", "rawget",       "rawlen",    "rawset",         "require",
    "select",   "setmetatable", "string",    "table",          "tonumber",
    "tostring", "type",         "utf8",      "warn",           "xpcall",
    "arg",      "bit",          "bit32",     "gcinfo",         "getfenv",
    "jit",      "loadstring",   "module",    "newproxy",       "setfenv",
    "unpack",   "send",         "broadcast", "server",
};
enum { KNOWN_NAMES = sizeof known_names / sizeof *known_names };

struct use {
    struct global global;
    const struct source_file *file;
};

struct uses {
    struct use *use;
    size_t count, capacity;
    const struct source_file *file; /* the file that is being read */
    bool failed;
};

static void note_use(void *context, const struct global *global)
{
    struct uses *uses = context;
    if (uses->count == uses->capacity) {
        size_t capacity = uses->capacity == 0 ? 256 : 2 * uses->capacity;
        struct use *grown = realloc(uses->use, capacity * sizeof *grown);
        if (grown == NULL) {
            uses->failed = true;
            return;
        }
        uses->use = grown;
        uses->capacity = capacity;
    }
    uses->use[uses->count++] = (struct use){.global = *global, .file = uses->file};
}

static int compare_names(struct span a, struct span b)
{
    int order = memcmp(a.data, b.data, a.size < b.size ? a.size : b.size);
    return order != 0 ? order : (a.size > b.size) - (a.size < b.size);
}

/* By name, then by file, then by line. */
static int compare_uses(const void *left, const void *right)
{
    const struct use *a = left, *b = right;
    int order = compare_names(a->global.name, b->global.name);
    if (order != 0) return order;
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    return (a->global.line > b->global.line) - (a->global.line < b->global.line);
}

static bool is_named(struct span name, const char *text)
{
    return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

static bool is_among(struct span name, const char *const *names, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (is_named(name, names[i])) return true;
    return false;
}

/* ---- all uses of one name ---- */

struct group {
    const struct use *first;
    size_t count;
    char name[64];
};

static bool has_use(const struct group *group, enum global_use use)
{
    for (size_t i = 0; i < group->count; i++)
        if (group->first[i].global.use == use) return true;
    return false;
}

/* Writes a name our way: other programs have onReceive and OnReceive for on_receive. */
static void to_our_letters(const char *name, char plain[64])
{
    size_t size = 0;
    for (const char *at = name; *at != '\0' && size + 2 < 64; at++) {
        bool capital = *at >= 'A' && *at <= 'Z';
        if (capital && at != name) plain[size++] = '_';
        plain[size++] = (char)(capital ? *at - 'A' + 'a' : *at);
    }
    plain[size] = '\0';
}

static const char *handler_called(const char *name)
{
    for (int i = 0; i < HANDLERS; i++)
        if (strcmp(name, handler_names[i]) == 0) return handler_names[i];
    return NULL;
}

/* The handler that a function nobody calls was probably meant to be; NULL: none. */
static const char *meant_handler(const char *name, const char *plain, const struct uses *uses)
{
    const char *meant = handler_called(plain);
    if (meant == NULL && strncmp(name, "on_", 3) == 0)
        meant = settings_nearest(name, handler_names, HANDLERS);
    for (size_t i = 0; i < uses->count && meant != NULL; i++)
        if (is_named(uses->use[i].global.name, meant)) return NULL; /* defined as well */
    return meant;
}

/* Suspects a global that is assigned and never read, and whose name resembles a handler's. */
static void judge_uncalled(struct findings *suspects, const struct group *group,
                           const struct uses *uses)
{
    char plain[64];
    const struct use *first = group->first;
    if (has_use(group, GLOBAL_READ) || handler_called(group->name) != NULL) return;
    to_our_letters(group->name, plain);
    const char *elsewhere = findings_elsewhere(plain);
    const char *meant = elsewhere == NULL ? meant_handler(group->name, plain, uses) : NULL;
    if (meant != NULL) {
        findings_misspelt(suspects, first->file, first->global.line, group->name, meant);
    } else if (elsewhere != NULL || strncmp(group->name, "on_", 3) == 0) {
        findings_uncalled(suspects, first->file, first->global.line, group->name, elsewhere);
    }
}

static void add_suspect(struct findings *suspects, const struct group *group)
{
    const char *meant = settings_nearest(group->name, known_names, KNOWN_NAMES);
    for (size_t i = 0; i < group->count; i++) { /* the first use in each file */
        const struct use *use = &group->first[i];
        struct finding suspect = {.file = use->file, .line = use->global.line};
        if (i > 0 && use->file == use[-1].file) continue;
        snprintf(suspect.name, sizeof suspect.name, "%s", group->name);
        snprintf(suspect.text, sizeof suspect.text, "%s is not defined%s%s%s", group->name,
                 meant == NULL ? "" : ": did you mean ", meant == NULL ? "" : meant,
                 meant == NULL ? " anywhere: if it may be nil, assign nil to it" : "?");
        findings_add(suspects, &suspect);
    }
}

static void judge(struct findings *suspects, const struct group *group, const struct uses *uses)
{
    struct span name = group->first->global.name;
    judge_uncalled(suspects, group, uses);
    if (!has_use(group, GLOBAL_WRITE) && !is_among(name, known_names, KNOWN_NAMES) &&
        !is_among(name, handler_names, HANDLERS))
        add_suspect(suspects, group);
}

static void judge_all(struct findings *suspects, struct uses *uses)
{
    if (uses->count > 0) qsort(uses->use, uses->count, sizeof *uses->use, compare_uses);
    for (size_t i = 0; i < uses->count;) {
        struct group group = {.first = &uses->use[i]};
        struct span name = group.first->global.name;
        while (i < uses->count && compare_names(uses->use[i].global.name, name) == 0) {
            group.count++;
            i++;
        }
        snprintf(group.name, sizeof group.name, "%.*s", (int)name.size, (const char *)name.data);
        judge(suspects, &group, uses);
    }
}

/* ---- syntax ---- */

/* Lua's message gives the line: "main.lua:2: unexpected symbol near '='". */
static void add_syntax(struct findings *wrong, const struct source_file *file, const char *message)
{
    struct finding finding = {.file = file, .line = 1};
    size_t name = strlen(file->name);
    char *rest = NULL;
    if (strncmp(message, file->name, name) == 0 && message[name] == ':') {
        unsigned long line = strtoul(message + name + 1, &rest, 10);
        if (*rest == ':') finding.line = (uint32_t)line;
    }
    bool placed = rest != NULL && *rest == ':';
    snprintf(finding.text, sizeof finding.text, "%s", placed ? rest + 2 : message);
    findings_add(wrong, &finding);
}

static bool compiles(lua_State *L, const struct source_file *file, struct findings *wrong)
{
    struct span code = source_code(file);
    char name[512];
    snprintf(name, sizeof name, "@%s", file->name);
    bool fine = luaL_loadbufferx(L, (const char *)code.data, code.size, name, "t") == LUA_OK;
    struct lua_text room;
    if (!fine) add_syntax(wrong, file, lua_text_of_error(L, &room));
    lua_settop(L, 0);
    return fine;
}

bool review_is_test(const char *file)
{
    const char tail[] = "_test.lua";
    size_t size = strlen(file), tail_size = sizeof tail - 1;
    return size >= tail_size && strcmp(file + size - tail_size, tail) == 0;
}

/* False if the uses are incomplete: then a name may be defined in code that was not understood. */
static bool read_files(struct uses *uses, struct findings *wrong, lua_State *L,
                       const struct source *source, bool tests)
{
    bool understood = true;
    for (uint32_t i = 0; i < source->count; i++) {
        const struct source_file *file = uses->file = &source->files[i];
        bool is_test = review_is_test(file->name);
        if (is_test && !tests) continue;
        if (!compiles(L, file, wrong) || is_test || strcmp(file->name, "config.lua") == 0) continue;
        understood = globals_find(file->text, note_use, uses) && understood;
    }
    return understood;
}

bool review_open(struct review *review, const struct source *source, bool tests,
                 struct error *error)
{
    struct uses uses = {.count = 0};
    struct findings wrong = {.count = 0};
    *review = (struct review){.suspects.count = 0};
    lua_State *L = luaL_newstate();
    if (L == NULL) return error_set(error, ERROR_SYSTEM, "no memory for a Lua state");
    bool understood = read_files(&uses, &wrong, L, source, tests);
    lua_close(L);
    if (understood) judge_all(&review->suspects, &uses);
    wrong.incomplete = wrong.incomplete || review->suspects.incomplete || uses.failed;
    bool fine = findings_tell(&wrong, source, error);
    findings_free(&wrong);
    free(uses.use);
    if (!fine) review_close(review);
    return fine;
}

void review_close(struct review *review)
{
    findings_free(&review->suspects);
}
