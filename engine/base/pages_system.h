/* pages_system.h - addresses and memory from the system; implemented once per system. All sizes are whole pages. */
#ifndef MOONPORT_PAGES_SYSTEM_H
#define MOONPORT_PAGES_SYSTEM_H

#include <stdbool.h>
#include <stddef.h>

/* Reserves aligned addresses, without memory behind them yet; or NULL. */
void *pages_reserve(size_t size, size_t alignment);

/* Puts memory behind reserved addresses, before they are used. False: there is no more. */
bool pages_commit(void *place, size_t size);

/* Gives that memory back to the system. */
void pages_decommit(void *place, size_t size);

/* Releases a reservation as a whole. */
void pages_release(void *place, size_t size);

/* Resizes a reservation that is committed as a whole; NULL: it stays as it is. */
void *pages_remap(void *place, size_t old_size, size_t new_size);

/* Gives free memory of the C library's allocator back to the system, for all threads, where the allocator does not do
 * so by itself. Takes some milliseconds. */
void pages_trim_now(void);

/* The same, but at most once a second; false: not now. */
bool pages_trim_heap(void);

#endif
