/* tls_none.c - in place of the others in a program that was built without OpenSSL. */
#include "stream/tls.h"

struct tls_context *tls_context_make(const struct tls_settings *settings, const char *directory,
                                     struct error *error)
{
    (void)settings, (void)directory;
    error_set(error, ERROR_INPUT,
              "tls is set, and this program was built without OpenSSL: build it with --tls=yes");
    return NULL;
}

void tls_context_drop(struct tls_context *context)
{
    (void)context;
}

int64_t tls_context_ends(const struct tls_context *context)
{
    (void)context;
    return 0;
}

void tls_context_fingerprint(const struct tls_context *context, char text[TLS_FINGERPRINT_MAX])
{
    (void)context;
    text[0] = '\0';
}

bool tls_source_open(struct tls_source *source, struct tls_context *context)
{
    (void)source, (void)context;
    return false;
}

void tls_source_put(struct tls_source *source, struct tls_context *context)
{
    (void)source, (void)context;
}

void tls_source_close(struct tls_source *source)
{
    (void)source;
}

bool tls_source_keep_tickets(struct tls_source *source, const char *path, struct error *error)
{
    (void)source, (void)path;
    return error_set(error, ERROR_INPUT, "tls: there is none");
}
