#include "link/group.h"

#include "random.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <signal.h>

enum { WORKERS = 3, LIMIT = 1 << 24 };

static struct group_registry registry;

static void open_registry(void)
{
    group_registry_open(&registry, WORKERS, LIMIT);
}

static struct group *get(const char *name)
{
    struct group *group = group_get(&registry, span_text(name));
    cr_assert_not_null(group);
    return group;
}

/* ---- names ---- */

Test(group, is_the_same_one_for_all_who_ask_for_its_name)
{
    open_registry();
    struct group *lobby = get("lobby"), *kitchen = get("kitchen");
    cr_assert_neq(lobby, kitchen);
    cr_assert_eq(get("lobby"), lobby);
    struct span name = group_name(lobby);
    cr_assert_eq(name.size, 5);
    cr_assert(memcmp(name.data, "lobby", 5) == 0);
    group_drop(lobby);
    cr_assert_eq(get("lobby"), lobby, "one still holds it");
    group_drop(lobby);
    group_drop(lobby);
    group_drop(kitchen);
    cr_assert_eq(registry.group_count, 0);
    group_registry_close(&registry);
}

Test(group, is_gone_with_its_last_holder)
{
    open_registry();
    struct group *lobby = get("lobby");
    size_t used = registry.used;
    group_hold(lobby);
    group_drop(lobby);
    cr_assert_eq(registry.group_count, 1);
    cr_assert_eq(registry.used, used);
    group_drop(lobby);
    cr_assert_eq(registry.group_count, 0);
    cr_assert_eq(registry.used, 0);
    group_registry_close(&registry);
}

Test(group, takes_all_that_the_limit_leaves_and_not_a_byte_more)
{
    open_registry();
    group_drop(get("lobby"));
    struct group *lobby = get("lobby");
    size_t size = registry.used;
    group_drop(lobby);
    group_registry_close(&registry);
    group_registry_open(&registry, WORKERS, 2 * size);
    lobby = get("lobby");
    struct group *other = get("other");
    cr_assert_eq(registry.used, 2 * size);
    cr_assert_null(group_get(&registry, span_text("")));
    group_drop(lobby);
    group_drop(other);
    group_registry_close(&registry);
    group_registry_open(&registry, WORKERS, size - 1);
    cr_assert_null(group_get(&registry, span_text("lobby")));
    group_registry_close(&registry);
}

Test(group, may_have_any_name_that_is_not_too_long)
{
    uint8_t bytes[GROUP_NAME_MAX + 1];
    struct group *groups[GROUP_NAME_MAX + 1];
    memset(bytes, 0, sizeof bytes);
    open_registry();
    for (size_t size = 0; size <= GROUP_NAME_MAX; size++) {
        groups[size] = group_get(&registry, span_of(bytes, size));
        cr_assert_not_null(groups[size]);
        cr_assert_eq(group_name(groups[size]).size, size);
        cr_assert_eq(registry.group_count, size + 1, "zeros are not the end of a name");
    }
    cr_assert_null(group_get(&registry, span_of(bytes, GROUP_NAME_MAX + 1)));
    struct group *without_bytes = group_get(&registry, span_of(NULL, 0));
    cr_assert_eq(without_bytes, groups[0]);
    group_drop(without_bytes);
    for (size_t size = 0; size <= GROUP_NAME_MAX; size++) group_drop(groups[size]);
    group_registry_close(&registry);
}

Test(group, is_not_made_beyond_the_limit)
{
    struct group *groups[100];
    int count = 0;
    char name[16];
    group_registry_open(&registry, WORKERS, 4096);
    for (;; count++) {
        cr_assert(count < 100);
        snprintf(name, sizeof name, "room %d", count);
        groups[count] = group_get(&registry, span_text(name));
        if (groups[count] == NULL) break;
        cr_assert(registry.used <= 4096);
    }
    cr_assert(count > 1);
    cr_assert_eq(get("room 0"), groups[0], "one that there is takes nothing");
    group_drop(groups[0]);
    group_drop(groups[--count]);
    groups[count] = get("another");
    for (int i = 0; i <= count; i++) group_drop(groups[i]);
    group_registry_close(&registry);
}

enum { MANY = 20000 };

Test(group, is_found_among_many_that_come_and_go)
{
    static struct group *groups[MANY];
    char name[32];
    size_t buckets = 0;
    open_registry();
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "room %d", i);
            groups[i] = get(name);
        }
        cr_assert_eq(registry.group_count, MANY);
        if (round == 0) buckets = registry.bucket_count;
        cr_assert_eq(registry.bucket_count, buckets, "it does not grow from round to round");
        for (int i = 0; i < MANY; i++) {
            snprintf(name, sizeof name, "room %d", i);
            struct group *found = get(name);
            if (found != groups[i]) cr_assert_eq(found, groups[i], "%s", name);
            group_drop(found);
        }
        for (int i = 0; i < MANY; i++) group_drop(groups[i]);
        cr_assert_eq(registry.group_count, 0);
        cr_assert(registry.bucket_count <= 64, "the table shrinks with them");
    }
    group_registry_close(&registry);
}

Test(group, that_outlives_its_registry_is_a_bug, .signal = SIGABRT)
{
    open_registry();
    get("lobby");
    group_registry_close(&registry);
}

/* ---- members ---- */

Test(group, counts_its_members_once_each_over_all_workers)
{
    struct budget budget = {.limit = 100000};
    struct group_member members[4];
    open_registry();
    struct group *lobby = get("lobby");
    for (uint32_t i = 0; i < 4; i++) {
        group_member_init(&members[i], &budget, i % WORKERS);
        cr_assert_not(group_remove(lobby, &members[i]));
        cr_assert(group_add(lobby, &members[i]));
        cr_assert(group_add(lobby, &members[i]));
        cr_assert_eq(group_count(lobby), i + 1);
    }
    cr_assert_eq(group_count_on(lobby, 0), 2);
    cr_assert_eq(group_count_on(lobby, 1), 1);
    cr_assert_eq(group_count_on(lobby, 2), 1);
    cr_assert(group_remove(lobby, &members[0]));
    cr_assert_not(group_remove(lobby, &members[0]));
    cr_assert_eq(group_count_on(lobby, 0), 1);
    cr_assert_eq(group_count(lobby), 3);
    for (int i = 1; i < 4; i++) cr_assert(group_remove(lobby, &members[i]));
    cr_assert_eq(group_count(lobby), 0);
    cr_assert_eq(budget_used(&budget), 0);
    group_drop(lobby);
    group_registry_close(&registry);
}

Test(group, lives_as_long_as_it_has_members)
{
    struct budget budget = {.limit = 100000};
    struct group_member member;
    open_registry();
    group_member_init(&member, &budget, 1);
    struct group *lobby = get("lobby");
    cr_assert(group_add(lobby, &member));
    group_drop(lobby);
    cr_assert_eq(get("lobby"), lobby);
    cr_assert_eq(group_count(lobby), 1);
    group_drop(lobby);
    group_leave_all(&member);
    cr_assert_eq(registry.group_count, 0);
    group_registry_close(&registry);
}

Test(group, is_left_with_all_others_at_once)
{
    struct budget budget = {.limit = 100000};
    struct group_member member, other;
    char name[16];
    open_registry();
    group_member_init(&member, &budget, 0);
    group_member_init(&other, &budget, 0);
    group_leave_all(&member);
    for (int i = 0; i < 50; i++) {
        snprintf(name, sizeof name, "room %d", i);
        struct group *room = get(name);
        cr_assert(group_add(room, &member));
        if (i == 7) cr_assert(group_add(room, &other));
        group_drop(room);
    }
    cr_assert_eq(registry.group_count, 50);
    group_leave_all(&member);
    cr_assert_eq(registry.group_count, 1);
    struct group *room = get("room 7");
    cr_assert_eq(group_count(room), 1);
    group_drop(room);
    group_leave_all(&other);
    cr_assert_eq(budget_used(&budget), 0);
    group_registry_close(&registry);
}

Test(group, has_its_members_paid_for_by_their_worker)
{
    struct budget budget = {.limit = 2 * sizeof(struct group_membership)};
    struct group_member members[3];
    open_registry();
    struct group *lobby = get("lobby");
    for (int i = 0; i < 3; i++) {
        group_member_init(&members[i], &budget, 0);
        cr_assert_eq(group_add(lobby, &members[i]), i < 2);
    }
    cr_assert(group_add(lobby, &members[0]), "who is a member costs nothing more");
    cr_assert_eq(group_count(lobby), 2);
    cr_assert(group_remove(lobby, &members[1]));
    cr_assert(group_add(lobby, &members[2]));
    group_leave_all(&members[0]);
    group_leave_all(&members[2]);
    cr_assert_eq(budget_used(&budget), 0);
    group_drop(lobby);
    group_registry_close(&registry);
}

/* ---- walks ---- */

enum { CROWD = 8 };
static struct budget crowd_budget = {.limit = 1000000};
static struct group_member crowd[CROWD];
static bool met[CROWD];

/* All but the last are members. */
static struct group *make_crowd(void)
{
    open_registry();
    struct group *lobby = get("lobby");
    memset(met, 0, sizeof met);
    for (int i = 0; i < CROWD; i++) {
        group_member_init(&crowd[i], &crowd_budget, 1);
        if (i < CROWD - 1) cr_assert(group_add(lobby, &crowd[i]));
    }
    return lobby;
}

static void dissolve(struct group *lobby)
{
    for (int i = 0; i < CROWD; i++) group_leave_all(&crowd[i]);
    cr_assert_eq(group_count(lobby), 0);
    group_drop(lobby);
    group_registry_close(&registry);
}

/* Its place among the crowd; -1: that were all. None is met twice. */
static int meet(struct group_walk *walk)
{
    struct group_member *member = group_walk_next(walk);
    if (member == NULL) return -1;
    int place = (int)(member - crowd);
    cr_assert_not(met[place]);
    met[place] = true;
    return place;
}

static int met_count(void)
{
    int count = 0;
    for (int i = 0; i < CROWD; i++) count += met[i];
    return count;
}

Test(group, is_walked_along_one_workers_members)
{
    struct group *lobby = make_crowd();
    struct group_member elsewhere;
    struct group_walk walk;
    group_member_init(&elsewhere, &crowd_budget, 2);
    cr_assert(group_add(lobby, &elsewhere));
    group_walk_begin(&walk, lobby, 1);
    while (meet(&walk) >= 0) continue;
    cr_assert_null(group_walk_next(&walk));
    group_walk_end(&walk);
    cr_assert_eq(met_count(), CROWD - 1);
    group_walk_begin(&walk, lobby, 0);
    cr_assert_null(group_walk_next(&walk));
    group_walk_end(&walk);
    group_leave_all(&elsewhere);
    dissolve(lobby);
}

Test(group, may_lose_and_win_members_while_it_is_walked)
{
    struct group *lobby = make_crowd();
    struct group_walk walk;
    group_walk_begin(&walk, lobby, 1);
    int first = meet(&walk);
    group_leave_all(&crowd[first]);
    int second = meet(&walk);
    int later = 0;
    while (met[later]) later++;
    group_leave_all(&crowd[later]);
    group_leave_all(&crowd[second]);
    cr_assert(group_add(lobby, &crowd[CROWD - 1]));
    while (meet(&walk) >= 0) continue;
    group_walk_end(&walk);
    cr_assert(met[CROWD - 1], "who joins meanwhile is met");
    cr_assert_not(met[later], "who has left is not");
    cr_assert_eq(met_count(), CROWD - 1);
    dissolve(lobby);
}

Test(group, may_lose_all_members_while_it_is_walked)
{
    struct group *lobby = make_crowd();
    struct group_walk walk;
    group_walk_begin(&walk, lobby, 1);
    cr_assert(meet(&walk) >= 0);
    for (int i = 0; i < CROWD; i++) group_leave_all(&crowd[i]);
    cr_assert_null(group_walk_next(&walk));
    group_walk_end(&walk);
    dissolve(lobby);
}

Test(group, is_walked_past_the_place_of_another_walk)
{
    struct group *lobby = make_crowd();
    struct group_walk walk, other;
    int count = 0;
    group_walk_begin(&walk, lobby, 1);
    for (int steps = 0; steps < 3; steps++) cr_assert(meet(&walk) >= 0);
    group_walk_begin(&other, lobby, 1);
    while (group_walk_next(&other) != NULL) count++;
    group_walk_end(&other);
    cr_assert_eq(count, CROWD - 1);
    while (meet(&walk) >= 0) continue;
    group_walk_end(&walk);
    cr_assert_eq(met_count(), CROWD - 1);
    dissolve(lobby);
}

Test(group, may_be_walked_by_two_at_once)
{
    struct group *lobby = make_crowd();
    struct group_walk walk, other;
    group_walk_begin(&walk, lobby, 1);
    group_walk_begin(&other, lobby, 1);
    int steps = 0;
    while (meet(&walk) >= 0) {
        cr_assert_not_null(group_walk_next(&other));
        if (++steps == 3) group_leave_all(&crowd[0]);
    }
    while (group_walk_next(&other) != NULL) steps++;
    cr_assert(steps >= CROWD - 2);
    cr_assert(met_count() >= CROWD - 2);
    group_walk_end(&walk);
    group_walk_end(&other);
    dissolve(lobby);
}

/* ---- threads ---- */

enum { ROUNDS = 20000, NAMES = 5 };

struct hammer {
    uint32_t worker;
    uint64_t random;
    struct budget budget;
};

static void *hammer_away(void *argument)
{
    struct hammer *hammer = argument;
    struct group_member member;
    group_member_init(&member, &hammer->budget, hammer->worker);
    for (int i = 0; i < ROUNDS; i++) {
        uint64_t number = random_next(&hammer->random);
        const char name[] = {(char)('a' + number % NAMES), '\0'};
        struct group *group = get(name);
        cr_assert_eq(*group_name(group).data, (uint8_t)name[0]);
        if (number >> 8 & 1) {
            cr_assert(group_add(group, &member));
            cr_assert_eq(group_count_on(group, hammer->worker), 1);
        } else {
            group_remove(group, &member);
            cr_assert_eq(group_count_on(group, hammer->worker), 0);
        }
        cr_assert(group_count(group) <= WORKERS);
        if (number >> 9 & 1) group_leave_all(&member);
        group_drop(group);
    }
    group_leave_all(&member);
    return NULL;
}

Test(group, is_never_half_gone_for_threads_that_find_and_drop_it)
{
    pthread_t threads[WORKERS];
    static struct hammer hammers[WORKERS];
    open_registry();
    for (uint32_t i = 0; i < WORKERS; i++) {
        hammers[i] = (struct hammer){.worker = i, .random = i + 1, .budget = {.limit = 100000}};
        cr_assert_eq(pthread_create(&threads[i], NULL, hammer_away, &hammers[i]), 0);
    }
    for (int i = 0; i < WORKERS; i++) {
        pthread_join(threads[i], NULL);
        cr_assert_eq(budget_used(&hammers[i].budget), 0);
    }
    cr_assert_eq(registry.group_count, 0);
    cr_assert_eq(registry.used, 0);
    group_registry_close(&registry);
}
