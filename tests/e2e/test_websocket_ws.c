/* WebSockets with npm's ws as a client. What it does is in websocket/by_ws.mjs: each test talks with three listeners, one
 * that does not compress, one that compresses each message alone, and one with contexts; and to each with different offers. */
#include "packages.h"

#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LISTENER(framing) "{ address = '127.0.0.1:0', framing = '" framing "' },"
#define CONFIG \
    "return { workers = 1, max_packet = '2M', idle_timeout = 0, listen = {" LISTENER("websocket") \
        LISTENER("websocket,compress=true") LISTENER("websocket,compress=takeover") "} }\n"

static void by_ws(const char *what)
{
    char path[600], line[800], log[300];
    need_ws();
    snprintf(path, sizeof path, "%s/../tests/e2e/websocket", getenv("MOONPORT_SCRIPTS"));
    snprintf(line, sizeof line, "%s/main.lua", path);
    char *script = file_read(line);
    struct server server = server_begin(&(struct begin){.script = script, .config = CONFIG});
    snprintf(log, sizeof log, "%s/said", server.directory);
    snprintf(line, sizeof line, "exec 2>&1; node '%s/by_ws.mjs' %s %u %u %u", path, what,
             server_port(&server, 0), server_port(&server, 1), server_port(&server, 2));
    int status = process_shell(line, log);
    char *said = file_read(log);
    cr_assert(status == 0 && strcmp(said, "ok\n") == 0, "%s: status %d\n%s", what, status, said);
    free(said);
    free(script);
    server_end(&server);
}

Test(websocket_ws, messages_of_all_sizes_come_back)
{
    by_ws("sizes");
}

Test(websocket_ws, a_megabyte_comes_back)
{
    by_ws("large");
}

Test(websocket_ws, many_messages_come_in_order)
{
    by_ws("order");
}

Test(websocket_ws, fragments_come_back_whole_with_a_ping_between)
{
    by_ws("fragments");
}

Test(websocket_ws, a_message_may_be_compressed_or_not)
{
    by_ws("mixed");
}

Test(websocket_ws, pings_are_answered)
{
    by_ws("pings");
}

Test(websocket_ws, bytes_are_as_few_as_was_agreed)
{
    by_ws("wire");
}

Test(websocket_ws, a_broadcast_reaches_all_whatever_they_agreed)
{
    by_ws("broadcast");
}

Test(websocket_ws, a_close_of_the_client_is_answered_and_told)
{
    by_ws("closes");
}

Test(websocket_ws, a_close_of_the_script_has_its_code_and_words)
{
    by_ws("is_closed");
}

Test(websocket_ws, a_message_that_is_too_large_is_1009)
{
    by_ws("too_large");
}

Test(websocket_ws, a_text_that_is_none_is_1007)
{
    by_ws("no_text");
}

Test(websocket_ws, refusals_and_protocols_are_understood)
{
    by_ws("greets");
}
