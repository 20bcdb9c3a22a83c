/* Hot reload by watching: a file that is half written, empty or unreadable costs nobody anything. */
#include "reload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SAYS(word) "function on_receive(conn, packet) conn:send('" word "') end\n"

static struct server begin_watched(const char *script)
{
    return server_begin(&(struct begin){
        .script = script, .admin = true, .flags = {"--workers", "2", "--log", "debug"}});
}

/* Meanwhile a settled change would have been taken, unless this machine is very slow. */
static void is_served_for_a_while(int client, const char *word)
{
    for (int i = 0; i < 15; i++) {
        client_ask(client, "what?", word);
        usleep(20000);
    }
}

static void script_path(const struct server *server, const char *name, char path[600])
{
    snprintf(path, 600, "%s/%s", server->directory, name);
}

Test(reload_half, a_file_that_is_written_in_parts_is_taken_when_it_is_closed)
{
    char path[600];
    if (on_windows()) cr_skip_test("Wine does not see that a program outside has a file open");
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    client_ask(client, "what?", "one");
    script_path(&server, "main.lua", path);
    FILE *file = fopen(path, "wb"); /* which empties it */
    is_served_for_a_while(client, "one");
    fputs("function on_connect(conn) end\n", file);
    fflush(file);
    is_served_for_a_while(client, "one");
    fputs(SAYS("two"), file);
    fclose(file);
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "two");
    cr_assert_eq(server_log_count(&server, "reload: "), 1, "%s", server_log(&server));
    close(client);
    server_end(&server);
}

/* The script writes to itself, before the server watches and after. */
Test(reload_half, a_file_that_was_open_before_the_server_watched_is_taken_when_it_is_closed)
{
    if (on_windows()) cr_skip_test("Wine does not see that a program outside has a file open");
    struct server server = server_begin(&(struct begin){
        .script = "local half = [[function on_receive(c, p) c:send('half') end\n]]\n"
                  "local path = debug.getinfo(1, 'S').source:sub(2)\n"
                  "function on_start()\n"
                  "  file = io.open(path, 'w')\n"
                  "  file:write(half) file:flush()\n"
                  "end\n"
                  "function on_receive(conn, packet)\n"
                  "  if packet == 'close' then\n"
                  "    file:write([[function on_receive(c, p) c:send('two') end\n]]) file:close()\n"
                  "  end\n"
                  "  conn:send('one')\n"
                  "end\n",
        .admin = true,
        .flags = {"--workers", "1", "--log", "debug"}});
    int client = client_connect(&server);
    is_served_for_a_while(client, "one");
    client_ask(client, "close", "one");
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "two");
    cr_assert_eq(server_log_count(&server, "generation 3"), 0, "%s", server_log(&server));
    close(client);
    server_end(&server);
}

Test(reload_half, an_empty_main_is_taken_only_when_somebody_asks_for_it)
{
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_replace(&server, "main.lua", "\r\n \t\n");
    server_expect_log(&server, "main.lua is empty, which only moonport reload takes");
    server_expect_log(&server, "nothing has changed: generation 1 runs\n");
    client_ask(client, "what?", "one");
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "two");
    script_replace(&server, "main.lua", "");
    server_expect_log_count(&server, "main.lua is empty", 2);
    server_command(&server, "reload", 0, "generation 3 runs: main.lua\n");
    close(client);
    server_end(&server);
}

Test(reload_half, a_main_without_a_handler_is_taken_only_when_somebody_asks_for_it)
{
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_replace(&server, "main.lua", "local function on_receive() end\n");
    server_expect_log(&server, "main.lua defines no handler any more, which only moonport reload");
    server_expect_log(&server, "nothing has changed: generation 1 runs\n");
    client_ask(client, "what?", "one");
    server_command(&server, "reload", 0, "generation 2 runs: main.lua\n");
    script_replace(&server, "main.lua", "local nothing\n"); /* and now there is none to miss */
    server_expect_log(&server, "reload: generation 3 runs: main.lua\n");
    close(client);
    server_end(&server);
}

Test(reload_half, code_without_a_handler_can_be_gone_back_to)
{
    struct server server = begin_watched("server.every(60, function() end)\n");
    int client = client_connect(&server);
    script_replace(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    client_ask(client, "what?", "two");
    server_command(&server, "rollback", 0, "generation 3 runs: main.lua\n");
    close(client);
    server_end(&server);
}

Test(reload_half, a_server_that_has_no_handlers_does_not_take_an_empty_main_either)
{
    struct server server = begin_watched("server.every(60, function() end)\n");
    script_replace(&server, "main.lua", "");
    server_expect_log(&server, "main.lua is empty, which only moonport reload takes");
    server_end(&server);
}

Test(reload_half, files_that_cannot_be_read_are_told_of_once)
{
    char path[600];
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_path(&server, "main.lua", path);
    cr_assert_eq(remove(path), 0);
    server_expect_log(&server, "main.lua: No such file");
    script_write(&server, "other.lua", "return 1\n");
    is_served_for_a_while(client, "one");
    cr_assert_eq(server_log_count(&server, "main.lua: No such file"), 1);
    script_write(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua, other.lua\n");
    client_ask(client, "what?", "two");
    close(client);
    server_end(&server);
}

Test(reload_half, files_that_cannot_be_read_are_told_of_and_watched_on)
{
    char path[600];
    struct server server = begin_watched(SAYS("one"));
    int client = client_connect(&server);
    script_path(&server, "main.lua", path);
    cr_assert_eq(remove(path), 0);
    server_expect_log(&server, "nothing has changed: generation 1 runs\n");
    cr_assert_eq(mkdir(path, 0700), 0);
    server_expect_log(&server, "main.lua is not a file");
    client_ask(client, "what?", "one");
    cr_assert_eq(rmdir(path), 0);
    script_write(&server, "main.lua", SAYS("two"));
    server_expect_log(&server, "reload: generation 2 runs: main.lua\n");
    if (!on_windows() && geteuid() != 0) {
        cr_assert_eq(chmod(path, 0), 0);
        script_write(&server, "other.lua", "");
        server_expect_log(&server, "main.lua: Permission denied");
        cr_assert_eq(chmod(path, 0600), 0);
        script_write(&server, "main.lua", SAYS("three"));
        server_expect_log(&server, "reload: generation 3 runs");
    }
    close(client);
    server_end(&server);
}
