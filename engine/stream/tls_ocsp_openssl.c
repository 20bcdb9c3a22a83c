/* What an authority says of the revocation of a certificate, which is shown with it (RFC 6960; RFC 6066 8). Whoever renews
 * certificates fetches it, and puts it into a file. */
#include "stream/tls_openssl.h"

#include "base/log.h"

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>
#include <time.h>

enum { CLOCK_SLACK_S = 5 * 60 };

/* ---- reading ---- */

/* Whether the name with this digest is that of the certificate's issuer. */
static bool is_issuer(const ASN1_OCTET_STRING *name, const EVP_MD *kind, const X509 *leaf)
{
    unsigned char digest[EVP_MAX_MD_SIZE];
    unsigned size = 0;
    return kind != NULL && X509_NAME_digest(X509_get_issuer_name(leaf), kind, digest, &size) == 1 &&
           ASN1_STRING_length(name) == (int)size &&
           memcmp(ASN1_STRING_get0_data(name), digest, size) == 0;
}

/* Whether the response is of the certificate: of one with its number, by an issuer with the name of its own, and with its key
 * if that is known. */
static bool is_of(const OCSP_SINGLERESP *single, const struct tls_pair *pair)
{
    const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(single);
    ASN1_INTEGER *serial = NULL;
    ASN1_OBJECT *digest = NULL;
    ASN1_OCTET_STRING *issuer = NULL;
    OCSP_id_get0_info(&issuer, &digest, NULL, &serial, (OCSP_CERTID *)(uintptr_t)id);
    const EVP_MD *kind = EVP_get_digestbyobj(digest);
    if (ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(pair->leaf)) != 0) return false;
    if (!is_issuer(issuer, kind, pair->leaf)) return false;
    if (sk_X509_num(pair->chain) < 1) return true;
    OCSP_CERTID *ours = OCSP_cert_to_id(kind, pair->leaf, sk_X509_value(pair->chain, 0));
    bool same = ours != NULL && OCSP_id_cmp(ours, id) == 0;
    OCSP_CERTID_free(ours);
    return same;
}

static struct tls_pair *find(struct tls_context *context, const OCSP_SINGLERESP *single)
{
    for (uint32_t i = 0; i < context->count; i++)
        if (is_of(single, &context->pairs[i])) return &context->pairs[i];
    return NULL;
}

static bool give(struct tls_pair *pair, OCSP_RESPONSE *response, const OCSP_SINGLERESP *single)
{
    ASN1_GENERALIZEDTIME *ends = NULL;
    OCSP_single_get0_status((OCSP_SINGLERESP *)(uintptr_t)single, NULL, NULL, NULL, &ends);
    OPENSSL_free(pair->ocsp);
    pair->ocsp = NULL;
    pair->ocsp_size = i2d_OCSP_RESPONSE(response, &pair->ocsp);
    pair->ocsp_ends = ends == NULL ? INT64_MAX : tls_seconds(ends);
    return pair->ocsp_size > 0;
}

static bool take(struct tls_context *context, OCSP_RESPONSE *response, OCSP_BASICRESP *basic,
                 const char *path, struct error *error)
{
    OCSP_SINGLERESP *single = OCSP_resp_get0(basic, 0);
    struct tls_pair *pair = single == NULL ? NULL : find(context, single);
    if (pair == NULL)
        return error_set(error, ERROR_INPUT, "tls: %s is of no certificate that is shown here",
                         path);
    int status = OCSP_single_get0_status(single, NULL, NULL, NULL, NULL);
    if (status != V_OCSP_CERTSTATUS_GOOD)
        return error_set(error, ERROR_INPUT, "tls: %s says that the certificate is %s", path,
                         status == V_OCSP_CERTSTATUS_REVOKED ? "revoked" : "unknown");
    if (!give(pair, response, single)) return error_set(error, ERROR_SYSTEM, "tls: no memory");
    if (pair->ocsp_ends <= (int64_t)time(NULL))
        log_line(LOG_WARN, "tls: %s has expired: it is not shown", path);
    return true;
}

bool tls_ocsp_read(struct tls_context *context, const struct tls_place *place, const char *name,
                   struct error *error)
{
    char path[TLS_PATH_MAX];
    BIO *file = tls_open_file(place, name, path, error);
    if (file == NULL) return false;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE_bio(file, NULL);
    OCSP_BASICRESP *basic = response == NULL ? NULL : OCSP_response_get1_basic(response);
    bool fine = basic != NULL
                    ? take(context, response, basic, path, error)
                    : error_set(error, ERROR_INPUT,
                                "tls: %s is no response of OCSP (DER) with an answer", path);
    OCSP_BASICRESP_free(basic);
    OCSP_RESPONSE_free(response);
    BIO_free(file);
    ERR_clear_error();
    return fine;
}

/* ---- showing ---- */

static const struct tls_pair *shown(const struct tls_context *context, const SSL *ssl)
{
    const X509 *leaf = SSL_get_certificate(ssl);
    for (uint32_t i = 0; i < context->count; i++)
        if (context->pairs[i].leaf == leaf) return &context->pairs[i];
    return NULL;
}

/* OpenSSL's, for a peer that asks for it. */
static int show(SSL *ssl, void *argument)
{
    const struct tls_pair *pair = shown(argument, ssl);
    if (pair == NULL || pair->ocsp == NULL ||
        pair->ocsp_ends <= (int64_t)time(NULL) + CLOCK_SLACK_S)
        return SSL_TLSEXT_ERR_NOACK;
    unsigned char *copy = OPENSSL_memdup(pair->ocsp, (size_t)pair->ocsp_size);
    if (copy == NULL) return SSL_TLSEXT_ERR_NOACK;
    SSL_set_tlsext_status_ocsp_resp(ssl, copy, pair->ocsp_size);
    return SSL_TLSEXT_ERR_OK;
}

void tls_ocsp_show(struct tls_context *context)
{
    SSL_CTX_set_tlsext_status_cb(context->ssl, show);
    SSL_CTX_set_tlsext_status_arg(context->ssl, context);
}
