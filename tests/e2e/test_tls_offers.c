/* What TLS offers beside the certificate: protocols that decide the framing, tickets that outlive the server, what is said of
 * revocation, what a script knows of a peer. The clients are Python's ssl and the program openssl. */
#include "reload.h"
#include "tls_place.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#define SHOWS(more) "{ certificate = 'ec.pem', key = 'ec.key', " more " }"

static struct server server;
static char *place;

static void begin(const char *config, const char *certificates)
{
    place = tls_place_make(config, certificates);
    server = tls_place_serve(place);
}

static void talk(const char *what)
{
    char words[64];
    snprintf(words, sizeof words, "%s %u", what, server.port);
    tls_place_talk(place, "by_offers.py", words);
}

/* Files that have changed are read now. */
static void reload(void)
{
    server_command(&server, "reload", 0, "runs");
}

static void end(void)
{
    server_end(&server);
    tls_place_remove(place);
}

Test(tls_offers, a_protocol_decides_the_framing)
{
    begin(TLS_CONFIG(TLS_LISTEN("line", SHOWS("alpn = { ['http/1.1'] = 'websocket',\n"
                                              "  ['game/1'] = { 'length', size = 2, order = "
                                              "'big', counts_header = false } }"))),
          "ec");
    talk("protocols");
    server_expect_log(&server, "TLS: it asks for protocols of which none is spoken here (alpn)");
    end();
}

/* Without the file they are forgotten, and by a server that shows something else to someone else they are not taken. */
Test(tls_offers, sessions_are_resumed_after_a_restart)
{
    char path[300];
    struct stat status;
    begin(TLS_CONFIG(TLS_LISTEN("line", SHOWS("ticket_keys = 'tickets'"))), "ec client");
    talk("remember");
    talk("remembers");
    server_end(&server);
    server = tls_place_serve(place);
    talk("remembers");
    snprintf(path, sizeof path, "%s/tickets", place);
    cr_assert_eq(stat(path, &status), 0);
    if (!on_windows()) cr_assert_eq(status.st_mode & 0777, 0600);
    server_end(&server);
    tls_place_write(place, "config.lua",
                    TLS_CONFIG(TLS_LISTEN("line", SHOWS("ticket_keys = 'tickets', client_ca = "
                                                        "'ca.pem', client_auth = 'optional'"))));
    server = tls_place_serve(place);
    talk("forgets");
    server_end(&server);
    tls_place_write(place, "config.lua", TLS_CONFIG(TLS_LISTEN("line", SHOWS(""))));
    server = tls_place_serve(place);
    talk("forgets");
    end();
}

/* As from another machine that has made a new one. */
Test(tls_offers, another_file_of_tickets_is_taken_while_it_serves)
{
    begin(TLS_CONFIG(TLS_LISTEN("line", SHOWS("ticket_keys = 'tickets'"))), "ec");
    talk("remember");
    tls_place_run(place, "cp tickets first && rm tickets");
    reload();
    talk("forgets");
    tls_place_run(place, "sed 's/ [0-9a-f]\\{8\\}/ 01234567/' tickets >other && mv other tickets");
    reload();
    talk("forgets");
    tls_place_run(place, "mv first tickets");
    reload();
    talk("remembers");
    tls_place_run(place, "echo nonsense >tickets");
    reload();
    server_expect_log(&server, "tickets cannot be read, or has no keys of tickets: remove it");
    talk("remembers");
    end();
}

Test(tls_offers, a_file_of_tickets_that_is_none_is_an_error)
{
    place = tls_place_make(TLS_CONFIG(TLS_LISTEN("line", SHOWS("ticket_keys = 'main.lua'"))), "ec");
    program_fail(INPUT, WORDS(place), "main.lua cannot be read, or has no keys of tickets",
                 "remove it, and it is made anew");
    tls_place_remove(place);
}

/* Made by the CA of the certificates, with a list of what it has signed. */
static void make_ocsp(const char *name, const char *state)
{
    char line[1200];
    snprintf(
        line, sizeof line,
        "serial=$(openssl x509 -in ec.pem -noout -serial | cut -d= -f2) && "
        "printf '%s\\t401231235959Z\\t%s\\t%%s\\tunknown\\t/CN=ec\\n' \"$serial\" >index.txt && "
        "openssl ocsp -index index.txt -rsigner ca.pem -rkey ca.key -CA ca.pem -issuer ca.pem "
        "-cert ec.pem -ndays 2 -reqout request -respout /dev/null -noverify; "
        "openssl ocsp -index index.txt -rsigner ca.pem -rkey ca.key -CA ca.pem -reqin request "
        "-ndays 2 -respout %s",
        state, state[0] == 'R' ? "251231235959Z" : "", name);
    tls_place_run(place, line);
}

Test(tls_offers, what_is_said_of_revocation_is_shown_and_renewed)
{
    static const char config[] =
        TLS_CONFIG(TLS_LISTEN("line", "{ certificate = 'full.pem', key = 'ec.key', "
                                      "ocsp = 'now.ocsp' }"));
    place = tls_place_make(config, "ec");
    tls_place_run(place, "cat ec.pem ca.pem >full.pem");
    make_ocsp("now.ocsp", "V");
    make_ocsp("revoked.ocsp", "R");
    server = tls_place_serve(place);
    talk("status");
    tls_place_run(place, "cp now.ocsp good.ocsp && cp revoked.ocsp now.ocsp");
    reload();
    server_expect_log(&server, "now.ocsp says that the certificate is revoked");
    talk("status");
    tls_place_run(place, "cp good.ocsp now.ocsp && touch now.ocsp");
    talk("status");
    server_end(&server);
    tls_place_write(place, "config.lua", TLS_CONFIG(TLS_LISTEN("line", SHOWS(""))));
    server = tls_place_serve(place);
    talk("no_status");
    end();
}

Test(tls_offers, a_script_knows_its_peer)
{
    begin(TLS_CONFIG(TLS_LISTEN("line", SHOWS("client_ca = 'ca.pem'"))), "ec client");
    tls_place_write(place, "main.lua",
                    "function on_receive(conn)\n"
                    "  local peer = conn.tls.peer\n"
                    "  local days = math.floor((peer.not_after - peer.not_before) / 86400)\n"
                    "  conn:send(peer.subject .. ' by ' .. peer.issuer .. ', ' ..\n"
                    "    table.concat(peer.names, ' ') .. ', ' .. peer.serial .. ', ' ..\n"
                    "    peer.fingerprint .. ', ' .. days .. ' days')\n"
                    "end\n");
    reload();
    talk("peer");
    end();
}

Test(tls_offers, what_is_wrong_with_the_protocols_is_said)
{
    static const char *const wrong[][2] = {
        {"alpn = 'game/1'", "alpn is a string, expected a table"},
        {"alpn = { 'game/1' }", "alpn: expected a framing for each protocol"},
        {"alpn = {}", "alpn is an empty table"},
        {"alpn = { ['game/1'] = 'tine' }", "alpn: game/1: "},
        {"alpn = { ['a,b'] = 'line' }", "is not taken"},
        {"alpn = { [''] = 'line' }", "the name of a protocol has 1 to 255 bytes"},
        {"alpn = { ['game/1'] = 'line,max=32M' }", "alpn of the listener 127.0.0.1:0: "},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        char config[600];
        snprintf(config, sizeof config,
                 "return { listen = { { address = '127.0.0.1:0', tls = { certificate = "
                 "'self-signed', %s } } } }\n",
                 wrong[i][0]);
        char *directory = directory_make("main.lua", ECHO, "config.lua", config, NULL);
        program_fail(INPUT, WORDS("check", directory), "alpn", wrong[i][1]);
        directory_remove(directory);
    }
}
