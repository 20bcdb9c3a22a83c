#include "commands/talk_roots.h"

/* OpenSSL has the system's files. */
void talk_roots_each(void (*take)(void *context, struct span certificate), void *context)
{
    (void)take, (void)context;
}
