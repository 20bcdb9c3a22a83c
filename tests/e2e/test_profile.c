/* moonport profile: where the Lua of a running server spends its time, and what it allocates. */
#include "harness_process.h"
#include "overtime.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef-test"

/* Runs for so many seconds of the processor's; line 1. */
#define BUSY \
    "local function busy(s) local e = os.clock() + s while os.clock() < e do " ROUND "end end\n"
#define ECHOES "function on_receive(conn, packet) conn:send(packet) end\n"

static struct server begin(const char *script, const char *workers, char address[64])
{
    struct server server = server_begin(&(struct begin){
        .script = script,
        .admin = true,
        .flags = {"--workers", workers, "--admin-token", TOKEN, "--handler-timeout", "60"}});
    server_admin(&server, address, 64);
    return server;
}

/* What the command prints, to be freed; it must succeed. */
static char *profile(const char *address, const char *const *words)
{
    const char *all[16] = {"profile", "--admin", address};
    char *out, *err;
    for (int i = 0; words[i] != NULL; i++) all[i + 3] = words[i];
    int status = program_run(&out, &err, all);
    cr_assert_eq(status, 0, "status %d, and it said: %s%s", status, out, err);
    cr_assert_str_eq(err, "");
    free(err);
    return out;
}

/* The first row of the table with this head has this in it. */
static void expect_first(const char *text, const char *head, const char *part)
{
    char line[128];
    const char *table = strstr(text, head);
    cr_assert_not_null(table, "no table %s in: %s", head, text);
    table = strchr(table, '\n') + 1;
    snprintf(line, sizeof line, "%.*s", (int)strcspn(table, "\n"), table);
    cr_assert_not_null(strstr(line, part), "\"%s\" should be in \"%s\" of: %s", part, line, text);
}

static void expect_part(const char *text, const char *part)
{
    cr_assert_not_null(strstr(text, part), "\"%s\" should be in: %s", part, text);
}

/* Sends one request to the admin address. */
static int ask(const char *address, const char *request)
{
    struct sockaddr_in there = {.sin_family = AF_INET};
    char text[512];
    unsigned long port = strtoul(strrchr(address, ':') + 1, NULL, 10);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    there.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    there.sin_port = htons((uint16_t)port);
    cr_assert_eq(connect(client, (struct sockaddr *)&there, sizeof there), 0);
    int size = snprintf(text, sizeof text,
                        "%s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer " TOKEN "\r\n"
                        "X-Moonport: 1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
                        request);
    cr_assert_eq(send(client, text, (size_t)size, MSG_NOSIGNAL), size);
    return client;
}

/* Its whole answer. */
static const char *answer(int client)
{
    static char text[1 << 20];
    size_t used = 0;
    ssize_t size;
    while ((size = recv(client, text + used, sizeof text - 1 - used, 0)) > 0) used += (size_t)size;
    cr_assert_eq(size, 0);
    text[used] = '\0';
    close(client);
    return text;
}

/* Asks until the profile is done. */
static const char *await_profile(const char *address, const char *request)
{
    const char *text;
    do {
        usleep(50000);
        text = answer(ask(address, request));
    } while (strstr(text, " 409 ") != NULL);
    return text;
}

/* ---- what it finds ---- */

Test(profile, the_function_that_takes_the_time_is_named_first)
{
    char address[64];
    struct server server = begin(BUSY "local function rest() busy(0.001) end\n"
                                      "local function mill()\n"
                                      "  busy(0.02)\n"
                                      "end\n"
                                      "server.every(0.03, function() mill() rest() end)\n" ECHOES,
                                 "1", address);
    char *text = profile(address, WORDS("--seconds", "2"));
    expect_part(text, "Profile of 2 s, worker 1. Calls took ");
    expect_first(text, "  handler\n", "  timer");
    expect_first(text, "  function\n", "  busy  main.lua:1");
    expect_first(text, "   self  line\n", "  main.lua:1 in busy");
    expect_part(text, "  mill  main.lua:3\n");
    free(text);
    server_end(&server);
}

Test(profile, handlers_of_packets_are_sampled_whatever_they_take)
{
    enum { PACKETS = 100, SAMPLES = 20 };
    char address[64];
    struct server server = begin("local function work() for i = 1, 20 do " ROUND "end end\n"
                                 "function on_receive(conn, packet)\n"
                                 "  for i = 1, 30 do work() end\n"
                                 "  conn:send(packet)\n"
                                 "end\n"
                                 "server.every(0.2, function() end)\n",
                                 "1", address);
    int client = client_connect(&server);
    const char *text;
    int samples = 0;
    do { /* on a busy machine few of such short calls are seen within two seconds */
        expect_part(answer(ask(address, "POST /profile?seconds=2")), " 200 OK\r\n");
        do {
            for (int i = 0; i < PACKETS; i++) client_ask(client, "packet", "packet");
            text = answer(ask(address, "GET /profile"));
        } while (strstr(text, " 409 ") != NULL);
        const char *count = strstr(text, "% of that time: ");
        cr_assert_not_null(count, "%s", text);
        samples = atoi(strchr(count, ':') + 1);
    } while (samples < SAMPLES);
    expect_first(text, "  handler\n", "  on_receive");
    expect_first(text, "  function\n", "  work  main.lua:1");
    expect_part(text, "  on_receive  main.lua:2\n");
    close(client);
    server_end(&server);
}

Test(profile, allocations_are_told_by_line)
{
    char address[64];
    struct server server = begin("local function make()\n"
                                 "  local text = ('x'):rep(1000000)\n"
                                 "  local more = #text\n"
                                 "  return more\n"
                                 "end\n"
                                 "server.every(0.02, function() make() end)\n" ECHOES,
                                 "1", address);
    char *text = profile(address, WORDS("--seconds=2"));
    expect_part(text, "\nAllocated: ");
    expect_first(text, "    pieces  line\n", has_luajit() ? " in make" : "  main.lua:2 in make");
    free(text);
    server_end(&server);
}

Test(profile, it_writes_a_flame_graph_and_a_file_for_speedscope)
{
    char address[64], svg[320], speedscope[320];
    struct server server =
        begin(BUSY "server.every(0.03, function() busy(0.01) end)\n" ECHOES, "1", address);
    snprintf(svg, sizeof svg, "%s/out.svg", server.directory);
    snprintf(speedscope, sizeof speedscope, "%s/out.json", server.directory);
    free(profile(address, WORDS("--seconds", "1", "--svg", svg, "--speedscope", speedscope)));
    const char *names[] = {svg, speedscope};
    const char *parts[] = {"<title>busy (main.lua:1): ",
                           "{\"name\":\"busy\",\"file\":\"main.lua\",\"line\":1}"};
    const char *fronts[] = {"<svg xmlns=", "{\"$schema\":\"https://www.speedscope.app/"};
    for (int i = 0; i < 2; i++) {
        static char content[1 << 20];
        FILE *file = fopen(names[i], "rb");
        cr_assert_not_null(file, "%s", names[i]);
        content[fread(content, 1, sizeof content - 1, file)] = '\0';
        fclose(file);
        expect_part(content, parts[i]);
        cr_assert_eq(strncmp(content, fronts[i], strlen(fronts[i])), 0, "%s", content);
        remove(names[i]);
    }
    server_end(&server);
}

Test(profile, it_can_be_of_one_worker)
{
    char address[64];
    struct server server = begin(BUSY "local function first() busy(0.01) end\n"
                                      "local function second() busy(0.01) end\n"
                                      "local mine = server.worker == 1 and first or second\n"
                                      "server.every(0.03, function() mine() end)\n" ECHOES,
                                 "2", address);
    char *text = profile(address, WORDS("--seconds", "1", "--worker", "2"));
    expect_part(text, "Profile of 1 s, worker 2. ");
    expect_part(text, "main.lua:3\n");
    cr_assert_null(strstr(text, "main.lua:2\n"), "%s", text);
    free(text);
    text = profile(address, WORDS("--seconds", "1"));
    expect_part(text, "Profile of 1 s, workers 1, 2. ");
    expect_part(text, "main.lua:2\n");
    expect_part(text, "main.lua:3\n");
    free(text);
    program_fail(INPUT, WORDS("profile", "--worker", "3", "--admin", address),
                 "there is no worker of that number", "");
    server_end(&server);
}

/* ---- one at a time ---- */

Test(profile, a_second_one_is_refused_and_the_server_stops_within_the_first)
{
    char address[64];
    struct server server =
        begin(BUSY "server.every(0.02, function() busy(0.005) end)\n" ECHOES, "2", address);
    expect_part(answer(ask(address, "GET /profile")), "no profile was taken yet");
    expect_part(answer(ask(address, "POST /profile?seconds=300")),
                "a profile runs for 300 seconds");
    program_fail(INPUT, WORDS("profile", "--admin", address), "a profile runs already, for ",
                 " more seconds");
    expect_part(answer(ask(address, "GET /profile?format=svg")), "a profile runs already");
    expect_part(answer(ask(address, "GET /profile.json")),
                "{\"stage\":\"runs\",\"seconds\":300,\"worker\":0,");
    int client = client_connect(&server);
    client_ask(client, "hello", "hello");
    close(client);
    server_end(&server);
}

Test(profile, it_goes_on_without_who_asked)
{
    char address[64];
    struct server server =
        begin(BUSY "server.every(0.03, function() busy(0.01) end)\n" ECHOES, "1", address);
    close(ask(address, "POST /profile?seconds=1"));
    while (strstr(answer(ask(address, "GET /profile.json")), "\"none\"") != NULL) usleep(10000);
    expect_first(await_profile(address, "GET /profile?format=text"), "  function\n",
                 "  busy  main.lua:1");
    server_end(&server);
}

Test(profile, what_it_does_not_understand_is_refused)
{
    char address[64];
    struct server server = begin(ECHOES, "1", address);
    expect_part(answer(ask(address, "POST /profile?seconds=0")), " 400 ");
    expect_part(answer(ask(address, "POST /profile?seconds=301")), " 400 ");
    expect_part(answer(ask(address, "POST /profile?seconds=x")), " 400 ");
    expect_part(answer(ask(address, "POST /profile?worker=0")), " 404 ");
    expect_part(answer(ask(address, "POST /profile?worker=2")), " 404 ");
    expect_part(answer(ask(address, "GET /profile?format=png")), " 400 ");
    expect_part(answer(ask(address, "GET /profile.json")), "\"stage\":\"none\"");
    program_fail(USAGE, WORDS("profile", "--seconds", "0"), "from 1 to 300, not 0", "");
    program_fail(USAGE, WORDS("profile", "--seconds", "301"), "from 1 to 300, not 301", "");
    program_fail(USAGE, WORDS("profile", "--worker", "0"), "the number of a worker, not 0", "");
    program_fail(USAGE, WORDS("profile", "--worker", "1x"), "the number of a worker, not 1x", "");
    program_fail(USAGE, WORDS("profile", "--second", "1"), "what is --second?",
                 "Did you mean --seconds?");
    program_fail(USAGE, WORDS("profile", "--svg"), "--svg needs a value", "");
    program_fail(USAGE, WORDS("profile", "here"), "what is here?", "profile --help");
    program_fail(SYSTEM, WORDS("profile", "--svg", "/no/such/place", "--admin", address),
                 "cannot write /no/such/place: ", "");
    server_end(&server);
}

/* ---- what happens meanwhile ---- */

Test(profile, both_generations_count_when_scripts_are_loaded_within_it)
{
    char address[64];
    struct server server = begin(BUSY "local function before() busy(0.01) end\n"
                                      "server.every(0.02, function() before() end)\n" ECHOES,
                                 "1", address);
    expect_part(answer(ask(address, "POST /profile?seconds=6")), " 200 ");
    sleep(2); /* calls of the first have been seen by then, and there is time for the others */
    script_write(&server, "main.lua",
                 BUSY "\n\n\nlocal function behind() busy(0.01) end\n"
                      "server.every(0.02, function() behind() end)\n" ECHOES);
    expect_part(answer(ask(address, "POST /reload")), " 200 ");
    const char *text = await_profile(address, "GET /profile");
    expect_part(text, "main.lua:2\n");
    expect_part(text, "main.lua:5\n");
    server_end(&server);
}

Test(profile, a_worker_that_a_call_keeps_is_missing)
{
    char address[64];
    struct server server = begin("function on_receive(conn, packet)\n"
                                 "  if packet == 'keep' then\n"
                                 "    server.log('info', 'keeps worker %d', server.worker)\n"
                                 "    while not server.shared:get('go') do " ROUND "end\n"
                                 "  elseif packet == 'go' then\n"
                                 "    server.shared:set('go', true)\n"
                                 "  end\n"
                                 "  conn:send(packet)\n"
                                 "end\n",
                                 "2", address);
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "hello", "hello");
    client_ask(other, "hello", "hello");
    client_put_text(client, "keep");
    server_expect_log(&server, "keeps worker 1\n");
    char *text = profile(address, WORDS("--seconds", "1"));
    expect_part(text, "Profile of 1 s, worker 2. ");
    expect_part(text, "Missing, for a call kept it: worker 1\n");
    free(text);
    client_ask(other, "go", "go");
    client_expect(client, "keep");
    bool missing = true; /* until it has come to what it was asked meanwhile */
    while (missing) {
        text = profile(address, WORDS("--seconds", "1"));
        missing = strstr(text, "Missing, for a call kept it: worker 1\n") != NULL;
        expect_part(text,
                    missing ? "Profile of 1 s, worker 2. " : "Profile of 1 s, workers 1, 2. ");
        free(text);
    }
    close(client);
    close(other);
    server_end(&server);
}

Test(profile, calls_are_interrupted_and_told_of_as_ever)
{
    char address[64];
    struct server server = server_begin(
        &(struct begin){.script = LOOP "function on_receive(conn, packet)\n"
                                       "  if packet == 'loop' then pcall(loop) end\n"
                                       "  conn:send(packet)\n"
                                       "end\n",
                        .admin = true,
                        .flags = {"--workers", "1", "--admin-token", TOKEN, "--handler-timeout",
                                  "0.5", "--slow-handler", "0.1"}});
    server_admin(&server, address, sizeof address);
    expect_part(answer(ask(address, "POST /profile?seconds=2")), " 200 ");
    int client = client_connect(&server);
    client_put_text(client, "loop");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, INTERRUPTED);
    close(client);
    client = client_connect(&server);
    client_ask(client, "hello", "hello");
    const char *text = await_profile(address, "GET /profile");
    expect_part(text, "%  main.lua:1\n"); /* pcall, which has called it, knows no name */
    close(client);
    server_end(&server);
}
