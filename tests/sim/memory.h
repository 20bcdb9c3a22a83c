/* memory.h - the simulation's own memory, which is not the server's: never refused, not counted. To be
 * included before anything that allocates. */
#ifndef MOONPORT_SIM_MEMORY_H
#define MOONPORT_SIM_MEMORY_H

#include <stdlib.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void __real_free(void *block);

#define malloc(size) __real_malloc(size)
#define calloc(count, size) __real_calloc(count, size)
#define realloc(old, size) __real_realloc(old, size)
#define free(block) __real_free(block)

#endif
