/* pages_system.h - addresses and memory as the system gives them; a file of its own for each system. All sizes
 * are whole pages. */
#ifndef MOONPORT_PAGES_SYSTEM_H
#define MOONPORT_PAGES_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

/* Addresses, a multiple of the alignment, behind which there is no memory yet; or NULL. */
void *pages_reserve(size_t size, size_t alignment);

/* Memory behind some of them: before they are used. False: there is no more. */
bool pages_commit(void *place, size_t size);

/* And back to the system. */
void pages_decommit(void *place, size_t size);

/* All of what was reserved. */
void pages_release(void *place, size_t size);

/* What was reserved and committed as a whole, in another size; NULL: it stays as it is. */
void *pages_remap(void *place, size_t old_size, size_t new_size);

/* What the C library's allocator has free, of all threads, goes back to the system, where it does not by itself.
 * It takes some milliseconds. */
void pages_trim_now(void);

/* The same; false: that was done within the last second. */
bool pages_trim_heap(void);

#endif
