/* In place of tls_*_openssl.c in a program that was built without OpenSSL. */
#include "tls_peer.h"

bool tls_run_prepare(void)
{
    return false;
}

void tls_run_begin(struct tls_run *run, uint64_t seed, struct config *config)
{
    (void)seed, (void)config;
    run->is_on = false;
}

void tls_run_end(struct tls_run *run)
{
    (void)run;
}

void tls_run_change(struct tls_run *run)
{
    (void)run;
}

struct cover *tls_peer_open(struct tls_run *run, uint64_t seed, bool healthy, struct buffer *wire)
{
    (void)run, (void)seed, (void)healthy, (void)wire;
    return NULL; /* nobody has the filter */
}

void tls_peer_let_in(const struct cover *cover, const struct link *link)
{
    (void)cover, (void)link;
}
