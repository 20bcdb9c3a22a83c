/* Certificates and keys in files of PEM (RFC 7468). */
#include "stream/tls_openssl.h"

#include <errno.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

enum { PASSWORD_MAX = 256, CHAIN_MAX = 16 };

bool tls_path(const struct tls_place *place, const char *name, char path[TLS_PATH_MAX],
              struct error *error)
{
    if (tls_settings_path(path, place->directory, name)) return true;
    return error_set(error, ERROR_INPUT, "tls: the path is too long: %.200s", name);
}

BIO *tls_open_file(const struct tls_place *place, const char *name, char path[TLS_PATH_MAX],
                   struct error *error)
{
    if (!tls_path(place, name, path, error)) return NULL;
    errno = 0;
    BIO *file = BIO_new_file(path, "rb");
    if (file == NULL)
        error_set(error, ERROR_INPUT, "tls: %s: %s", path,
                  errno != 0 ? strerror(errno) : "it cannot be read");
    ERR_clear_error();
    return file;
}

/* ---- certificates ---- */

static bool read_certificates(struct tls_pair *pair, BIO *file, const char *path,
                              struct error *error)
{
    X509 *next;
    pair->leaf = PEM_read_bio_X509_AUX(file, NULL, NULL, NULL);
    pair->chain = sk_X509_new_null();
    if (pair->leaf == NULL)
        return error_set(error, ERROR_INPUT,
                         "tls: %s has no certificate: -----BEGIN CERTIFICATE----- is expected",
                         path);
    if (pair->chain == NULL) return error_set(error, ERROR_SYSTEM, "tls: no memory");
    while ((next = PEM_read_bio_X509(file, NULL, NULL, NULL)) != NULL)
        if (sk_X509_num(pair->chain) == CHAIN_MAX || sk_X509_push(pair->chain, next) == 0) {
            X509_free(next);
            return error_set(error, ERROR_INPUT, "tls: %s has more than %d certificates", path,
                             (int)CHAIN_MAX);
        }
    unsigned long last = ERR_peek_last_error();
    if (ERR_GET_REASON(last) == PEM_R_NO_START_LINE) return true; /* nothing more in it */
    return error_set(error, ERROR_INPUT, "tls: certificate %d in %s is broken",
                     2 + sk_X509_num(pair->chain), path);
}

/* Each is vouched for by the one behind it. */
static bool check_order(const struct tls_pair *pair, const char *path, struct error *error)
{
    X509 *of = pair->leaf;
    for (int i = 0; i < sk_X509_num(pair->chain); i++) {
        X509 *by = sk_X509_value(pair->chain, i);
        if (X509_check_issued(by, of) != X509_V_OK)
            return error_set(error, ERROR_INPUT,
                             "tls: %s: certificate %d does not vouch for the one before it; the "
                             "server's own stands first, then each with its issuer behind it",
                             path, i + 2);
        of = by;
    }
    return true;
}

int64_t tls_seconds(const ASN1_TIME *time)
{
    int days = 0, seconds = 0;
    ASN1_TIME *epoch = ASN1_TIME_set(NULL, 0);
    bool fine = epoch != NULL && ASN1_TIME_diff(&days, &seconds, epoch, time) == 1;
    ASN1_TIME_free(epoch);
    return fine ? (int64_t)days * 24 * 60 * 60 + seconds : 0;
}

static bool check_time(const struct tls_pair *pair, const char *path, struct error *error)
{
    if (X509_cmp_current_time(X509_get0_notAfter(pair->leaf)) <= 0)
        return error_set(error, ERROR_INPUT, "tls: %s has expired", path);
    if (X509_cmp_current_time(X509_get0_notBefore(pair->leaf)) > 0)
        return error_set(error, ERROR_INPUT, "tls: %s is not valid yet: look at the clock", path);
    return true;
}

static bool read_certificate_file(struct tls_pair *pair, const struct tls_place *place,
                                  const char *name, struct error *error)
{
    char path[TLS_PATH_MAX];
    BIO *file = tls_open_file(place, name, path, error);
    if (file == NULL) return false;
    bool fine = read_certificates(pair, file, path, error) && check_order(pair, path, error) &&
                check_time(pair, path, error);
    BIO_free(file);
    ERR_clear_error();
    return fine;
}

/* ---- keys ---- */

struct password {
    const struct tls_place *place;
    const char *key; /* the path of what it is for */
    struct error *error;
    bool was_asked, is_missing;
};

/* OpenSSL's, for an encrypted key: the length of the password, or -1. */
static int give_password(char *room, int size, int is_for_writing, void *context)
{
    struct password *password = context;
    char path[TLS_PATH_MAX], line[PASSWORD_MAX];
    (void)is_for_writing;
    password->was_asked = password->is_missing = true;
    if (password->place->password_file == NULL) {
        error_set(
            password->error, ERROR_INPUT,
            "tls: %s is encrypted: key_password_file names the file whose first line opens it",
            password->key);
        return -1;
    }
    BIO *file =
        tls_open_file(password->place, password->place->password_file, path, password->error);
    if (file == NULL) return -1;
    password->is_missing = false;
    int length = BIO_gets(file, line, sizeof line);
    BIO_free(file);
    if (length < 0) length = 0;
    while (length > 0 && (line[length - 1] == '\n' || line[length - 1] == '\r')) length--;
    if (length > size) length = size;
    memcpy(room, line, (size_t)length);
    OPENSSL_cleanse(line, sizeof line);
    return length;
}

static bool read_key_file(struct tls_pair *pair, const struct tls_place *place, const char *name,
                          struct error *error)
{
    char path[TLS_PATH_MAX];
    struct password password = {.place = place, .key = path, .error = error};
    BIO *file = tls_open_file(place, name, path, error);
    if (file == NULL) return false;
    pair->key = PEM_read_bio_PrivateKey(file, NULL, give_password, &password);
    BIO_free(file);
    ERR_clear_error();
    if (pair->key != NULL) return true;
    if (password.is_missing) return false;
    if (password.was_asked)
        return error_set(error, ERROR_INPUT, "tls: %s: the password does not open it", path);
    return error_set(error, ERROR_INPUT, "tls: %s has no private key in PEM", path);
}

/* ---- both ---- */

void tls_pair_free(struct tls_pair *pair)
{
    X509_free(pair->leaf);
    EVP_PKEY_free(pair->key);
    sk_X509_pop_free(pair->chain, X509_free);
    OPENSSL_free(pair->ocsp);
    *pair = (struct tls_pair){.leaf = NULL};
}

bool tls_pair_read(struct tls_pair *pair, const struct tls_place *place, const char *certificate,
                   const char *key, struct error *error)
{
    *pair = (struct tls_pair){.leaf = NULL};
    ERR_clear_error();
    bool fine = read_certificate_file(pair, place, certificate, error) &&
                read_key_file(pair, place, key, error);
    if (fine && X509_check_private_key(pair->leaf, pair->key) != 1)
        fine = error_set(error, ERROR_INPUT, "tls: %s is not the key of %s", key, certificate);
    ERR_clear_error();
    if (!fine) tls_pair_free(pair);
    return fine;
}
