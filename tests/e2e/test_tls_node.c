/* TLS with node as the client: its module tls, and npm's ws. What it does is in tls/by_node.mjs. */
#include "packages.h"
#include "tls_place.h"

#include <stdio.h>

#define TWO_NAMES "{ certificate = { 'ec.pem', 'two.pem' }, key = { 'ec.key', 'two.key' } }"
#define ASKS "{ certificate = 'ec.pem', key = 'ec.key', client_ca = 'ca.pem' }"

static void by_node(const char *what)
{
    char words[64];
    need_program("node", "node");
    char *place = tls_place_make(TLS_CONFIG(TLS_LISTEN("line", TWO_NAMES) TLS_LISTEN("line", ASKS)
                                                TLS_LISTEN("websocket", TWO_NAMES)),
                                 "ec two client");
    struct server server = tls_place_serve(place);
    snprintf(words, sizeof words, "%s %u %u %u", what, server.port, server_port(&server, 1),
             server_port(&server, 2));
    tls_place_talk_by("node", place, "by_node.mjs", words);
    server_end(&server);
    tls_place_remove(place);
}

Test(tls_node, lines_of_all_sizes_come_back)
{
    by_node("echoes");
}

Test(tls_node, sessions_are_resumed_by_the_ticket_that_came_last)
{
    by_node("resumes");
}

Test(tls_node, each_name_has_its_certificate_and_others_are_not_trusted)
{
    by_node("names");
}

Test(tls_node, a_client_shows_its_certificate_or_is_not_let_in)
{
    by_node("shows_itself");
}

Test(tls_node, ws_comes_through_it)
{
    need_ws();
    by_node("websockets");
}
