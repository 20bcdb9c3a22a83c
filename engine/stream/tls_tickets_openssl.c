/* Keys of session tickets (RFC 5077, 8446 4.6.1), which all workers share and which outlive each context. */
#include "stream/tls_openssl.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>
#include <time.h>

enum { PERIODS_MAX = 20000 /* 13 years */ };
enum { NAME = 16, MAC_KEY = 32, SEAL_KEY = 32, IV = 16 };
static_assert(NAME + MAC_KEY + SEAL_KEY == TLS_TICKET_KEY, "the parts of a key");

/* ---- what follows from a secret ---- */

enum { DIGEST = 32 };
static_assert((int)DIGEST == (int)TLS_TICKET_SECRET, "a secret is what becomes of one");

/* HMAC with SHA-256 of a word. */
static void derive(const uint8_t secret[TLS_TICKET_SECRET], const char *word, uint8_t out[DIGEST])
{
    unsigned size = DIGEST;
    check(HMAC(EVP_sha256(), secret, TLS_TICKET_SECRET, (const unsigned char *)word, strlen(word),
               out, &size) != NULL);
}

static void derive_key(const uint8_t secret[TLS_TICKET_SECRET], uint8_t key[TLS_TICKET_KEY])
{
    uint8_t bytes[3][DIGEST];
    derive(secret, "moonport ticket 1", bytes[0]);
    derive(secret, "moonport ticket 2", bytes[1]);
    derive(secret, "moonport ticket 3", bytes[2]);
    memcpy(key, bytes, TLS_TICKET_KEY);
    OPENSSL_cleanse(bytes, sizeof bytes);
}

static void derive_keys(struct tls_tickets *tickets)
{
    uint8_t next[TLS_TICKET_SECRET];
    derive(tickets->secret, "moonport next", next);
    derive_key(next, tickets->keys[0]);
    derive_key(tickets->secret, tickets->keys[1]);
    OPENSSL_cleanse(next, sizeof next);
}

uint64_t tls_tickets_period(void)
{
    return (uint64_t)time(NULL) / TLS_TICKET_PERIOD_S;
}

bool tls_tickets_open(struct tls_tickets *tickets)
{
    tickets->period = tls_tickets_period();
    bool fine = RAND_bytes(tickets->secret, TLS_TICKET_SECRET) == 1;
    if (fine) derive_keys(tickets);
    ERR_clear_error();
    return fine;
}

void tls_tickets_close(struct tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets, sizeof *tickets);
}

bool tls_tickets_advance(struct tls_tickets *tickets, uint64_t period)
{
    if (tickets->period + PERIODS_MAX < period) return false;
    for (; tickets->period < period; tickets->period++) {
        uint8_t next[TLS_TICKET_SECRET];
        derive(tickets->secret, "moonport next", next);
        memcpy(tickets->secret, next, sizeof next);
        OPENSSL_cleanse(next, sizeof next);
    }
    derive_keys(tickets);
    return true;
}

/* ---- what OpenSSL asks for ---- */

static struct tls_tickets tickets_of(struct tls_source *source)
{
    uint64_t period = tls_tickets_period();
    pthread_mutex_lock(&source->mutex);
    if (source->tickets.period < period && !tls_tickets_advance(&source->tickets, period))
        tls_tickets_open(&source->tickets);
    struct tls_tickets tickets = source->tickets;
    pthread_mutex_unlock(&source->mutex);
    return tickets;
}

static bool use_mac(EVP_MAC_CTX *mac, uint8_t *key)
{
    char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY, key, MAC_KEY),
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    return EVP_MAC_CTX_set_params(mac, params) == 1;
}

static bool use_cipher(EVP_CIPHER_CTX *cipher, const uint8_t *key, const uint8_t *iv, int seals)
{
    return EVP_CipherInit_ex2(cipher, EVP_aes_256_cbc(), key, iv, seals, NULL) == 1;
}

/* 0: the key is not known, so there is a whole handshake. 2: it is known, and the ticket is to be replaced: because of its age,
 * or because it was used, for in TLS 1.3 a client shows each ticket once (RFC 8446 C.4). */
int tls_tickets_ask(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
                    EVP_MAC_CTX *mac, int seals)
{
    struct tls_tickets tickets = tickets_of(SSL_get_app_data(ssl));
    int which = 0;
    if (seals) {
        memcpy(name, tickets.keys[0], NAME);
        if (RAND_bytes(iv, IV) != 1) return -1;
    } else {
        while (which < 2 && memcmp(name, tickets.keys[which], NAME) != 0) which++;
        if (which == 2) return 0;
    }
    uint8_t *key = tickets.keys[which];
    bool fine = use_mac(mac, key + NAME) && use_cipher(cipher, key + NAME + MAC_KEY, iv, seals);
    OPENSSL_cleanse(&tickets, sizeof tickets);
    bool replaces = which > 0 || (!seals && SSL_version(ssl) >= TLS1_3_VERSION);
    return !fine ? -1 : replaces ? 2 : 1;
}
