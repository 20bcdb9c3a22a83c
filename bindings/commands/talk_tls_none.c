/* talk_tls_none.c - in place of the others in a program that was built without OpenSSL: none can be opened. */
#include "commands/talk_tls.h"

#include "commands/talk_system.h"

struct talk_tls *talk_tls_open(const struct talk_tls_asking *asking, struct error *error)
{
    (void)asking;
    error_set(error, ERROR_USAGE,
              "talk: tls:// and wss:// need TLS, and this program was built without OpenSSL: build "
              "it with --tls=yes");
    return NULL;
}

void talk_tls_close(struct talk_tls *tls)
{
    (void)tls;
}

bool talk_tls_take(struct talk_tls *tls, struct span wire)
{
    (void)tls, (void)wire;
    return false;
}

bool talk_tls_give(struct talk_tls *tls, struct buffer *out)
{
    (void)tls, (void)out;
    return false;
}

enum talk_tls_verdict talk_tls_shake(struct talk_tls *tls, struct error *error)
{
    (void)tls, (void)error;
    return TALK_TLS_FAILED;
}

ptrdiff_t talk_tls_read(struct talk_tls *tls, void *data, size_t size, struct error *error)
{
    (void)tls, (void)data, (void)size, (void)error;
    return TALK_LOST;
}

ptrdiff_t talk_tls_write(struct talk_tls *tls, struct span plain)
{
    (void)tls, (void)plain;
    return TALK_LOST;
}

ptrdiff_t talk_tls_cut(struct talk_tls *tls, struct error *error)
{
    (void)tls, (void)error;
    return TALK_LOST;
}

void talk_tls_finish(struct talk_tls *tls)
{
    (void)tls;
}

const char *talk_tls_text(const struct talk_tls *tls, char text[TALK_TLS_TEXT_MAX])
{
    (void)tls;
    text[0] = '\0';
    return text;
}
