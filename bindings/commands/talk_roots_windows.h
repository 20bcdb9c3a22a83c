/* talk_roots_windows.h - the same of stores that a test has made. */
#ifndef MOONPORT_TALK_ROOTS_WINDOWS_H
#define MOONPORT_TALK_ROOTS_WINDOWS_H

#include "commands/talk_roots.h"

#include "base/socket_windows.h"

#include <wincrypt.h>

/* Gives those that may vouch for servers and are not among the distrusted. NULL: a store without any. */
void talk_roots_of(HCERTSTORE trusted, HCERTSTORE distrusted,
                   void (*take)(void *context, struct span certificate), void *context);

#endif
