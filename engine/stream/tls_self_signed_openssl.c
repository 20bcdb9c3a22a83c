#include "stream/tls_openssl.h"

#include <openssl/err.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

enum { DAYS = 30, DAY_S = 24 * 60 * 60 };

static bool add_extension(X509 *leaf, int kind, const char *value)
{
    X509V3_CTX context;
    X509V3_set_ctx(&context, leaf, leaf, NULL, NULL, 0);
    X509_EXTENSION *extension = X509V3_EXT_conf_nid(NULL, &context, kind, value);
    bool fine = extension != NULL && X509_add_ext(leaf, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return fine;
}

/* A number of its own: programs that have kept an earlier one are not confused. */
static bool number(X509 *leaf)
{
    unsigned char bytes[8];
    if (RAND_bytes(bytes, sizeof bytes) != 1) return false;
    bytes[0] &= 0x7f;
    BIGNUM *value = BN_bin2bn(bytes, sizeof bytes, NULL);
    bool fine = value != NULL && BN_to_ASN1_INTEGER(value, X509_get_serialNumber(leaf)) != NULL;
    BN_free(value);
    return fine;
}

static bool fill(X509 *leaf, EVP_PKEY *key)
{
    static const unsigned char name[] = "localhost";
    X509_NAME *subject = X509_get_subject_name(leaf);
    return X509_set_version(leaf, X509_VERSION_3) == 1 && number(leaf) &&
           X509_gmtime_adj(X509_getm_notBefore(leaf), -DAY_S) != NULL &&
           X509_gmtime_adj(X509_getm_notAfter(leaf), (long)DAYS * DAY_S) != NULL &&
           X509_set_pubkey(leaf, key) == 1 &&
           X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, name, -1, -1, 0) == 1 &&
           X509_set_issuer_name(leaf, subject) == 1 &&
           add_extension(leaf, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1,IP:::1") &&
           add_extension(leaf, NID_basic_constraints, "critical,CA:FALSE") &&
           X509_sign(leaf, key, EVP_sha256()) > 0;
}

bool tls_self_sign(struct tls_pair *pair)
{
    *pair = (struct tls_pair){
        .leaf = X509_new(), .key = EVP_EC_gen("P-256"), .chain = sk_X509_new_null()};
    bool fine = pair->leaf != NULL && pair->key != NULL && pair->chain != NULL &&
                fill(pair->leaf, pair->key);
    ERR_clear_error();
    if (!fine) tls_pair_free(pair);
    return fine;
}
