/* Where new connections get their filters from. */
#include "stream/tls_openssl.h"

static struct tls_context *prepared(struct tls_context *context)
{
    SSL_CTX_set_tlsext_ticket_key_evp_cb(context->ssl, tls_tickets_ask);
    return context;
}

bool tls_source_open(struct tls_source *source, struct tls_context *context)
{
    *source = (struct tls_source){.filters.open = tls_filter_open, .context = prepared(context)};
    pthread_mutex_init(&source->mutex, NULL);
    if (tls_tickets_open(&source->tickets)) return true;
    tls_source_close(source);
    return false;
}

void tls_source_put(struct tls_source *source, struct tls_context *context)
{
    pthread_mutex_lock(&source->mutex);
    struct tls_context *before = source->context;
    source->context = prepared(context);
    pthread_mutex_unlock(&source->mutex);
    tls_context_drop(before);
}

void tls_source_close(struct tls_source *source)
{
    tls_context_drop(source->context);
    tls_tickets_close(&source->tickets);
    pthread_mutex_destroy(&source->mutex);
}
