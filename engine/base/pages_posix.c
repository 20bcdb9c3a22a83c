#include "base/pages_system.h"

#include <malloc.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/mman.h>
#include <time.h>

static void *map(size_t size)
{
    void *place = mmap(NULL, size, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return place == MAP_FAILED ? NULL : place;
}

/* Maps too much, then unmaps both ends. Without huge pages, which would be resident as a whole even if hardly used. */
void *pages_reserve(size_t size, size_t alignment)
{
    size_t ahead = alignment > 4096 ? alignment : 0;
    uint8_t *mapped = map(size + ahead);
    if (mapped == NULL) return NULL;
    size_t before = ahead == 0 ? 0 : -(uintptr_t)mapped & (alignment - 1);
    if (before != 0) munmap(mapped, before);
    if (ahead != before) munmap(mapped + before + size, ahead - before);
    madvise(mapped + before, size, MADV_NOHUGEPAGE);
    return mapped + before;
}

bool pages_commit(void *place, size_t size)
{
    (void)place, (void)size;
    return true; /* the system does it when a page is touched */
}

void pages_decommit(void *place, size_t size)
{
    madvise(place, size, MADV_DONTNEED);
}

void pages_release(void *place, size_t size)
{
    munmap(place, size);
}

void *pages_remap(void *place, size_t old_size, size_t new_size)
{
    void *moved = mremap(place, old_size, new_size, MREMAP_MAYMOVE);
    return moved == MAP_FAILED ? NULL : moved;
}

void pages_trim_now(void)
{
    malloc_trim(0);
}

bool pages_trim_heap(void)
{
    static _Atomic time_t last = -1;
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    time_t before = atomic_load(&last);
    if (now.tv_sec == before || !atomic_compare_exchange_strong(&last, &before, now.tv_sec))
        return false;
    pages_trim_now();
    return true;
}
