/* handlers.h - runs the script's handlers when the engine calls; script.h says when that is. */
#ifndef MOONPORT_HANDLERS_H
#define MOONPORT_HANDLERS_H

#include "run/runtime.h"

/* Makes the function that calls on_receive. To be called in a protected call. */
void handlers_open(struct runtime *runtime);

/* `state` is a struct runtime. */
enum script_verdict handlers_connected(void *state, struct link *link);
void handlers_received(void *state, struct link *link, struct span packet);
uint64_t handlers_measure(void *state, struct link *link, int measure, struct span header);
void handlers_drained(void *state, struct link *link);
enum script_verdict handlers_idle(void *state, struct link *link, double seconds);
void handlers_disconnected(void *state, struct link *link, const char *reason);
void handlers_released(void *state, struct link *link);
void handlers_message(void *state, uint32_t from, struct span bytes);

#endif
