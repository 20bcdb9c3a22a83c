#include "stream/tls_openssl.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Forward secrecy and authenticated encryption alone (RFC 9325 4.2). TLS 1.3 has no others. */
#define CIPHERS "ECDHE+AESGCM:ECDHE+CHACHA20"
#define GROUPS "X25519:P-256:P-384"

/* OpenSSL's, as Debian has it by default and other builds have not: keys of RSA have 2048 bits or more. */
enum { SECURITY_LEVEL = 2 };

/* ---- which certificates a connection shows ---- */

static bool is_for(X509 *leaf, const char *name)
{
    return name != NULL && X509_check_host(leaf, name, 0, 0, NULL) == 1;
}

static bool show(SSL *ssl, const struct tls_pair *pair)
{
    return SSL_use_cert_and_key(ssl, pair->leaf, pair->key, pair->chain, 1) == 1;
}

/* Those for the name that the peer asks for (RFC 6066 3), one of each kind of key. If none is for it, those that are shown to
 * a client that asks for no name. */
static int choose(SSL *ssl, void *argument)
{
    const struct tls_context *context = argument;
    const char *name = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    bool any = false;
    for (uint32_t i = 0; i < context->count; i++) any = any || is_for(context->pairs[i].leaf, name);
    if (!any) return 1;
    SSL_certs_clear(ssl);
    for (uint32_t i = context->count; i-- > 0;) /* the first of a kind is put there last */
        if (is_for(context->pairs[i].leaf, name) && !show(ssl, &context->pairs[i])) return 0;
    return 1;
}

/* A session remembers the name that was asked for, and tells it when it is resumed in TLS 1.2, only if somebody knows it. */
static int know_name(SSL *ssl, int *alert, void *argument)
{
    (void)ssl, (void)alert, (void)argument;
    return SSL_TLSEXT_ERR_OK;
}

/* OpenSSL's, for a ticket: a session ends with the certificate that its peer has shown, for each use makes a new ticket, and
 * it would last for ever. Then there is a whole handshake. */
static SSL_TICKET_RETURN judge(SSL *ssl, SSL_SESSION *session, const unsigned char *name,
                               size_t size, SSL_TICKET_STATUS status, void *argument)
{
    bool opens = status == SSL_TICKET_SUCCESS || status == SSL_TICKET_SUCCESS_RENEW;
    X509 *peer = opens ? SSL_SESSION_get0_peer(session) : NULL;
    bool has_ended = peer != NULL && X509_cmp_current_time(X509_get0_notAfter(peer)) <= 0;
    (void)ssl, (void)name, (void)size, (void)argument;
    if (!opens || has_ended) return SSL_TICKET_RETURN_IGNORE_RENEW;
    return status == SSL_TICKET_SUCCESS ? SSL_TICKET_RETURN_USE : SSL_TICKET_RETURN_USE_RENEW;
}

/* ---- making ---- */

static bool failed(struct error *error, const char *what)
{
    const char *why = ERR_reason_error_string(ERR_peek_error()); /* static */
    ERR_clear_error();
    return error_set(error, ERROR_INPUT, "tls: %s: %s", what, why == NULL ? "not taken" : why);
}

static bool set_protocol(SSL_CTX *ssl, const struct tls_settings *settings, struct error *error)
{
    int version = settings->min_version == 13 ? TLS1_3_VERSION : TLS1_2_VERSION;
    SSL_CTX_set_options(ssl, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION |
                                 SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
    SSL_CTX_set_mode(ssl, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(ssl, SSL_SESS_CACHE_OFF); /* peers keep tickets */
    SSL_CTX_set_tlsext_servername_callback(ssl, know_name);
    SSL_CTX_set_session_ticket_cb(ssl, NULL, judge, NULL);
    SSL_CTX_set_security_level(ssl, SECURITY_LEVEL);
    if (SSL_CTX_set_min_proto_version(ssl, version) != 1 ||
        SSL_CTX_set1_groups_list(ssl, GROUPS) != 1)
        return failed(error, "the protocol");
    if (SSL_CTX_set_cipher_list(ssl, settings->ciphers == NULL ? CIPHERS : settings->ciphers) == 1)
        return true;
    return failed(error, "ciphers");
}

/* A session is resumed where the same peers would be let in as at its beginning: by the same authorities, as strictly. */
static bool set_session_context(SSL_CTX *ssl, const struct tls_settings *settings, const char *path)
{
    static const char word[] = "moonport";
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    char bytes[4096];
    int got;
    BIO *file = path == NULL ? NULL : BIO_new_file(path, "rb");
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool fine = context != NULL && EVP_DigestInit_ex(context, EVP_sha256(), NULL) == 1 &&
                EVP_DigestUpdate(context, word, sizeof word) == 1 &&
                EVP_DigestUpdate(context, &settings->client_auth, 1) == 1;
    while (fine && file != NULL && (got = BIO_read(file, bytes, sizeof bytes)) > 0)
        fine = EVP_DigestUpdate(context, bytes, (size_t)got) == 1;
    fine = fine && EVP_DigestFinal_ex(context, digest, &size) == 1 &&
           SSL_CTX_set_session_id_context(ssl, digest, size) == 1;
    EVP_MD_CTX_free(context);
    BIO_free(file);
    return fine;
}

static bool set_client_auth(SSL_CTX *ssl, const struct tls_settings *settings,
                            const struct tls_place *place, struct error *error)
{
    char path[TLS_PATH_MAX];
    if (settings->client_ca == NULL)
        return set_session_context(ssl, settings, NULL) || failed(error, "sessions");
    if (!tls_path(place, settings->client_ca, path, error)) return false;
    STACK_OF(X509_NAME) *names = SSL_load_client_CA_file(path);
    if (names == NULL || SSL_CTX_load_verify_file(ssl, path) != 1) {
        sk_X509_NAME_pop_free(names, X509_NAME_free);
        ERR_clear_error();
        return error_set(error, ERROR_INPUT, "tls: client_ca: %s has no certificates in PEM", path);
    }
    SSL_CTX_set_client_CA_list(ssl, names);
    int must = settings->client_auth == TLS_CLIENT_REQUIRED ? SSL_VERIFY_FAIL_IF_NO_PEER_CERT : 0;
    if (settings->client_auth != TLS_CLIENT_NONE)
        SSL_CTX_set_verify(ssl, SSL_VERIFY_PEER | must, NULL);
    return set_session_context(ssl, settings, path) || failed(error, "sessions");
}

static bool read_pairs(struct tls_context *context, const struct tls_settings *settings,
                       const struct tls_place *place, struct error *error)
{
    if (settings->self_signed) {
        context->count = 1;
        return tls_self_sign(&context->pairs[0]) ||
               error_set(error, ERROR_SYSTEM, "tls: no certificate could be made");
    }
    for (uint32_t i = 0; i < settings->certificate_count; i++) {
        if (!tls_pair_read(&context->pairs[i], place, settings->certificates[i], settings->keys[i],
                           error))
            return false;
        context->count++;
    }
    return true;
}

/* A client that asks for no name that is known is shown the first of each kind of key. */
static bool use_pairs(struct tls_context *context, const struct tls_settings *settings,
                      struct error *error)
{
    for (uint32_t i = context->count; i-- > 0;) {
        const struct tls_pair *pair = &context->pairs[i];
        if (SSL_CTX_use_cert_and_key(context->ssl, pair->leaf, pair->key, pair->chain, 1) != 1)
            return failed(error, settings->self_signed ? "self-signed" : settings->certificates[i]);
    }
    if (context->count > 1) SSL_CTX_set_cert_cb(context->ssl, choose, context);
    return true;
}

static bool read_ocsp(struct tls_context *context, const struct tls_settings *settings,
                      const struct tls_place *place, struct error *error)
{
    for (uint32_t i = 0; i < settings->ocsp_count; i++)
        if (!tls_ocsp_read(context, place, settings->ocsp[i], error)) return false;
    if (settings->ocsp_count > 0) tls_ocsp_show(context);
    return true;
}

static bool fill(struct tls_context *context, const struct tls_settings *settings,
                 const struct tls_place *place, struct error *error)
{
    return set_protocol(context->ssl, settings, error) &&
           set_client_auth(context->ssl, settings, place, error) &&
           read_pairs(context, settings, place, error) && use_pairs(context, settings, error) &&
           read_ocsp(context, settings, place, error) &&
           (tls_alpn_open(context, settings) || error_set(error, ERROR_SYSTEM, "tls: no memory"));
}

struct tls_context *tls_context_make(const struct tls_settings *settings, const char *directory,
                                     struct error *error)
{
    const struct tls_place place = {.directory = directory,
                                    .password_file = settings->key_password_file};
    struct tls_context *context = calloc(1, sizeof *context);
    ERR_clear_error();
    if (context != NULL) context->ssl = SSL_CTX_new(TLS_server_method());
    if (context == NULL || context->ssl == NULL) {
        free(context);
        error_set(error, ERROR_SYSTEM, "tls: no memory");
        return NULL;
    }
    context->holders = 1;
    if (fill(context, settings, &place, error)) return context;
    tls_context_drop(context);
    return NULL;
}

struct tls_context *tls_context_take(struct tls_source *source)
{
    pthread_mutex_lock(&source->mutex);
    struct tls_context *context = source->context;
    atomic_fetch_add(&context->holders, 1);
    pthread_mutex_unlock(&source->mutex);
    return context;
}

void tls_context_drop(struct tls_context *context)
{
    if (atomic_fetch_sub(&context->holders, 1) > 1) return;
    SSL_CTX_free(context->ssl);
    for (uint32_t i = 0; i < context->count; i++) tls_pair_free(&context->pairs[i]);
    tls_alpn_close(&context->alpn);
    free(context);
}

/* ---- what is told of it ---- */

int64_t tls_context_ends(const struct tls_context *context)
{
    int64_t soonest = INT64_MAX;
    for (uint32_t i = 0; i < context->count; i++) {
        int64_t end = tls_seconds(X509_get0_notAfter(context->pairs[i].leaf));
        if (end < soonest) soonest = end;
    }
    return soonest;
}

void tls_context_fingerprint(const struct tls_context *context, char text[TLS_FINGERPRINT_MAX])
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    text[0] = '\0';
    if (X509_digest(context->pairs[0].leaf, EVP_sha256(), digest, &size) != 1) return;
    for (size_t i = 0; i < size && i < 32; i++)
        snprintf(text + 3 * i, 4, "%02X%s", digest[i], i + 1 < size ? ":" : "");
}
