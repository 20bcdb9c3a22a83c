/* group.h - named groups of connections that span workers.
 *
 * The server's registry finds a group by its name. Groups are reference-counted: each handle,
 * membership and letter in transit holds one reference, and the last one to go frees the group, so a
 * server whose rooms come and go does not grow. The members are in one list per worker, which only
 * that worker's thread touches; any thread may read the counts. */
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
    struct group **buckets; /* chains; their count is a power of two, about that of the groups */
    size_t bucket_count, group_count;
    size_t used, limit; /* bytes of groups, without their members */
    uint64_t seed;      /* of the hash: a peer that chooses names cannot tell which ones collide */
    uint32_t workers;
};

/* limit: bytes that groups may take, without their members. */
void group_registry_open(struct group_registry *registry, uint32_t workers, size_t limit);
void group_registry_close(struct group_registry *registry); /* no group may be left */

/* Finds or creates the group of that name, and adds one holder. NULL: no memory, or the name is
 * longer than GROUP_NAME_MAX. Any thread may call this and the next five functions. */
struct group *group_get(struct group_registry *registry, struct span name);

void group_hold(struct group *group);
void group_drop(struct group *group);
struct span group_name(const struct group *group); /* valid while the group is held */

/* Current members: of all workers, or of one. */
uint32_t group_count(const struct group *group);
uint32_t group_count_on(const struct group *group, uint32_t worker);

/* ---- members; only on the thread of their worker ---- */

/* Embedded in an object that can be a member of groups. */
struct group_member {
    struct list memberships; /* in no order that matters */
    struct budget *budget;   /* pays for them */
    uint32_t worker;
};

void group_member_init(struct group_member *member, struct budget *budget, uint32_t worker);

/* O(groups of the member), independent of the number of members. The group must be held. */
bool group_add(struct group *group, struct group_member *member);    /* false: no memory */
bool group_remove(struct group *group, struct group_member *member); /* false: not a member */
void group_leave_all(struct group_member *member);

/* That one member is in one group; linked into a list of each. */
struct group_membership {
    struct list of_member, of_group; /* nodes in a list of the member, and one of the group */
    struct group *group;             /* held */
    struct group_member *member;     /* NULL: the marker of a walk */
};

/* Walks along one worker's members. During the walk members may leave; those that join are visited
 * too. The group must stay held. */
struct group_walk {
    struct group_membership place; /* marker in the list, after the member visited last */
    struct list *end;
};
void group_walk_begin(struct group_walk *walk, struct group *group, uint32_t worker);
struct group_member *group_walk_next(struct group_walk *walk); /* NULL: no more */
void group_walk_end(struct group_walk *walk);

#endif
