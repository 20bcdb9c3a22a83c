#define OPENSSL_SUPPRESS_DEPRECATED /* RAND_METHOD: an input does the same each time */
#include "tls_client.h"

#include "../unit/random.h"
#include "base/check.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdlib.h>

struct tls_client {
    SSL *ssl;
    BIO *in, *out;
    bool has_failed;
};

enum { READ_MAX = 16384 };

static SSL_CTX *context;
static SSL_SESSION *kept[2]; /* of TLS 1.3, of TLS 1.2 */

/* ---- the same random bytes each time ---- */

static uint64_t random_state = 1;

static int give_random(unsigned char *bytes, int size)
{
    for (int i = 0; i < size; i++) bytes[i] = (unsigned char)(random_next(&random_state) >> 24);
    return 1;
}

static int random_is_there(void)
{
    return 1;
}

/* ---- once ---- */

static int keep_session(SSL *ssl, SSL_SESSION *session)
{
    SSL_SESSION **place = &kept[SSL_version(ssl) == TLS1_2_VERSION];
    if (*place != NULL) return 0;
    *place = SSL_SESSION_dup(session);
    return 0;
}

bool tls_client_prepare(void)
{
    static RAND_METHOD method = {
        .bytes = give_random, .pseudorand = give_random, .status = random_is_there};
    if (context != NULL) return true;
    RAND_set_rand_method(&method);
    context = SSL_CTX_new(TLS_client_method());
    check(context != NULL);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(context, keep_session);
    return true;
}

/* ---- a client ---- */

struct tls_client *tls_client_open(bool is_old, bool resumes)
{
    struct tls_client *client = calloc(1, sizeof *client);
    check(client != NULL);
    random_state = 1;
    client->ssl = SSL_new(context);
    client->in = BIO_new(BIO_s_mem());
    client->out = BIO_new(BIO_s_mem());
    check(client->ssl != NULL && client->in != NULL && client->out != NULL);
    BIO_set_mem_eof_return(client->in, -1);
    SSL_set_bio(client->ssl, client->in, client->out);
    SSL_set_max_proto_version(client->ssl, is_old ? TLS1_2_VERSION : TLS1_3_VERSION);
    SSL_set_connect_state(client->ssl);
    if (resumes && kept[is_old] != NULL) {
        SSL_SESSION *session = SSL_SESSION_dup(kept[is_old]);
        SSL_set_session(client->ssl, session);
        SSL_SESSION_free(session);
    }
    return client;
}

void tls_client_close(struct tls_client *client)
{
    SSL_free(client->ssl);
    free(client);
    ERR_clear_error();
}

/* Whether it may go on. */
static bool goes_on(struct tls_client *client, int result)
{
    if (result == 1) return true;
    int error = SSL_get_error(client->ssl, result);
    client->has_failed = error != SSL_ERROR_WANT_READ && error != SSL_ERROR_ZERO_RETURN;
    return false;
}

void tls_client_hear(struct tls_client *client, struct span bytes, struct buffer *plain)
{
    size_t got = 0;
    if (client->has_failed) return;
    check(bytes.size == 0 || BIO_write(client->in, bytes.data, (int)bytes.size) == (int)bytes.size);
    ERR_clear_error();
    if (!SSL_is_init_finished(client->ssl) && !goes_on(client, SSL_do_handshake(client->ssl)))
        return;
    do {
        check(buffer_reserve(plain, READ_MAX));
        got = 0;
        ERR_clear_error();
        if (!goes_on(client, SSL_read_ex(client->ssl, plain->data + plain->end, READ_MAX, &got)))
            return;
        plain->end += got;
    } while (got > 0);
}

void tls_client_say(struct tls_client *client, struct buffer *wire)
{
    size_t size = BIO_ctrl_pending(client->out), got = 0;
    if (size == 0) return;
    check(buffer_reserve(wire, size));
    check(BIO_read_ex(client->out, wire->data + wire->end, size, &got) == 1 && got == size);
    wire->end += size;
}

bool tls_client_is_open(const struct tls_client *client)
{
    return SSL_is_init_finished(client->ssl) && !client->has_failed;
}

bool tls_client_has_failed(const struct tls_client *client)
{
    return client->has_failed;
}

size_t tls_client_write(struct tls_client *client, struct span plain)
{
    size_t taken = 0;
    ERR_clear_error();
    if (plain.size == 0 || (SSL_get_shutdown(client->ssl) & SSL_SENT_SHUTDOWN) != 0) return 0;
    if (SSL_write_ex(client->ssl, plain.data, plain.size, &taken) != 1) taken = 0;
    ERR_clear_error();
    return taken;
}

void tls_client_begin_anew(struct tls_client *client)
{
    ERR_clear_error();
    if (SSL_version(client->ssl) == TLS1_3_VERSION)
        SSL_key_update(client->ssl, SSL_KEY_UPDATE_REQUESTED);
    else
        SSL_renegotiate(client->ssl);
    SSL_do_handshake(client->ssl);
    ERR_clear_error();
}

void tls_client_end(struct tls_client *client)
{
    ERR_clear_error();
    if (tls_client_is_open(client)) SSL_shutdown(client->ssl);
    ERR_clear_error();
}
