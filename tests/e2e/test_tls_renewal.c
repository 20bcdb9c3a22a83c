/* Certificates that are renewed while clients talk: a thousand, broken ones in between, and links that are led elsewhere. What
 * renews them is in tls/by_renewals.py, who talks in tls/by_load.py. */
#include "harness_process.h"
#include "tls_place.h"

#include <stdio.h>

#define LIVE "{ certificate = 'live.pem', key = 'live.key' }"
#define CONFIG(more) \
    "return { workers = 2, idle_timeout = 0, max_packet = '1M', " more "\n" \
    "  listen = {" TLS_LISTEN("line", LIVE) "} }\n"

static char *make(const char *config)
{
    char *place = tls_place_make(config, "ec two rsa");
    tls_place_run(place, "cp ec.pem live.pem && cp ec.key live.key");
    return place;
}

Test(tls_renewal, a_thousand_under_load_lose_nothing_and_broken_ones_are_not_shown, .timeout = 1200)
{
    char words[100], admin[64];
    char *place = make(CONFIG("reload = 'signal', admin_token = 'the-token-of-these-tests',"));
    struct server server = tls_place_serve(place);
    server_admin(&server, admin, sizeof admin);
    snprintf(words, sizeof words, "%u", server.port);
    struct tls_talker load = tls_place_start(place, "by_load.py", words);
    int count = patience() == 1 && !has_luajit() ? 1000 : 100; /* elsewhere each takes longer */
    snprintf(words, sizeof words, "thousand %u %s %d", server.port, admin, count);
    tls_place_await(place, tls_place_start(place, "by_renewals.py", words));
    tls_place_await(place, load);
    server_end(&server);
    tls_place_remove(place);
}

static void found_by_itself(const char *how, const char *said)
{
    char words[64];
    char *place = make(CONFIG(""));
    struct server server = tls_place_serve(place);
    snprintf(words, sizeof words, "%s %u", how, server.port);
    tls_place_await(place, tls_place_start(place, "by_renewals.py", words));
    server_expect_log(&server, said);
    server_end(&server);
    tls_place_remove(place);
}

Test(tls_renewal, links_are_led_to_new_files_one_after_the_other)
{
    found_by_itself("links", "live.pem; the certificate from before is shown");
}

Test(tls_renewal, a_link_is_led_to_a_new_directory)
{
    found_by_itself("directories", "tls: new certificates are shown from now on");
}
