/* scripts/api/moonport.lua, which editors read, against what scripts really find: neither has a name
 * that the other lacks. */
#include "harness.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SCRIPT_SIZE = 16384 };

/* Lua: names[class][name] is true for what is annotated; `compare` says what is different. It reads
 * the annotations from `path`. */
static const char reader[] =
    "names = {}\n"
    "local spoken = { Server = 'server', Test = 'test' }\n"
    "local function note(class, name)\n"
    "  class = spoken[class] or class\n"
    "  names[class] = names[class] or {}\n"
    "  names[class][name] = true\n"
    "end\n"
    "local class\n"
    "for line in io.lines(path) do\n"
    "  class = line:match('^%-%-%-@class ([%w_]+)') or line:match('^%-%-%-@alias ([%w_]+)')\n"
    "    or (line:find('^%-%-%-') and class)\n"
    "  local field = line:match('^%-%-%-@field ([%w_]+)') or line:match('^%-%-%-| \"([%w_]+)\"')\n"
    "  if field then note(class, field) end\n"
    "  local owner, name = line:match('^function ([%w_]+)[.:]([%w_]+)%(')\n"
    "  if owner then note(owner, name) end\n"
    "  local global = line:match('^function ([%w_]+)%(') or line:match('^([%w_]+) = {}')\n"
    "  if global then note(global:find('^on_') and 'handlers' or 'globals', global) end\n"
    "end\n"
    "function compare(class, found)\n"
    "  local wrong = {}\n"
    "  for name in pairs(names[class] or {}) do\n"
    "    if found[name] == nil then wrong[#wrong + 1] = name .. ' is only annotated' end\n"
    "  end\n"
    "  for name in pairs(found) do\n"
    "    local public = type(name) == 'string' and not name:find('^__')\n"
    "    if public and not (names[class] or {})[name] then\n"
    "      wrong[#wrong + 1] = name .. ' is not annotated'\n"
    "    end\n"
    "  end\n"
    "  table.sort(wrong)\n"
    "  return #wrong == 0 and 'the same' or class .. ': ' .. table.concat(wrong, ', ')\n"
    "end\n"
    "function all_of(...)\n"
    "  local all = {}\n"
    "  for i = 1, select('#', ...) do\n"
    "    for name, value in pairs((select(i, ...))) do all[name] = value end\n"
    "  end\n"
    "  return all\n"
    "end\n"
    "function methods_of(object)\n"
    "  local methods = debug.getmetatable(object).__index\n"
    "  if type(methods) == 'table' then return methods end\n"
    "  methods = {}\n"
    "  for name in pairs(names.Conn) do methods[name] = object[name] end\n"
    "  return methods\n"
    "end\n"
    "function words(text)\n"
    "  local set = {}\n"
    "  for word in text:gmatch('[%w_]+') do set[word] = true end\n"
    "  return set\n"
    "end\n";

/* main.lua returns a table that sees which handlers it is asked for. A packet names a class; behind
 * a colon stand the names to compare it with, where this script cannot find them itself. */
static const char answers[] =
    "local of_lua = words [[_G _VERSION arg assert bit bit32 collectgarbage coroutine debug "
    "dofile\n"
    "  error gcinfo getfenv getmetatable io ipairs jit load loadfile loadstring math module\n"
    "  newproxy next os package pairs pcall print rawequal rawget rawlen rawset require select\n"
    "  setfenv setmetatable string table tonumber tostring type unpack utf8 warn xpcall]]\n"
    "local of_test = words 'path names compare all_of methods_of words'\n"
    "local asked, found, handlers = {}, {}, {}\n"
    "function found.globals()\n"
    "  local globals = { test = true }\n" /* is seen to in *_test.lua, which alone has it */
    "  for name in pairs(_G) do\n"
    "    if not of_lua[name] and not of_test[name] then globals[name] = true end\n"
    "  end\n"
    "  return globals\n"
    "end\n"
    "function found.server() return server end\n"
    "function found.Conn(conn)\n"
    "  return all_of(conn, methods_of(conn), { request = true, tls = true })\n" /* of some alone */
    "end\n"
    "function found.Group() return methods_of(server.group 'g') end\n"
    "function found.Channel() return methods_of(server.channel 'c') end\n"
    "function found.Shared() return methods_of(server.shared) end\n"
    "function found.Timer() return methods_of(server.after(0, print)) end\n"
    "function found.JobStats() return server.stats().jobs end\n"
    "function found.Called() return server.stats().handlers end\n"
    "function found.HandlerStats() return server.stats().handlers.on_receive end\n"
    "function found.WorkerStats() return server.stats().by_worker[1] end\n"
    "function found.Stats()\n"
    "  for name in pairs(names.WorkerStats) do names.Stats[name] = true end\n"
    "  return server.stats()\n"
    "end\n"
    "function found.Reason() return server.stats().closed end\n"
    "function found.ListenerStats() return server.stats().listeners[1] end\n"
    "function found.Refusal() return server.stats().refused_by end\n"
    "function found.Times() return server.stats().turn end\n"
    "function found.handlers() return asked end\n"
    "function found.FramingName(conn)\n"
    "  local _, text = pcall(conn.framing, conn, '')\n"
    "  return words(text:match('there are (.*)$'):gsub(' and ', ' '))\n"
    "end\n"
    "function found.Framing(conn)\n"
    "  local known = {}\n"
    "  for name in pairs(names.Framing) do\n"
    "    local fine, text = pcall(conn.framing, conn, { 'length', [name] = '?' })\n"
    "    known[name] = fine or not text:find('unknown') or nil\n"
    "  end\n"
    "  return known\n"
    "end\n"
    "function handlers.on_receive(conn, packet)\n"
    "  local class, given = packet:match('^(%w+):?(.*)$')\n"
    "  local fine, text = pcall(function()\n"
    "    return compare(class, given ~= '' and words(given) or found[class](conn))\n"
    "  end)\n"
    "  conn:send(text)\n"
    "end\n"
    "return setmetatable({}, { __index = function(_, name)\n"
    "  asked[name] = true\n"
    "  return handlers[name]\n"
    "end })\n";

static void compose(char script[SCRIPT_SIZE], const char *more)
{
    int size = snprintf(script, SCRIPT_SIZE, "path = '%s/api/moonport.lua'\n%s%s",
                        getenv("MOONPORT_SCRIPTS"), reader, more);
    cr_assert(size > 0 && size < SCRIPT_SIZE);
}

static struct server begin_with(const char *more)
{
    static char script[SCRIPT_SIZE];
    compose(script, more);
    return server_begin_script(script);
}

/* Asks for each class whether its names are those that were found. */
static void expect_same(const char *const *classes)
{
    struct server server = begin_with(answers);
    int client = client_connect(&server);
    for (; *classes != NULL; classes++) client_ask(client, *classes, "the same");
    close(client);
    server_end(&server);
}

Test(api, what_scripts_call_is_annotated)
{
    expect_same(WORDS("globals", "server", "Conn", "Group", "Channel", "Shared", "Timer"));
}

Test(api, handlers_are_annotated)
{
    expect_same(WORDS("handlers"));
}

Test(api, figures_and_reasons_are_annotated)
{
    expect_same(WORDS("JobStats", "WorkerStats", "Stats", "Reason", "Refusal", "Times",
                      "ListenerStats", "Called", "HandlerStats"));
}

Test(api, framings_are_annotated)
{
    expect_same(WORDS("FramingName", "Framing"));
}

/* The names of all flags that are settings, as --help prints them, go behind the text. */
static void add_flags(char *text, size_t size)
{
    char *out, *err;
    size_t used = strlen(text);
    cr_assert_eq(program_run(&out, &err, WORDS("--help")), 0);
    for (const char *line = out; line != NULL; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (strncmp(line, "  --", 4) != 0) continue;
        used += (size_t)snprintf(text + used, size - used, " %.*s", (int)strcspn(line + 4, " "),
                                 line + 4);
        cr_assert(used < size);
    }
    for (char *c = text; *c != '\0'; c++)
        if (*c == '-') *c = '_';
    free(out);
    free(err);
}

Test(api, settings_are_annotated)
{
    char settings[1024] = "Config:";
    add_flags(settings, sizeof settings);
    expect_same(WORDS(settings));
}

/* Beside its own settings it takes those of its framing, if that is this one. */
static const char *const of_websocket[] = {"path = '/chat'",      "origins = { 'https://here' }",
                                           "protocols = 'a'",     "ping = 5",
                                           "healthz = true",      "public = 'public'",
                                           "compress = false",    "compress_level = 1",
                                           "compress_window = 12"};

Test(api, settings_of_a_listener_are_annotated)
{
    static const char before[] = "of a listener: there are ";
    char *out, *err, settings[512] = "Listener:";
    char *directory =
        directory_make("main.lua", "", "config.lua",
                       "return { listen = { address = '127.0.0.1:0', unheard_of = 1 } }\n", NULL);
    cr_assert_eq(program_run(&out, &err, WORDS("check", directory)), 1);
    const char *names = strstr(err, before);
    cr_assert_not_null(names, "%s", err);
    for (names += sizeof before - 1; *names != '\0' && *names != '\n';) {
        size_t size = strcspn(names, " ,\n");
        if (size > 0 && strncmp(names, "and ", 4) != 0)
            snprintf(settings + strlen(settings), sizeof settings - strlen(settings), " %.*s",
                     (int)size, names);
        names += size + strspn(names + size, " ,");
    }
    directory_remove(directory);
    free(out);
    free(err);
    for (int i = 0; i < (int)(sizeof of_websocket / sizeof *of_websocket); i++) {
        char config[256], public_dir[512];
        snprintf(config, sizeof config,
                 "return { listen = { address = '127.0.0.1:0', framing = 'websocket', %s } }\n",
                 of_websocket[i]);
        directory = directory_make("main.lua", "", "config.lua", config, NULL);
        snprintf(public_dir, sizeof public_dir, "%s/public", directory);
        cr_assert_eq(mkdir(public_dir, 0700), 0);
        cr_assert_eq(program_run(&out, &err, WORDS("check", directory)), 0, "%s: %s", config, err);
        snprintf(settings + strlen(settings), sizeof settings - strlen(settings), " %.*s",
                 (int)strcspn(of_websocket[i], " "), of_websocket[i]);
        cr_assert_eq(rmdir(public_dir), 0);
        directory_remove(directory);
        free(out);
        free(err);
    }
    expect_same(WORDS(settings));
}

Test(api, what_tests_call_is_annotated)
{
    static char script[SCRIPT_SIZE];
    char *out, *err;
    compose(script, "function on_connect(conn)\n"
                    "  if conn.request.path == '/no' then return false end\n"
                    "  conn:protocol('v1')\n"
                    "end\n"
                    "function on_receive() end\n");
    char *directory = directory_make(
        "main.lua", script, "config.lua",
        "return { listen = { { address = '127.0.0.1:7000', framing = 'websocket' } } }\n",
        "api_test.lua",
        "test('test', function() test.equal(compare('test', test), 'the same') end)\n"
        "test('TestConn', function()\n"
        "  local conn = test.connect({ protocols = 'v1' })\n"
        "  local refused = test.connect({ path = '/no' })\n"
        "  conn:close(1000)\n"
        "  local all = all_of(conn, refused, methods_of(conn))\n"
        "  test.equal(compare('TestConn', all), 'the same')\n"
        "end)\n",
        NULL);
    int status = program_run(&out, &err, WORDS("test", directory));
    cr_assert_eq(status, 0, "%s%s", out, err);
    cr_assert_not_null(strstr(out, "2 passed, 0 failed"), "%s", out);
    directory_remove(directory);
    free(out);
    free(err);
}

Test(api, a_name_that_one_side_lacks_is_noticed)
{
    static char script[SCRIPT_SIZE];
    snprintf(script, sizeof script,
             "names.server.sleep, names.Conn.fly, names.handlers.on_flood = nil, true, true\n%s",
             answers);
    struct server server = begin_with(script);
    int client = client_connect(&server);
    client_ask(client, "server", "server: sleep is not annotated");
    client_ask(client, "Conn", "Conn: fly is only annotated");
    client_ask(client, "handlers", "handlers: on_flood is only annotated");
    client_ask(client, "Timer", "the same");
    client_ask(client, "Timer:stop", "Timer: cancel is only annotated, stop is not annotated");
    close(client);
    server_end(&server);
}
