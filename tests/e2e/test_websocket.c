/* WebSockets with clients that others wrote: Debian's python3-websockets, python3-aiohttp and python3-wsproto. What each
 * does is in websocket/. */
#include "packages.h"

#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 600 };

/* A file beside the tests. */
static void beside(char path[PATH_SIZE], const char *name)
{
    snprintf(path, PATH_SIZE, "%s/../tests/e2e/websocket/%s", getenv("MOONPORT_SCRIPTS"), name);
}

static struct server serve(const char *framing)
{
    char path[PATH_SIZE];
    beside(path, "main.lua");
    char *script = file_read(path);
    cr_assert_str_neq(script, "", "%s is missing", path);
    struct server server =
        server_begin(&(struct begin){.script = script,
                                     .flags = {"--framing", framing, "--workers", "1",
                                               "--max-packet", "2M", "--idle-timeout", "0", NULL}});
    free(script);
    return server;
}

static void ask_of(const char *framing, const char *client, const char *module, const char *what)
{
    char path[PATH_SIZE], line[PATH_SIZE + 100], directory[200], log[220], package[64];
    snprintf(package, sizeof package, "python3-%s", module);
    need_python(module, package);
    struct server server = serve(framing);
    beside(path, client);
    directory_new(directory, sizeof directory);
    snprintf(log, sizeof log, "%s/log", directory);
    snprintf(line, sizeof line, PYTHON " -I %s %u %s 2>&1", path, server.port, what);
    int status = process_shell(line, log);
    char *said = file_read(log);
    cr_assert(status == 0 && strcmp(said, "ok\n") == 0, "%s %s: status %d\n%s", client, what,
              status, said);
    free(said);
    tree_remove(directory);
    server_end(&server);
}

static void by_websockets(const char *what)
{
    ask_of("websocket,protocols=v1|v2", "by_websockets.py", "websockets", what);
}

static void by_aiohttp(const char *what)
{
    ask_of("websocket,protocols=v1|v2,healthz=true", "by_aiohttp.py", "aiohttp", what);
}

static void by_wsproto(const char *what)
{
    ask_of("websocket", "by_wsproto.py", "wsproto", what);
}

Test(websocket, messages_of_all_sizes_come_back)
{
    by_websockets("sizes");
}

Test(websocket, fragments_come_back_whole)
{
    by_websockets("fragments");
}

Test(websocket, pings_are_answered)
{
    by_websockets("pings");
}

Test(websocket, many_messages_come_in_order)
{
    by_websockets("many");
}

Test(websocket, texts_and_bytes_are_told_apart)
{
    by_websockets("kinds");
}

Test(websocket, a_close_of_the_client_is_answered_and_told)
{
    by_websockets("closes");
}

Test(websocket, a_close_of_the_script_has_its_code_and_words)
{
    by_websockets("is_closed");
}

Test(websocket, an_abort_is_1006)
{
    by_websockets("is_aborted");
}

Test(websocket, a_client_that_vanishes_is_1006)
{
    by_websockets("leaves");
}

Test(websocket, a_message_that_is_too_large_is_1009)
{
    by_websockets("too_big");
}

Test(websocket, the_script_refuses_as_it_likes)
{
    by_websockets("refusals");
}

Test(websocket, a_protocol_is_chosen)
{
    by_websockets("protocols");
}

Test(websocket, the_script_sees_what_was_asked_for)
{
    by_websockets("fields");
}

Test(websocket, on_connect_may_send_and_wait)
{
    by_websockets("early");
}

Test(websocket, aiohttp_gets_its_messages_back)
{
    by_aiohttp("sizes");
}

Test(websocket, aiohttp_hears_its_pongs)
{
    by_aiohttp("pings");
}

Test(websocket, aiohttp_and_we_say_goodbye)
{
    by_aiohttp("closes");
}

Test(websocket, aiohttp_is_refused)
{
    by_aiohttp("refusals");
}

Test(websocket, aiohttp_chooses_a_protocol)
{
    by_aiohttp("protocols");
}

Test(websocket, other_requests_get_a_small_answer)
{
    by_aiohttp("plain");
}

Test(websocket, messages_come_back_however_they_are_split)
{
    by_wsproto("echo");
}

Test(websocket, fragments_in_pieces_with_a_ping_between)
{
    by_wsproto("fragments");
}

Test(websocket, two_thousand_messages_at_once)
{
    by_wsproto("pipelined");
}

Test(websocket, frames_that_come_with_the_request_are_heard)
{
    by_wsproto("frames_with_the_request");
}

Test(websocket, each_code_is_echoed)
{
    by_wsproto("closes");
}

Test(websocket, the_connection_ends_when_both_have_said_so)
{
    by_wsproto("is_closed");
}

Test(websocket, each_mistake_has_its_code)
{
    by_wsproto("mistakes");
}

Test(websocket, a_refusal_has_a_body)
{
    by_wsproto("refused");
}

Test(websocket, a_request_may_come_slowly)
{
    by_wsproto("slow_request");
}

Test(websocket, a_server_that_pings_is_answered)
{
    ask_of("websocket,ping=1", "by_websockets.py", "websockets", "server_pings");
}
