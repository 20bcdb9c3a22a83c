#include "commands/talk_tls_openssl.h"

#include "base/check.h"
#include "commands/talk_roots.h"
#include "commands/talk_system.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* ---- files ---- */

static bool refuse_file(struct error *error, const char *option, const char *path, const char *why)
{
    errno = 0;
    BIO *file = BIO_new_file(path, "rb");
    if (file == NULL) why = errno != 0 ? strerror(errno) : "it cannot be read";
    BIO_free(file);
    ERR_clear_error();
    return error_set(error, ERROR_USAGE, "talk: %s %.1000s: %s", option, path, why);
}

static void trust_root(void *store, struct span certificate)
{
    const unsigned char *bytes = certificate.data;
    X509 *root = d2i_X509(NULL, &bytes, (long)certificate.size);
    if (root != NULL) X509_STORE_add_cert(store, root);
    X509_free(root);
}

/* A file may also hold the server's certificate itself, whoever has issued it. */
static bool read_trust(struct talk_tls *tls, struct error *error)
{
    if (tls->asking.is_insecure) return true;
    if (tls->asking.ca == NULL) {
        SSL_CTX_set_default_verify_paths(tls->context);
        talk_roots_each(trust_root, SSL_CTX_get_cert_store(tls->context));
        return true;
    }
    X509_VERIFY_PARAM_set_flags(SSL_CTX_get0_param(tls->context), X509_V_FLAG_PARTIAL_CHAIN);
    return SSL_CTX_load_verify_file(tls->context, tls->asking.ca) == 1 ||
           refuse_file(error, "--ca", tls->asking.ca, "it has no certificate in PEM");
}

/* OpenSSL asks for the password of an encrypted key, on the terminal. */
static bool read_own(struct talk_tls *tls, struct error *error)
{
    const char *certificate = tls->asking.certificate, *key = tls->asking.key;
    if (certificate == NULL) return true;
    if (SSL_CTX_use_certificate_chain_file(tls->context, certificate) != 1)
        return refuse_file(error, "--cert", certificate, "it has no certificate in PEM");
    const char *file = key != NULL ? key : certificate;
    bool was_read = SSL_CTX_use_PrivateKey_file(tls->context, file, SSL_FILETYPE_PEM) == 1;
    if (was_read && SSL_CTX_check_private_key(tls->context) == 1) return true;
    if (was_read || ERR_GET_LIB(ERR_peek_last_error()) == ERR_LIB_X509) /* they do not fit */
        return error_set(error, ERROR_USAGE, "talk: %.900s is not the key of %.900s", file,
                         certificate);
    if (key == NULL)
        return refuse_file(error, "--cert", certificate,
                           "it has no private key in PEM; --key names the file that has it");
    return refuse_file(error, "--key", key,
                       "it has no private key in PEM, or the password does not open it");
}

/* ---- the session ---- */

/* OpenSSL has looked at a certificate. What it refuses is kept, to be told. */
static int note_refused(int is_fine, X509_STORE_CTX *store)
{
    SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
    struct talk_tls *tls = SSL_get_app_data(ssl);
    X509 *refused = X509_STORE_CTX_get_current_cert(store);
    if (is_fine || tls->refused != NULL || refused == NULL) return is_fine;
    X509_up_ref(refused);
    tls->refused = refused;
    tls->refused_depth = X509_STORE_CTX_get_error_depth(store);
    return 0;
}

/* Whom the certificate must be for (RFC 9525). An IP is never told to the server (RFC 6066 section 3). */
static bool set_name(struct talk_tls *tls)
{
    const char *name = tls->asking.name;
    X509_VERIFY_PARAM *param = SSL_get0_param(tls->ssl);
    if (X509_VERIFY_PARAM_set1_ip_asc(param, name) == 1) return true;
    ERR_clear_error();
    X509_VERIFY_PARAM_set_hostflags(param, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS |
                                               X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    return SSL_set1_host(tls->ssl, name) == 1 && SSL_set_tlsext_host_name(tls->ssl, name) == 1;
}

static bool make_session(struct talk_tls *tls)
{
    tls->ssl = SSL_new(tls->context);
    tls->in = BIO_new(BIO_s_mem());
    tls->out = BIO_new(BIO_s_mem());
    if (tls->ssl == NULL || tls->in == NULL || tls->out == NULL) {
        BIO_free(tls->in);
        BIO_free(tls->out);
        return false;
    }
    BIO_set_mem_eof_return(tls->in, -1); /* empty: more must come */
    SSL_set_bio(tls->ssl, tls->in, tls->out);
    SSL_set_app_data(tls->ssl, tls);
    SSL_set_connect_state(tls->ssl);
    if (tls->asking.is_insecure)
        SSL_set_verify(tls->ssl, SSL_VERIFY_NONE, NULL);
    else
        SSL_set_verify(tls->ssl, SSL_VERIFY_PEER, note_refused);
    return set_name(tls);
}

static bool make_context(struct talk_tls *tls)
{
    tls->context = SSL_CTX_new(TLS_client_method());
    if (tls->context == NULL) return false;
    SSL_CTX_set_options(tls->context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
    SSL_CTX_set_security_level(tls->context, 2); /* not every build has it by default */
    return SSL_CTX_set_min_proto_version(tls->context, TLS1_2_VERSION) == 1;
}

struct talk_tls *talk_tls_open(const struct talk_tls_asking *asking, struct error *error)
{
    struct talk_tls *tls = calloc(1, sizeof *tls);
    error_set(error, ERROR_SYSTEM, "talk: there is no memory for TLS");
    ERR_clear_error();
    if (tls == NULL) return NULL;
    tls->asking = *asking;
    bool fine =
        make_context(tls) && read_trust(tls, error) && read_own(tls, error) && make_session(tls);
    ERR_clear_error();
    if (fine) return tls;
    talk_tls_close(tls);
    return NULL;
}

void talk_tls_close(struct talk_tls *tls)
{
    if (tls == NULL) return;
    SSL_free(tls->ssl);
    SSL_CTX_free(tls->context);
    X509_free(tls->refused);
    free(tls);
}

/* ---- bytes ---- */

bool talk_tls_take(struct talk_tls *tls, struct span wire)
{
    check(wire.size <= INT_MAX);
    return wire.size == 0 || BIO_write(tls->in, wire.data, (int)wire.size) == (int)wire.size;
}

bool talk_tls_give(struct talk_tls *tls, struct buffer *out)
{
    size_t size = BIO_ctrl_pending(tls->out), got = 0;
    if (size == 0) return true;
    if (!buffer_reserve(out, size)) return false;
    check(BIO_read_ex(tls->out, out->data + out->end, size, &got) == 1 && got == size);
    out->end += size;
    return true;
}

static void fail(struct talk_tls *tls)
{
    tls->has_failed = true;
    talk_tls_explain(tls, &tls->failure);
}

enum talk_tls_verdict talk_tls_shake(struct talk_tls *tls, struct error *error)
{
    ERR_clear_error();
    int result = SSL_do_handshake(tls->ssl);
    if (result == 1) return TALK_TLS_OPEN;
    if (SSL_get_error(tls->ssl, result) == SSL_ERROR_WANT_READ) return TALK_TLS_MORE;
    fail(tls);
    *error = tls->failure;
    return TALK_TLS_FAILED;
}

ptrdiff_t talk_tls_read(struct talk_tls *tls, void *data, size_t size, struct error *error)
{
    size_t got = 0;
    ERR_clear_error();
    int result = tls->has_failed ? 0 : SSL_read_ex(tls->ssl, data, size, &got);
    if (result == 1) return (ptrdiff_t)got;
    if (!tls->has_failed) {
        int why = SSL_get_error(tls->ssl, result);
        if (why == SSL_ERROR_WANT_READ) return 0;
        if (why == SSL_ERROR_ZERO_RETURN) return TALK_ENDED;
        fail(tls);
    }
    *error = tls->failure;
    return TALK_LOST;
}

ptrdiff_t talk_tls_write(struct talk_tls *tls, struct span plain)
{
    size_t taken = 0;
    ERR_clear_error();
    if (plain.size == 0) return 0;
    if (!tls->has_failed && SSL_write_ex(tls->ssl, plain.data, plain.size, &taken) == 1)
        return (ptrdiff_t)taken;
    ERR_clear_error();
    return TALK_LOST;
}

/* ---- the end ---- */

ptrdiff_t talk_tls_cut(struct talk_tls *tls, struct error *error)
{
    if (tls->has_failed)
        *error = tls->failure;
    else if (!SSL_is_init_finished(tls->ssl))
        error_set(error, ERROR_SYSTEM,
                  "the server closed the connection in the handshake: does it speak TLS?");
    else if ((SSL_get_shutdown(tls->ssl) & SSL_RECEIVED_SHUTDOWN) != 0)
        return TALK_ENDED;
    else
        error_set(error, ERROR_SYSTEM,
                  "the connection ended without a close_notify: what came last may be missing");
    return TALK_LOST;
}

void talk_tls_finish(struct talk_tls *tls)
{
    if (!tls->has_failed && SSL_is_init_finished(tls->ssl)) SSL_shutdown(tls->ssl);
    ERR_clear_error();
}

const char *talk_tls_text(const struct talk_tls *tls, char text[TALK_TLS_TEXT_MAX])
{
    const char *version = SSL_version(tls->ssl) == TLS1_3_VERSION ? "1.3" : "1.2";
    snprintf(text, TALK_TLS_TEXT_MAX, "TLS %s, %.60s%s", version, SSL_get_cipher_name(tls->ssl),
             tls->asking.is_insecure ? ", the certificate was not checked" : "");
    return text;
}
