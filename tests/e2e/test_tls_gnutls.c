/* TLS with GnuTLS, a stack of others, as the client: records of every size, new keys, sessions, groups and ciphers. What it does
 * is in tls/by_gnutls.py. */
#include "packages.h"
#include "tls_place.h"

#include <stdio.h>

static void by_gnutls(const char *certificates, const char *tls, const char *what)
{
    char words[64], config[1000];
    need_program("gnutls-cli", "gnutls-bin");
    snprintf(config, sizeof config, TLS_CONFIG("%s"), tls);
    char *place = tls_place_make(config, certificates);
    struct server server = tls_place_serve(place);
    /* Under a sanitizer not each size. */
    snprintf(words, sizeof words, "%s %u %d", what, server.port, patience() == 1 ? 1 : 97);
    tls_place_talk(place, "by_gnutls.py", words);
    server_end(&server);
    tls_place_remove(place);
}

static void alone(const char *what)
{
    by_gnutls("ec", TLS_LISTEN("line", TLS_SHOWS("ec")), what);
}

static void with_both(const char *what)
{
    by_gnutls("ec rsa", TLS_LISTEN("line", TLS_SHOWS_BOTH), what);
}

Test(tls_gnutls, records_of_every_size_come_back)
{
    alone("sizes");
}

Test(tls_gnutls, packets_of_many_records_come_back)
{
    alone("large");
}

Test(tls_gnutls, streams_go_both_ways_at_once)
{
    alone("streams");
}

Test(tls_gnutls, a_client_with_little_room_gets_small_records)
{
    alone("small");
}

Test(tls_gnutls, keys_are_renewed_after_each_packet)
{
    alone("updates");
}

Test(tls_gnutls, sessions_are_resumed_on_all_workers)
{
    alone("resumed");
}

Test(tls_gnutls, renegotiation_is_refused_and_the_connection_stays)
{
    alone("renegotiates");
}

Test(tls_gnutls, ends_are_told_both_ways)
{
    alone("ends");
}

Test(tls_gnutls, its_program_agrees_on_each_group_and_cipher_and_resumes)
{
    with_both("program");
}

Test(tls_gnutls, its_program_is_refused_what_is_weak)
{
    with_both("refused");
}
