/* In place of tls_client_openssl.c in a program that was built without OpenSSL: there is no client. */
#include "tls_client.h"

bool tls_client_prepare(void)
{
    return false;
}

struct tls_client *tls_client_open(bool is_old, bool resumes)
{
    (void)is_old, (void)resumes;
    return NULL;
}

void tls_client_close(struct tls_client *client)
{
    (void)client;
}

void tls_client_hear(struct tls_client *client, struct span bytes, struct buffer *plain)
{
    (void)client, (void)bytes, (void)plain;
}

void tls_client_say(struct tls_client *client, struct buffer *wire)
{
    (void)client, (void)wire;
}

bool tls_client_is_open(const struct tls_client *client)
{
    (void)client;
    return false;
}

bool tls_client_has_failed(const struct tls_client *client)
{
    (void)client;
    return true;
}

size_t tls_client_write(struct tls_client *client, struct span plain)
{
    (void)client, (void)plain;
    return 0;
}

void tls_client_begin_anew(struct tls_client *client)
{
    (void)client;
}

void tls_client_end(struct tls_client *client)
{
    (void)client;
}
