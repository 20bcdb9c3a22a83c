/* TLS with `openssl s_client`: each version, cipher and group, sessions that are resumed elsewhere and later, and what is to be
 * refused. What it does is in tls/by_openssl.py. */
#include "harness_process.h"
#include "reload.h"
#include "tls_place.h"

#include <signal.h>
#include <stdio.h>

static void by_openssl(const char *place, const struct server *server, const char *what)
{
    char words[64];
    snprintf(words, sizeof words, "%s %u", what, server->port);
    tls_place_talk(place, "by_openssl.py", words);
}

static void in_place(char *place, const char *what)
{
    struct server server = tls_place_serve(place);
    by_openssl(place, &server, what);
    server_end(&server);
    tls_place_remove(place);
}

static void alone(const char *what)
{
    in_place(tls_place_make(TLS_CONFIG(TLS_LISTEN("line", TLS_SHOWS("ec"))), "ec"), what);
}

/* In TLS 1.2 an ECDSA certificate is for those alone who know the group of its key. */
static void with_both(const char *what)
{
    in_place(tls_place_make(TLS_CONFIG(TLS_LISTEN("line", TLS_SHOWS_BOTH)), "ec rsa"), what);
}

Test(tls_openssl, both_versions_are_agreed_on)
{
    alone("versions");
}

Test(tls_openssl, each_cipher_is_agreed_on_and_no_weaker_one)
{
    with_both("ciphers");
}

Test(tls_openssl, each_group_is_agreed_on_at_once_or_when_it_is_asked_for)
{
    with_both("groups");
}

Test(tls_openssl, nobody_is_led_back_to_an_older_version)
{
    alone("downgrade");
}

Test(tls_openssl, renegotiation_is_refused_and_others_stay)
{
    alone("renegotiation");
}

Test(tls_openssl, keys_are_renewed_when_the_client_wants_it)
{
    alone("keys");
}

Test(tls_openssl, a_client_that_takes_no_tickets_is_served)
{
    alone("unticketed");
}

static void reload(const struct server *server)
{
    if (on_windows()) /* which has no such signal */
        server_command(server, "reload", 0, "runs");
    else
        cr_assert_eq(kill(server->pid, SIGHUP), 0);
}

/* All have the same keys of tickets. */
#define OPEN "{ certificate = 'ec.pem', key = 'ec.key', ticket_keys = 'tickets' }"
#define ASKS \
    "{ certificate = 'ec.pem', key = 'ec.key', ticket_keys = 'tickets', client_ca = " \
    "'clients.pem' }"

Test(tls_openssl, a_session_of_one_listener_is_worth_nothing_at_another)
{
    char words[64];
    char *place =
        tls_place_make(TLS_CONFIG(TLS_LISTEN("line", OPEN) TLS_LISTEN("line", ASKS)), "ec client");
    tls_place_run(place, "cp ca.pem clients.pem");
    struct server server = tls_place_serve(place);
    snprintf(words, sizeof words, "elsewhere %u %u", server.port, server_port(&server, 1));
    tls_place_talk(place, "by_openssl.py", words);
    server_end(&server);
    tls_place_remove(place);
}

Test(tls_openssl, a_session_ends_when_nobody_vouches_for_its_client_any_more)
{
    char *place = tls_place_make(TLS_CONFIG(TLS_LISTEN("line", ASKS)), "ec client");
    tls_place_run(place, "cp ca.pem clients.pem");
    struct server server = tls_place_serve(place);
    by_openssl(place, &server, "trusted");
    tls_place_run(place, "cp ec.pem clients.pem");
    reload(&server);
    server_expect_log(&server, "tls: new certificates are shown from now on");
    by_openssl(place, &server, "untrusted");
    server_end(&server);
    tls_place_remove(place);
}

Test(tls_openssl, sessions_are_resumed_on_other_workers_after_reloads_and_renewals)
{
    char *place = tls_place_make(TLS_CONFIG(TLS_LISTEN("line", TLS_SHOWS("ec"))), "ec two");
    struct server server = tls_place_serve(place);
    by_openssl(place, &server, "saved");
    by_openssl(place, &server, "resumed");
    tls_place_run(place, "echo '-- anew' >>main.lua");
    reload(&server);
    server_expect_log(&server, "generation 2 ");
    by_openssl(place, &server, "reloaded");
    tls_place_run(place, "cp two.pem ec.pem && cp two.key ec.key");
    reload(&server);
    server_expect_log(&server, "tls: new certificates are shown from now on");
    by_openssl(place, &server, "renewed");
    server_end(&server);
    tls_place_remove(place);
}
