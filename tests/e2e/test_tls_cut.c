/* Handshakes that end too early, in the middle of anything, or never: nothing is left of them, and others are served. What cuts
 * them is in tls/by_cuts.py. */
#include "fault.h"
#include "tls_place.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The first listener is plain: who watches is not counted among those that are hurt. */
#define CONFIG \
    "return { idle_timeout = 0, opening_timeout = %d, listen = {\n" \
    "  '127.0.0.1:0', { address = '127.0.0.1:0', tls = 'self-signed' } } }\n"

struct hurt {
    struct server server;
    int watching;
    char *place;
};

static struct hurt begin(int opening_timeout)
{
    char config[400];
    struct hurt hurt = {.place = tls_place_make("return {}\n", "")};
    snprintf(config, sizeof config, CONFIG, opening_timeout);
    hurt.server = fault_begin(config);
    hurt.watching = fault_watch(&hurt.server);
    return hurt;
}

static void cut(struct hurt *hurt, const char *what, int step)
{
    char words[64];
    snprintf(words, sizeof words, "%s %u %d", what, server_port(&hurt->server, 1), step);
    tls_place_talk(hurt->place, "by_cuts.py", words);
    fault_await_rest(hurt->watching);
}

static void end(struct hurt *hurt)
{
    close(hurt->watching);
    server_end(&hurt->server);
    tls_place_remove(hurt->place);
}

Test(tls_cut, whoever_ends_or_resets_at_any_byte_leaves_nothing)
{
    struct growth growth = {.count = 0};
    struct hurt hurt = begin(60);
    fault_note_memory(&hurt.server, &growth);
    cut(&hurt, "cuts", patience() == 1 ? 1 : 7);
    fault_note_memory(&hurt.server, &growth);
    for (int round = 2; round <= ROUNDS; round++) {
        cut(&hurt, "cuts", 7);
        fault_note_memory(&hurt.server, &growth);
    }
    fault_check_growth(&growth, 0);
    end(&hurt);
}

Test(tls_cut, a_handshake_in_pieces_is_one)
{
    struct hurt hurt = begin(60);
    cut(&hurt, "pieces", 0);
    end(&hurt);
}

Test(tls_cut, what_is_no_handshake_is_ended)
{
    struct hurt hurt = begin(60);
    cut(&hurt, "garbage", 0);
    server_expect_log(&hurt.server, "closed: TLS: it does not speak TLS");
    end(&hurt);
}

Test(tls_cut, handshakes_that_do_not_end_are_ended_and_others_served)
{
    struct hurt hurt = begin(2 * patience());
    cut(&hurt, "slow", 0);
    end(&hurt);
}
