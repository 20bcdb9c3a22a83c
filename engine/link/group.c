#include "link/group.h"

#include "base/hash.h"

enum { BUCKETS_MIN = 16 };

/* The members of one worker. */
struct group_side {
    struct list members; /* of struct group_membership */
    _Atomic uint32_t count;
};

struct group {
    struct group *next; /* in its bucket */
    struct group_registry *registry;
    uint64_t hash;
    _Atomic uint32_t holders;
    uint32_t name_size; /* bytes; the name is stored after the sides */
    struct group_side sides[];
};

/* ---- the registry ---- */

void group_registry_open(struct group_registry *registry, uint32_t workers, size_t limit)
{
    *registry = (struct group_registry){
        .limit = limit,
        .workers = workers,
        .seed = (uint64_t)(uintptr_t)registry, /* the address differs from run to run */
    };
    pthread_mutex_init(&registry->mutex, NULL);
}

void group_registry_close(struct group_registry *registry)
{
    check(registry->group_count == 0);
    check(registry->used == 0);
    free(registry->buckets);
    pthread_mutex_destroy(&registry->mutex);
}

static struct group **bucket_of(const struct group_registry *registry, uint64_t hash)
{
    return &registry->buckets[hash & (registry->bucket_count - 1)];
}

/* False if there is no memory: then nothing changes. */
static bool set_bucket_count(struct group_registry *registry, size_t count)
{
    struct group **old = registry->buckets;
    size_t old_count = registry->bucket_count;
    struct group **buckets = calloc(count, sizeof *buckets);
    if (buckets == NULL) return false;
    check(old != NULL || old_count == 0);
    registry->buckets = buckets;
    registry->bucket_count = count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct group *group = old[i], *next; group != NULL; group = next) {
            struct group **bucket = bucket_of(registry, group->hash);
            next = group->next;
            group->next = *bucket;
            *bucket = group;
        }
    }
    free(old);
    return true;
}

/* Keeps about one group per bucket. If memory runs out, the chains only get longer. */
static void fit_buckets(struct group_registry *registry)
{
    size_t count = registry->bucket_count;
    if (registry->group_count > count)
        set_bucket_count(registry, count * 2);
    else if (count > BUCKETS_MIN && registry->group_count < count / 8)
        set_bucket_count(registry, count / 4);
}

static uint8_t *name_of(const struct group *group)
{
    return (uint8_t *)&group->sides[group->registry->workers];
}

static size_t bytes_of(const struct group_registry *registry, size_t name_size)
{
    return sizeof(struct group) + registry->workers * sizeof(struct group_side) + name_size;
}

static struct group *find(const struct group_registry *registry, uint64_t hash, struct span name)
{
    struct group *group = *bucket_of(registry, hash);
    for (; group != NULL; group = group->next)
        if (group->hash == hash && group->name_size == name.size &&
            (name.size == 0 || memcmp(name_of(group), name.data, name.size) == 0))
            return group;
    return NULL;
}

static struct group *make(struct group_registry *registry, uint64_t hash, struct span name)
{
    size_t size = bytes_of(registry, name.size);
    if (size > registry->limit - registry->used) return NULL;
    struct group *group = malloc(size);
    if (group == NULL) return NULL;
    group->registry = registry;
    group->hash = hash;
    group->name_size = (uint32_t)name.size;
    atomic_init(&group->holders, 1);
    for (uint32_t i = 0; i < registry->workers; i++) {
        list_init(&group->sides[i].members);
        atomic_init(&group->sides[i].count, 0);
    }
    if (name.size > 0) memcpy(name_of(group), name.data, name.size);
    group->next = *bucket_of(registry, hash);
    *bucket_of(registry, hash) = group;
    registry->used += size;
    registry->group_count++;
    fit_buckets(registry);
    return group;
}

static void take_out(struct group_registry *registry, struct group *group)
{
    struct group **place = bucket_of(registry, group->hash);
    while (*place != group) place = &(*place)->next;
    *place = group->next;
    registry->used -= bytes_of(registry, group->name_size);
    registry->group_count--;
    fit_buckets(registry);
}

struct group *group_get(struct group_registry *registry, struct span name)
{
    struct group *group = NULL;
    if (name.size > GROUP_NAME_MAX) return NULL;
    uint64_t hash = hash_bytes(registry->seed, name);
    pthread_mutex_lock(&registry->mutex);
    if (registry->buckets != NULL || set_bucket_count(registry, BUCKETS_MIN)) {
        group = find(registry, hash, name);
        if (group != NULL)
            group_hold(group);
        else
            group = make(registry, hash, name);
    }
    pthread_mutex_unlock(&registry->mutex);
    return group;
}

void group_hold(struct group *group)
{
    uint32_t before = atomic_fetch_add_explicit(&group->holders, 1, memory_order_relaxed);
    check(before > 0);
    check(before < UINT32_MAX);
}

/* The last holder drops out under the mutex, so that no lookup finds a group about to be freed. */
static void drop_last(struct group *group)
{
    struct group_registry *registry = group->registry;
    pthread_mutex_lock(&registry->mutex);
    uint32_t before = atomic_fetch_sub_explicit(&group->holders, 1, memory_order_acq_rel);
    check(before > 0);
    if (before == 1) take_out(registry, group);
    pthread_mutex_unlock(&registry->mutex);
    if (before > 1) return; /* another thread has found the group meanwhile */
    for (uint32_t i = 0; i < registry->workers; i++) check(list_empty(&group->sides[i].members));
    free(group);
}

void group_drop(struct group *group)
{
    uint32_t seen = atomic_load_explicit(&group->holders, memory_order_relaxed);
    while (seen > 1)
        if (atomic_compare_exchange_weak_explicit(&group->holders, &seen, seen - 1,
                                                  memory_order_release, memory_order_relaxed))
            return;
    drop_last(group);
}

struct span group_name(const struct group *group)
{
    return span_of(name_of(group), group->name_size);
}

uint32_t group_count_on(const struct group *group, uint32_t worker)
{
    return atomic_load_explicit(&group->sides[worker].count, memory_order_relaxed);
}

uint32_t group_count(const struct group *group)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < group->registry->workers; i++) count += group_count_on(group, i);
    return count;
}

/* ---- members ---- */

void group_member_init(struct group_member *member, struct budget *budget, uint32_t worker)
{
    list_init(&member->memberships);
    member->budget = budget;
    member->worker = worker;
}

static struct group_membership *membership_of(const struct group_member *member,
                                              const struct group *group)
{
    const struct list *head = &member->memberships;
    for (struct list *node = head->next; node != head; node = node->next) {
        struct group_membership *one = container_of(node, struct group_membership, of_member);
        if (one->group == group) return one;
    }
    return NULL;
}

bool group_add(struct group *group, struct group_member *member)
{
    struct group_membership *one = membership_of(member, group);
    struct group_side *side = &group->sides[member->worker];
    if (one != NULL) return true;
    if (!budget_take(member->budget, sizeof *one)) return false;
    one = malloc(sizeof *one);
    if (one == NULL) {
        budget_give(member->budget, sizeof *one);
        return false;
    }
    group_hold(group);
    one->group = group;
    one->member = member;
    list_append(&member->memberships, &one->of_member);
    list_append(&side->members, &one->of_group);
    atomic_fetch_add_explicit(&side->count, 1, memory_order_relaxed);
    return true;
}

static void leave(struct group_membership *one)
{
    struct group *group = one->group;
    struct group_member *member = one->member;
    list_remove(&one->of_member);
    list_remove(&one->of_group);
    atomic_fetch_sub_explicit(&group->sides[member->worker].count, 1, memory_order_relaxed);
    free(one);
    budget_give(member->budget, sizeof *one);
    group_drop(group);
}

bool group_remove(struct group *group, struct group_member *member)
{
    struct group_membership *one = membership_of(member, group);
    if (one == NULL) return false;
    leave(one);
    return true;
}

void group_leave_all(struct group_member *member)
{
    struct list *node;
    while ((node = list_take_first(&member->memberships)) != NULL)
        leave(container_of(node, struct group_membership, of_member));
}

void group_walk_begin(struct group_walk *walk, struct group *group, uint32_t worker)
{
    walk->end = &group->sides[worker].members;
    walk->place.member = NULL;
    list_prepend(walk->end, &walk->place.of_group);
}

struct group_member *group_walk_next(struct group_walk *walk)
{
    struct list *place = &walk->place.of_group, *next = place->next;
    struct group_membership *one;
    do {
        if (next == walk->end) return NULL;
        one = container_of(next, struct group_membership, of_group);
        list_remove(place);
        list_prepend(next, place);
        next = place->next;
    } while (one->member == NULL); /* the marker of another walk */
    return one->member;
}

void group_walk_end(struct group_walk *walk)
{
    list_remove(&walk->place.of_group);
}
