/* How a probation goes, and went, as `moonport stats` tells it. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Fails as often as it is told to. */
#define SAYS(word) \
    "function on_receive(conn, packet)\n" \
    "  if packet == 'fail' then error('as \\27told') end\n" \
    "  conn:send('" word "')\n" \
    "end\n"

static struct server begin(void)
{
    return server_begin(
        &(struct begin){.script = SAYS("one"),
                        .admin = true,
                        .flags = {"--workers", "1", "--reload", "signal", "--probation", "1000"}});
}

static void load(const struct server *server, const char *script)
{
    script_write(server, "main.lua", script);
    server_command(server, "reload", 0, "runs");
}

/* What it prints, to be freed; word NULL: no more words. */
static char *stats(const struct server *server, const char *word)
{
    char address[64], *out, *err;
    server_admin(server, address, sizeof address);
    cr_assert_eq(program_run(&out, &err, WORDS("stats", "--admin", address, word)), 0, "%s", err);
    free(err);
    return out;
}

/* The line of this name, without its end; "" if there is none. */
static const char *line_of(const char *text, const char *name)
{
    static char line[1024];
    line[0] = '\0';
    for (const char *at = text; *at != '\0'; at += strcspn(at, "\n") + 1) {
        if (strncmp(at, name, strlen(name)) != 0 || at[strlen(name)] != ' ') continue;
        snprintf(line, sizeof line, "%.*s", (int)strcspn(at, "\n"), at);
        break;
    }
    return line;
}

/* Returns the number between them, or 0. */
static unsigned long expect_line(const struct server *server, const char *name, const char *begin,
                                 const char *end)
{
    char *text = stats(server, NULL);
    const char *line = line_of(text, name);
    const char *found = strstr(line, begin);
    size_t size = strlen(line);
    cr_assert_not_null(found, "\"%s\" should be in \"%s\"", begin, line);
    cr_assert(size >= strlen(end) && strcmp(line + size - strlen(end), end) == 0, "%s", line);
    free(text);
    return strtoul(found + strlen(begin), NULL, 10);
}

static void expect_none(const struct server *server, const char *name)
{
    char *text = stats(server, NULL);
    cr_assert_str_eq(line_of(text, name), "");
    free(text);
}

static void expect_json(const struct server *server, const char *part)
{
    char *text = stats(server, "--json");
    cr_assert_not_null(strstr(text, part), "\"%s\" should be in %s", part, text);
    free(text);
}

Test(probation_shown, how_long_it_lasts_and_what_has_failed_so_far)
{
    struct server server = begin();
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    expect_none(&server, "probation");
    expect_json(&server, "\"probation\":null,\"taken_back\":null");
    load(&server, SAYS("two"));
    for (int i = 0; i < 18; i++) client_ask(client, "what?", "two");
    for (int i = 0; i < 2; i++) client_put_text(client, "fail");
    client_ask(client, "what?", "two");
    unsigned long seconds = expect_line(&server, "probation", " generation 2 is on probation for ",
                                        " s more: 2 of 21 calls have failed");
    cr_assert_leq(seconds, 1000);
    expect_json(&server, "\"probation\":{\"generation\":2,\"seconds_left\":");
    expect_json(&server, ",\"calls\":21,\"failed\":2},\"taken_back\":null");
    expect_none(&server, "taken_back");
    close(client);
    server_end(&server);
}

/* Until another one is brought in. */
Test(probation_shown, why_it_was_taken_back)
{
    struct server server = begin();
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    load(&server, SAYS("two"));
    for (int i = 0; i < 3; i++) client_put_text(client, "fail");
    server_expect_log(&server, "error probation: ");
    client_ask(client, "what?", "one");
    expect_none(&server, "probation");
    expect_line(&server, "taken_back",
                " generation 2 was taken back: on_receive has failed in 3 of 3 calls of "
                "generation 2, and in 0 of 1 shortly before it: ",
                "main.lua:2: as \\x1btold");
    expect_json(&server, "\"probation\":null,\"taken_back\":{\"generation\":2,\"why\":\"on_receive "
                         "has failed in 3 of 3 calls of ");
    load(&server, SAYS("three"));
    expect_none(&server, "taken_back");
    expect_line(&server, "probation", " generation 4 is on probation for ",
                " s more: 0 of 0 calls have failed");
    close(client);
    server_end(&server);
}
