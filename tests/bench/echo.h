/* echo.h - the script in C that sends every packet back: bench-echo serves with it, and its
 * instructions are counted. */
#ifndef MOONPORT_ECHO_H
#define MOONPORT_ECHO_H

#include "script.h"

/* The worker is the state. */
static void *echo_start(void *context, struct worker *worker, struct error *error)
{
    (void)context;
    (void)error;
    return worker;
}

static void echo_packet(void *state, struct link *link, struct span packet)
{
    (void)state;
    link_send(link, packet);
}

static const struct script echo_script = {.worker_start = echo_start, .received = echo_packet};

#endif
