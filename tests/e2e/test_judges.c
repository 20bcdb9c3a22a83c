/* Programs that look for weaknesses of a server with TLS: sslscan, testssl.sh. They find none. */
#include "packages.h"
#include "tls_place.h"

#include <stdio.h>

Test(judges, sslscan_finds_nothing_weak)
{
    char words[64];
    need_program("sslscan", "sslscan");
    char *place = tls_place_make(
        TLS_CONFIG(TLS_LISTEN("line", TLS_SHOWS_BOTH) TLS_LISTEN("line", TLS_SHOWS("rsa"))
                       TLS_LISTEN("line", "{ certificate = 'ec.pem', key = 'ec.key',\n"
                                          "  min_version = '1.3' }")),
        "ec rsa");
    struct server server = tls_place_serve(place);
    snprintf(words, sizeof words, "%u %u %u", server.port, server_port(&server, 1),
             server_port(&server, 2));
    tls_place_talk(place, "by_sslscan.py", words);
    server_end(&server);
    tls_place_remove(place);
}

/* It takes a minute, in which it waits most of the time: ./dev lets one step run it. */
Test(judges, testssl_finds_nothing_worse_than_low, .timeout = 1200)
{
    static const char script[] =
        "function on_receive(conn)\n"
        "  conn:respond(200, { ['Strict-Transport-Security'] = 'max-age=31536000',\n"
        "    ['Content-Security-Policy'] = \"default-src 'self'\" }, 'hello\\n')\n"
        "end\n";
    char words[16];
    need_program("testssl", "testssl.sh");
    char *place = tls_place_make(TLS_CONFIG(TLS_LISTEN("http", TLS_SHOWS_BOTH)), "ec rsa");
    tls_place_write(place, "main.lua", script);
    struct server server = tls_place_serve(place);
    snprintf(words, sizeof words, "%u", server.port);
    tls_place_await(place, tls_place_start(place, "by_testssl.py", words));
    server_end(&server);
    tls_place_remove(place);
}
