#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_METHOD is what works in all threads, and never runs dry */
#include "tls_run_openssl.h"

#include "stream/tls_openssl.h"
#include "world.h"

#include "tls_peer.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <time.h>

enum { SHARE = 120 };      /* of a thousand runs */
enum { CERTIFICATES = 3 }; /* that are shown in turn */
enum { STRICT = 2 };       /* of them, the one with which only TLS 1.3 is spoken */
/* Bytes, a worker. */
enum { MEMORY_ENOUGH = 1 << 20, MEMORY_MORE_MIN = 60 << 10, MEMORY_MORE_MAX = 400 << 10 };

/* ---- random bytes and time ---- */

static struct draw random_draws;

static int give_random(unsigned char *bytes, int size)
{
    for (int i = 0; i < size; i++)
        bytes[i] = (unsigned char)(random_next(&random_draws.state) >> 24);
    return 1;
}

static int random_is_there(void)
{
    return 1;
}

static RAND_METHOD random_method = {
    .bytes = give_random, .pseudorand = give_random, .status = random_is_there};

/* OpenSSL's library finds this one by its name; the linker leads the others to wrap.c. */
time_t __wrap_time(time_t *seconds);
time_t time(time_t *seconds)
{
    return __wrap_time(seconds);
}

/* ---- memory ---- */

static int64_t live; /* allocations of OpenSSL's */

static void *allocate(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *block = malloc(size);
    live += block != NULL;
    return block;
}

static void *resize(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *block = realloc(old, size);
    live += old == NULL && block != NULL;
    return block;
}

static void release(void *block, const char *file, int line)
{
    (void)file, (void)line;
    live -= block != NULL;
    free(block);
}

/* ---- certificates ---- */

static struct tls_source certificates[CERTIFICATES]; /* each holds its context */

SSL_CTX *tls_clients;

static void make_certificate(int which)
{
    struct error error;
    const struct tls_settings settings = {.self_signed = true,
                                          .min_version = which == STRICT ? 13 : 12};
    struct tls_context *context = tls_context_make(&settings, ".", &error);
    promise(context != NULL, "%s", error.text);
    promise(tls_source_open(&certificates[which], context), "there are no random bytes");
}

bool tls_run_has_shown(const struct tls_run *run, uint32_t first, X509 *leaf)
{
    for (uint32_t i = first; i <= run->changes; i++)
        if (X509_cmp(certificates[run->shown[i]].context->pairs[0].leaf, leaf) == 0) return true;
    return false;
}

bool tls_run_was_strict(const struct tls_run *run, uint32_t first)
{
    for (uint32_t i = first; i <= run->changes; i++)
        if (run->shown[i] == STRICT) return true;
    return false;
}

/* ---- sessions ---- */

void tls_run_keep(struct tls_run *run, SSL_SESSION *session)
{
    uint32_t place = (uint32_t)draw_below(&run->draw, TLS_SESSIONS_MAX);
    if (run->session_count < TLS_SESSIONS_MAX) place = run->session_count++;
    SSL_SESSION_free(run->sessions[place]);
    run->sessions[place] = session;
}

SSL_SESSION *tls_run_session(const struct tls_run *run, int version)
{
    for (uint32_t i = run->session_count; i-- > 0;) {
        SSL_SESSION *session = run->sessions[i];
        if (SSL_SESSION_get_protocol_version(session) == version) return session;
    }
    return NULL;
}

/* ---- once ---- */

static void make_clients(void)
{
    tls_clients = SSL_CTX_new(TLS_client_method());
    promise(tls_clients != NULL, "there is no memory for clients of TLS");
    SSL_CTX_set_session_cache_mode(tls_clients, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(tls_clients, tls_peer_keep_session);
}

/* What one end has said, the other one hears. */
static void pass_on(SSL *from, SSL *to)
{
    char bytes[4096];
    int size = BIO_read(SSL_get_wbio(from), bytes, sizeof bytes);
    if (size > 0) BIO_write(SSL_get_rbio(to), bytes, size);
}

static SSL *make_end(SSL_CTX *context)
{
    SSL *ssl = SSL_new(context);
    SSL_set_bio(ssl, BIO_new(BIO_s_mem()), BIO_new(BIO_s_mem()));
    BIO_set_mem_eof_return(SSL_get_rbio(ssl), -1);
    return ssl;
}

/* Returns the session for the next time. */
static SSL_SESSION *shake_hands(int version, SSL_SESSION *session)
{
    char byte;
    SSL *client = make_end(tls_clients), *server = make_end(certificates[0].context->ssl);
    SSL_set_app_data(server, &certificates[0]);
    SSL_set_max_proto_version(client, version);
    SSL_set1_groups_list(client, session == NULL ? "X448:P-256" : "X25519:P-256");
    SSL_set_connect_state(client);
    SSL_set_accept_state(server);
    if (session != NULL) SSL_set_session(client, session);
    for (int i = 0; i < 4; i++) {
        SSL_read(client, &byte, 1);
        pass_on(client, server);
        SSL_read(server, &byte, 1);
        pass_on(server, client);
    }
    promise(SSL_is_init_finished(client), "TLS: the first of all handshakes fails");
    SSL_SESSION_free(session);
    session = SSL_get1_session(client);
    SSL_shutdown(client);
    SSL_free(client);
    SSL_free(server);
    return session;
}

/* What OpenSSL makes at its first handshakes, and keeps, is there before any run, so that all of them find the same. */
static void warm_up(void)
{
    static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};
    for (int i = 0; i < 2; i++)
        SSL_SESSION_free(shake_hands(versions[i], shake_hands(versions[i], NULL)));
    struct budget budget = {.limit = SIZE_MAX};
    const struct filter_source *source = &certificates[0].filters;
    struct filter *filter = source->open(source, &budget);
    filter->kind->take(filter, span_text("hello\n"), NULL, 0);
    filter->kind->close(filter, &budget);
    ERR_clear_error();
}

bool tls_run_prepare(void)
{
    promise(CRYPTO_set_mem_functions(allocate, resize, release) == 1,
            "OpenSSL has allocated something already");
    random_draws = draw_begin(1, 0);
    RAND_set_rand_method(&random_method);
    for (int i = 0; i < CERTIFICATES; i++) make_certificate(i);
    make_clients();
    warm_up();
    return true;
}

/* ---- a run ---- */

void tls_run_begin(struct tls_run *run, uint64_t seed, struct config *config)
{
    *run = (struct tls_run){.draw = draw_begin(seed, 3)};
    random_draws = draw_begin(seed, 4);
    if (!draw_chance(&run->draw, SHARE)) return;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        if (!draw_chance(&run->draw, 700)) continue;
        config->listeners[i].filter = &run->source.filters;
        run->is_on = true;
    }
    if (!run->is_on) return;
    OPENSSL_thread_stop(); /* its list of errors keeps memory */
    run->live_before = live;
    if (draw_chance(&run->draw, 500)) run->changes_rate = (uint16_t)draw_size(&run->draw, 20);
    if (config->memory < MEMORY_ENOUGH * config->workers)
        config->memory +=
            draw_between(&run->draw, MEMORY_MORE_MIN, MEMORY_MORE_MAX) * config->workers;
    promise(tls_source_open(&run->source, tls_context_take(&certificates[0])),
            "there are no random bytes");
}

void tls_run_change(struct tls_run *run)
{
    uint32_t which = (uint32_t)draw_below(&run->draw, CERTIFICATES);
    if (!run->is_on || run->changes + 1 == TLS_CHANGES_MAX) return;
    run->shown[++run->changes] = (uint8_t)which;
    trace_note("certificate %u is shown from now on", which);
    tls_source_put(&run->source, tls_context_take(&certificates[which]));
}

void tls_run_end(struct tls_run *run)
{
    if (!run->is_on) return;
    while (run->session_count > 0) SSL_SESSION_free(run->sessions[--run->session_count]);
    tls_source_close(&run->source);
    OPENSSL_thread_stop();
    promise(live == run->live_before, "%lld allocations of OpenSSL's were not freed",
            (long long)(live - run->live_before));
}
