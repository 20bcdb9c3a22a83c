/* group.h - named groups of connections that span workers.
 *
 * A group is found by its name in the registry of its server. It is shared and counted: handles,
 * memberships and letters under way hold one each, and with its last holder it is gone, so a server
 * whose rooms come and go does not grow. Its members stand in one list for each worker, which that
 * worker's thread alone touches; how many they are is for all to read. */
#ifndef MOONPORT_GROUP_H
#define MOONPORT_GROUP_H

#include "base/budget.h"
#include "base/list.h"
#include "base/span.h"

#include <pthread.h>
#include <stdint.h>

enum { GROUP_NAME_MAX = 255 }; /* bytes, of any value */

struct group;

struct group_registry {
    pthread_mutex_t mutex;
    struct group **buckets; /* chains; a power of two of them, about as many as groups */
    size_t bucket_count, group_count;
    size_t used, limit; /* bytes of groups, without their members */
    uint64_t seed; /* of the hash: a peer that chooses names does not know which ones collide */
    uint32_t workers;
};

/* limit: bytes that groups may take, without their members. */
void group_registry_open(struct group_registry *registry, uint32_t workers, size_t limit);
void group_registry_close(struct group_registry *registry); /* there may be no group any more */

/* The group of that name, with one more holder; it is made if there is none. NULL: no memory, or
 * the name is longer than GROUP_NAME_MAX. Any thread, as the next four. */
struct group *group_get(struct group_registry *registry, struct span name);

void group_hold(struct group *group);
void group_drop(struct group *group);
struct span group_name(const struct group *group); /* valid as long as it is held */

/* Members now: of all workers, or of one. */
uint32_t group_count(const struct group *group);
uint32_t group_count_on(const struct group *group, uint32_t worker);

/* ---- members; the thread of their worker ---- */

/* Embedded in what may be a member of groups. */
struct group_member {
    struct list memberships; /* in no order that matters */
    struct budget *budget;   /* pays for them */
    uint32_t worker;
};

void group_member_init(struct group_member *member, struct budget *budget, uint32_t worker);

/* O(groups of the member), whatever the number of members. The group must be held. */
bool group_add(struct group *group, struct group_member *member);    /* false: no memory */
bool group_remove(struct group *group, struct group_member *member); /* false: it was no member */
void group_leave_all(struct group_member *member);

/* Who is in a group, and in which list of members that stands. */
struct group_membership {
    struct list of_member, of_group; /* nodes in the member's list, and in its worker's */
    struct group *group;             /* held */
    struct group_member *member;     /* NULL: the place that a walk has reached */
};

/* Walks along one worker's members. While it goes on any may leave, and those that join are met too;
 * the group must stay held. */
struct group_walk {
    struct group_membership place; /* stands behind the member that was met last */
    struct list *end;
};
void group_walk_begin(struct group_walk *walk, struct group *group, uint32_t worker);
struct group_member *group_walk_next(struct group_walk *walk); /* NULL: that were all */
void group_walk_end(struct group_walk *walk);

#endif
