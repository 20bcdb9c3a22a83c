#include "base/pages_system.h"

#include <stdint.h>
#include <string.h>
#include <windows.h>

enum { TRIES = 16 };

/* A reservation cannot be released in part: finds aligned addresses, then reserves them. Another thread may take them
 * in between, hence the retries. */
void *pages_reserve(size_t size, size_t alignment)
{
    for (int i = 0; i < TRIES; i++) {
        uint8_t *found = VirtualAlloc(NULL, size + alignment, MEM_RESERVE, PAGE_NOACCESS);
        if (found == NULL) return NULL;
        uint8_t *place = found + (-(uintptr_t)found & (alignment - 1));
        VirtualFree(found, 0, MEM_RELEASE);
        place = VirtualAlloc(place, size, MEM_RESERVE, PAGE_READWRITE);
        if (place != NULL) return place;
    }
    return NULL;
}

bool pages_commit(void *place, size_t size)
{
    return VirtualAlloc(place, size, MEM_COMMIT, PAGE_READWRITE) != NULL;
}

void pages_decommit(void *place, size_t size)
{
    VirtualFree(place, size, MEM_DECOMMIT);
}

void pages_release(void *place, size_t size)
{
    (void)size;
    VirtualFree(place, 0, MEM_RELEASE);
}

void *pages_remap(void *place, size_t old_size, size_t new_size)
{
    void *moved = VirtualAlloc(NULL, new_size, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (moved == NULL) return NULL;
    memcpy(moved, place, old_size < new_size ? old_size : new_size);
    VirtualFree(place, 0, MEM_RELEASE);
    return moved;
}

void pages_trim_now(void)
{
}

bool pages_trim_heap(void)
{
    return true;
}
