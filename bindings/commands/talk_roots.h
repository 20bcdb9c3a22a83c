/* talk_roots.h - whom this system trusts to vouch for servers, where OpenSSL does not find that by itself. */
#ifndef MOONPORT_TALK_ROOTS_H
#define MOONPORT_TALK_ROOTS_H

#include "base/span.h"

/* Gives each of their certificates, in DER, valid during the call. */
void talk_roots_each(void (*take)(void *context, struct span certificate), void *context);

#endif
