#include "base/pages.h"

#include "base/check.h"
#include "base/list.h"
#include "base/pages_system.h"
#include "base/trim.h"

#include <assert.h>
#include <pthread.h>
#include <stdint.h>
#include <string.h>

_Atomic bool trim_is_owed;

enum {
    ORDERS = 14,                    /* extents have 2^0 to 2^13 pages */
    AREA_PAGES = 2 << (ORDERS - 1), /* two of the largest */
    TABLE_PAGES = 128,              /* pages of an area's table, at its front */
    AHEAD_PAGES = 32, /* pieces from this size on may get addresses for their expected size, */
    AHEAD_TIMES = 8,  /* up to so many times their own: page tables do take memory */
};
#define AREA_SIZE ((size_t)AREA_PAGES * PAGES_SIZE)

/* OUTSIDE: no extent begins here. AWAY: its pages are being given back to the system. */
enum extent_state { OUTSIDE, FREE, TAKEN, AWAY };

struct extent {
    struct list node; /* FREE: among the warm or the cold ones of its order */
    uint32_t touched; /* pages at its front that have memory behind them */
    uint32_t used;    /* TAKEN: pages at its front that belong to the piece */
    uint8_t order, state;
};

/* An area is aligned to its size, so that it can be found from a piece's address. It begins with a table of extents,
 * one entry a page. This struct takes the place of the first entry, whose page belongs to the table itself. */
struct area {
    struct list node;
    size_t busy; /* extents that are TAKEN or AWAY */
};

static_assert(sizeof(struct area) <= sizeof(struct extent), "it takes the place of an entry");
static_assert(AREA_PAGES * sizeof(struct extent) <= (size_t)TABLE_PAGES * PAGES_SIZE,
              "the table fits");
static_assert(((size_t)PAGES_SIZE << (ORDERS - 1)) == PAGES_PIECE_MAX, "the largest extent");

static struct {
    pthread_mutex_t mutex;
    struct list warm[ORDERS], cold[ORDERS]; /* free extents; warm ones newest first */
    struct list areas;
    bool ready;
    struct pages_figures figures;
    size_t keep; /* limit of figures.warm */
} all = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static size_t pages_of(size_t size)
{
    return (size + PAGES_SIZE - 1) / PAGES_SIZE;
}

static size_t smaller(size_t one, size_t other)
{
    return one < other ? one : other;
}

static void enter(void)
{
    pthread_mutex_lock(&all.mutex);
    if (all.ready) return;
    for (int i = 0; i < ORDERS; i++) {
        list_init(&all.warm[i]);
        list_init(&all.cold[i]);
    }
    list_init(&all.areas);
    all.ready = true;
}

static void leave(void)
{
    pthread_mutex_unlock(&all.mutex);
}

/* ---- extents and their buddies ---- */

static struct area *area_of(const void *place)
{
    return (struct area *)((uintptr_t)place & ~(uintptr_t)(AREA_SIZE - 1));
}

static struct extent *extent_at(struct area *area, size_t page)
{
    return (struct extent *)area + page;
}

static size_t page_of(const struct extent *extent)
{
    return (size_t)(extent - (const struct extent *)area_of(extent));
}

static uint8_t *place_of(const struct extent *extent)
{
    return (uint8_t *)area_of(extent) + page_of(extent) * PAGES_SIZE;
}

static struct extent *extent_of(const void *piece)
{
    struct area *area = area_of(piece);
    size_t offset = (size_t)((const uint8_t *)piece - (const uint8_t *)area);
    check(offset % PAGES_SIZE == 0);
    struct extent *extent = extent_at(area, offset / PAGES_SIZE);
    check(extent->state == TAKEN);
    return extent;
}

static uint32_t size_of(const struct extent *extent)
{
    return UINT32_C(1) << extent->order;
}

/* The other half of the next larger extent, if it is whole, and free. */
static struct extent *free_buddy(const struct extent *extent)
{
    size_t page = page_of(extent) ^ size_of(extent);
    if (extent->order == ORDERS - 1 || page < TABLE_PAGES) return NULL;
    struct extent *buddy = extent_at(area_of(extent), page);
    return buddy->state == FREE && buddy->order == extent->order ? buddy : NULL;
}

/* Two extents may join only if the touched pages of the result are all at its front. */
static bool join(const struct extent *left, const struct extent *right)
{
    return left->touched == size_of(left) || right->touched == 0;
}

static void absorb(struct extent *left, struct extent *right)
{
    list_remove(&right->node);
    right->state = OUTSIDE;
    left->touched += right->touched;
    left->order++;
}

static void set_free(struct extent *extent)
{
    struct extent *buddy;
    while ((buddy = free_buddy(extent)) != NULL) {
        struct extent *left = extent < buddy ? extent : buddy;
        struct extent *right = extent < buddy ? buddy : extent;
        if (!join(left, right)) break;
        list_remove(&left->node);
        absorb(left, right);
        extent = left;
    }
    extent->state = FREE;
    list_prepend(&(extent->touched > 0 ? all.warm : all.cold)[extent->order], &extent->node);
}

static struct extent *make(struct extent *extent, int order, uint32_t touched)
{
    *extent = (struct extent){.touched = touched, .order = (uint8_t)order};
    list_init(&extent->node);
    return extent;
}

/* Frees right halves until the extent has that order. */
static void split(struct extent *extent, int order)
{
    while (extent->order > order) {
        extent->order--;
        uint32_t half = size_of(extent);
        uint32_t over = extent->touched > half ? extent->touched - half : 0;
        extent->touched -= over;
        set_free(make(extent + half, extent->order, over));
    }
}

static int order_for(size_t pages)
{
    int order = 0;
    while (((size_t)1 << order) < pages) order++;
    return order;
}

/* ---- areas ---- */

static bool add_area(void)
{
    struct area *area = pages_reserve(AREA_SIZE, AREA_SIZE);
    if (area == NULL) return false;
    if (!pages_commit(area, (size_t)TABLE_PAGES * PAGES_SIZE)) {
        pages_release(area, AREA_SIZE);
        return false;
    }
    list_append(&all.areas, &area->node);
    all.figures.areas++;
    for (size_t page = TABLE_PAGES; page < AREA_PAGES; page *= 2)
        set_free(make(extent_at(area, page), order_for(page), 0));
    return true;
}

/* Removes an area without pieces from all lists; the caller releases its memory. */
static void remove_area(struct area *area)
{
    for (size_t page = TABLE_PAGES; page < AREA_PAGES;) {
        struct extent *extent = extent_at(area, page);
        list_remove(&extent->node);
        all.figures.warm -= (size_t)extent->touched * PAGES_SIZE;
        page += size_of(extent);
    }
    list_remove(&area->node);
    all.figures.areas--;
}

static void release_if_idle(struct area *area)
{
    if (area->busy > 0 || all.figures.areas < 2) return;
    remove_area(area);
    leave();
    pages_release(area, AREA_SIZE);
    enter();
}

/* ---- warm pages ---- */

static struct extent *coldest(void)
{
    for (int i = 0; i < ORDERS; i++)
        if (!list_empty(&all.warm[i]))
            return container_of(all.warm[i].previous, struct extent, node);
    return NULL;
}

/* Small extents are cooled first: there are many, and the next large piece cannot use them. */
static void cool(void)
{
    struct extent *extent;
    while (all.figures.warm > all.keep && (extent = coldest()) != NULL) {
        struct area *area = area_of(extent);
        size_t size = (size_t)extent->touched * PAGES_SIZE;
        list_remove(&extent->node);
        extent->state = AWAY;
        area->busy++;
        all.figures.warm -= size;
        leave();
        pages_decommit(place_of(extent), size);
        enter();
        area->busy--;
        extent->touched = 0;
        set_free(extent);
        release_if_idle(area);
    }
}

/* ---- pieces ---- */

static struct extent *find_free(int order)
{
    for (int i = order; i < ORDERS; i++)
        if (!list_empty(&all.warm[i])) return container_of(all.warm[i].next, struct extent, node);
    for (int i = order; i < ORDERS; i++)
        if (!list_empty(&all.cold[i])) return container_of(all.cold[i].next, struct extent, node);
    return NULL;
}

/* Sets how many pages of its extent the piece uses; touched pages after them are warm. */
static bool use(struct extent *extent, size_t pages)
{
    size_t tail = extent->touched - extent->used;
    if (pages > extent->touched) {
        uint8_t *place = place_of(extent) + (size_t)extent->touched * PAGES_SIZE;
        if (!pages_commit(place, (pages - extent->touched) * PAGES_SIZE)) return false;
        extent->touched = (uint32_t)pages;
    }
    all.figures.warm -= tail * PAGES_SIZE;
    all.figures.warm += (extent->touched - pages) * PAGES_SIZE;
    all.figures.taken -= (size_t)extent->used * PAGES_SIZE;
    all.figures.taken += pages * PAGES_SIZE;
    extent->used = (uint32_t)pages;
    return true;
}

/* Frees a taken extent. */
static void abandon(struct extent *extent)
{
    struct area *area = area_of(extent);
    use(extent, 0);
    area->busy--;
    set_free(extent);
    release_if_idle(area);
    cool();
}

static size_t pages_ahead(size_t pages, size_t expected)
{
    if (pages < AHEAD_PAGES) return pages;
    size_t ahead = smaller(smaller(expected, pages * AHEAD_TIMES), PAGES_PIECE_MAX / PAGES_SIZE);
    return ahead > pages ? ahead : pages;
}

static void *take(size_t pages, size_t expected)
{
    int order = order_for(pages_ahead(pages, expected));
    enter();
    struct extent *extent = find_free(order);
    if (extent == NULL && add_area()) extent = find_free(order);
    if (extent != NULL) {
        list_remove(&extent->node);
        extent->state = TAKEN;
        area_of(extent)->busy++;
        split(extent, order);
        if (!use(extent, pages)) {
            abandon(extent);
            extent = NULL;
        }
    }
    leave();
    return extent == NULL ? NULL : place_of(extent);
}

/* Enlarges an extent in place, if the addresses behind it are free. */
static bool extend(struct extent *extent, size_t pages)
{
    int order = order_for(pages);
    struct extent *buddy;
    while (extent->order < order && (buddy = free_buddy(extent)) != NULL && buddy > extent &&
           join(extent, buddy))
        absorb(extent, buddy);
    if (extent->order >= order && use(extent, pages)) return true;
    split(extent, order_for(extent->used));
    return false;
}

static void shrink(struct extent *extent, size_t pages)
{
    use(extent, pages);
    split(extent, order_for(pages));
    cool();
    size_t tail = extent->touched - extent->used;
    if (tail == 0 || all.figures.warm <= all.keep) return;
    all.figures.warm -= tail * PAGES_SIZE;
    extent->touched = extent->used;
    pages_decommit(place_of(extent) + pages * PAGES_SIZE, tail * PAGES_SIZE);
}

static bool resize_in_place(void *piece, size_t old_pages, size_t new_pages)
{
    bool done = true;
    enter();
    struct extent *extent = extent_of(piece);
    check(extent->used == old_pages);
    if (new_pages > old_pages)
        done = extend(extent, new_pages);
    else
        shrink(extent, new_pages);
    leave();
    return done;
}

/* ---- pieces that are larger than any extent ---- */

static void count_mapped(size_t before, size_t after)
{
    enter();
    all.figures.taken -= before;
    all.figures.taken += after;
    leave();
}

static void *map(size_t size)
{
    if (size > SIZE_MAX / 2) return NULL;
    void *piece = pages_reserve(pages_round(size), PAGES_SIZE);
    if (piece == NULL) return NULL;
    if (!pages_commit(piece, pages_round(size))) {
        pages_release(piece, pages_round(size));
        return NULL;
    }
    count_mapped(0, pages_round(size));
    return piece;
}

static void *remap(void *piece, size_t old_size, size_t new_size)
{
    if (new_size > SIZE_MAX / 2) return NULL;
    void *moved = pages_remap(piece, pages_round(old_size), pages_round(new_size));
    if (moved != NULL) count_mapped(pages_round(old_size), pages_round(new_size));
    return moved;
}

/* ---- for all threads ---- */

void *pages_take(size_t size, size_t expected)
{
    check(size >= 1);
    return size > PAGES_PIECE_MAX ? map(size) : take(pages_of(size), expected / PAGES_SIZE + 1);
}

void *pages_resize(void *piece, size_t old_size, size_t new_size, size_t expected)
{
    bool was_mapped = old_size > PAGES_PIECE_MAX, is_mapped = new_size > PAGES_PIECE_MAX;
    check(new_size >= 1);
    if (was_mapped && is_mapped) return remap(piece, old_size, new_size);
    if (!was_mapped && !is_mapped && resize_in_place(piece, pages_of(old_size), pages_of(new_size)))
        return piece;
    void *moved = pages_take(new_size, expected);
    if (moved == NULL) return NULL;
    memcpy(moved, piece, smaller(old_size, new_size));
    pages_give(piece, old_size);
    return moved;
}

void pages_give(void *piece, size_t size)
{
    if (size > PAGES_PIECE_MAX) {
        pages_release(piece, pages_round(size));
        count_mapped(pages_round(size), 0);
        return;
    }
    enter();
    struct extent *extent = extent_of(piece);
    check(extent->used == pages_of(size));
    abandon(extent);
    leave();
}

void pages_keep(size_t size)
{
    enter();
    all.keep = size;
    cool();
    leave();
}

struct pages_figures pages_figures(void)
{
    enter();
    struct pages_figures figures = all.figures;
    leave();
    return figures;
}
