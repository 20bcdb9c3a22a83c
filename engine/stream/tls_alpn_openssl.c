/* The choice of a protocol that is spoken inside (ALPN, RFC 7301). */
#include "stream/tls_openssl.h"

#include <stdlib.h>
#include <string.h>

/* The number of the protocol with these bytes, or that of all. */
static uint32_t find(const struct tls_alpn *alpn, const unsigned char *name, size_t size)
{
    uint32_t i = 0;
    while (i < alpn->count &&
           (strlen(alpn->names[i]) != size || memcmp(alpn->names[i], name, size) != 0))
        i++;
    return i;
}

/* OpenSSL's: the first of the peer's that is known. Without any the handshake fails (RFC 7301 3.2): the peer would take what
 * is sent for something else. OpenSSL has checked that each length is within the list. */
static int choose(SSL *ssl, const unsigned char **chosen, unsigned char *size,
                  const unsigned char *offered, unsigned offered_size, void *argument)
{
    const struct tls_alpn *alpn = argument;
    (void)ssl;
    for (unsigned at = 0; at < offered_size; at += 1u + offered[at])
        if (find(alpn, offered + at + 1, offered[at]) < alpn->count) {
            *chosen = offered + at + 1;
            *size = offered[at];
            return SSL_TLSEXT_ERR_OK;
        }
    return SSL_TLSEXT_ERR_ALERT_FATAL;
}

bool tls_alpn_open(struct tls_context *context, const struct tls_settings *settings)
{
    struct tls_alpn *alpn = &context->alpn;
    if (settings->alpn_count == 0) return true;
    alpn->words = malloc(sizeof settings->words);
    if (alpn->words == NULL) return false;
    memcpy(alpn->words, settings->words, sizeof settings->words);
    alpn->count = settings->alpn_count;
    for (uint32_t i = 0; i < alpn->count; i++)
        alpn->names[i] = alpn->words + (settings->alpn[i] - settings->words);
    SSL_CTX_set_alpn_select_cb(context->ssl, choose, alpn);
    return true;
}

void tls_alpn_close(struct tls_alpn *alpn)
{
    free(alpn->words);
}

const char *tls_alpn_agreed(const struct tls_context *context, const SSL *ssl)
{
    const struct tls_alpn *alpn = &context->alpn;
    const unsigned char *name;
    unsigned size;
    SSL_get0_alpn_selected(ssl, &name, &size);
    uint32_t which = size == 0 ? alpn->count : find(alpn, name, size);
    return which == alpn->count ? NULL : alpn->names[which];
}
