/* Keys of session tickets (RFC 5077, 8446 4.6.1), which all workers share and which outlive each context. */
#include "stream/tls_openssl.h"

#include "base/clock.h"

#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rand.h>
#include <string.h>

/* A ticket is opened for one to two of these. */
enum { TICKET_KEY_S = 6 * 60 * 60 };
enum { NAME = 16, MAC_KEY = 32, SEAL_KEY = 32, IV = 16 };
static_assert(NAME + MAC_KEY + SEAL_KEY == TLS_TICKET_KEY, "the parts of a key");

static uint64_t now_s(void)
{
    return clock_now_ns() / UINT64_C(1000000000);
}

bool tls_tickets_open(struct tls_tickets *tickets)
{
    tickets->since_s = now_s();
    bool fine = RAND_bytes(tickets->keys[0], TLS_TICKET_KEY) == 1 &&
                RAND_bytes(tickets->keys[1], TLS_TICKET_KEY) == 1;
    ERR_clear_error();
    return fine;
}

void tls_tickets_close(struct tls_tickets *tickets)
{
    OPENSSL_cleanse(tickets->keys, sizeof tickets->keys);
}

/* The caller holds the mutex. A system that gives no random bytes for once keeps the key that it has. */
static void renew(struct tls_tickets *tickets)
{
    uint8_t key[TLS_TICKET_KEY];
    if (now_s() - tickets->since_s < TICKET_KEY_S || RAND_bytes(key, sizeof key) != 1) return;
    memcpy(tickets->keys[1], tickets->keys[0], TLS_TICKET_KEY);
    memcpy(tickets->keys[0], key, TLS_TICKET_KEY);
    tickets->since_s = now_s();
    OPENSSL_cleanse(key, sizeof key);
}

static struct tls_tickets tickets_of(struct tls_source *source)
{
    pthread_mutex_lock(&source->mutex);
    renew(&source->tickets);
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

/* 0: the key is not known, so there is a whole handshake. 2: it is known, and the ticket is to be replaced. */
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
    return !fine ? -1 : which == 0 ? 1 : 2;
}
