/* list.h - intrusive doubly linked lists, circular through their head. O(1), except counting. */
#ifndef MOONPORT_LIST_H
#define MOONPORT_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *previous; /* both point to itself: an empty list, or a node in no list */
};

static inline void list_init(struct list *node)
{
    node->next = node->previous = node;
}

static inline bool list_empty(const struct list *head)
{
    return head->next == head;
}

static inline void list_append(struct list *head, struct list *node)
{
    node->previous = head->previous;
    node->next = head;
    head->previous->next = node;
    head->previous = node;
}

static inline void list_prepend(struct list *head, struct list *node)
{
    list_append(head->next, node);
}

/* Afterwards the node is in no list, and removing it again does nothing. */
static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

static inline struct list *list_take_first(struct list *head)
{
    struct list *node = head->next;
    if (node == head) return NULL;
    head->next = node->next;
    node->next->previous = head;
    list_init(node);
    return node;
}

/* Appends all of `source` to `target`; `source` is then empty. */
static inline void list_move_all(struct list *target, struct list *source)
{
    if (list_empty(source)) return;
    source->next->previous = target->previous;
    target->previous->next = source->next;
    source->previous->next = target;
    target->previous = source->previous;
    list_init(source);
}

#endif
