#include "base/list.h"

#include <criterion/criterion.h>

struct item {
    struct list node;
    int number;
};

/* The numbers in the list as one decimal number, checked in both directions. */
static int digits(const struct list *head)
{
    int forwards = 0, backwards = 0, scale = 1;
    for (const struct list *node = head->next; node != head; node = node->next)
        forwards = forwards * 10 + ((const struct item *)node)->number;
    for (const struct list *node = head->previous; node != head; node = node->previous) {
        backwards += ((const struct item *)node)->number * scale;
        scale *= 10;
    }
    cr_assert_eq(forwards, backwards);
    return forwards;
}

static void make(struct item *items, int count, struct list *head)
{
    list_init(head);
    for (int i = 0; i < count; i++) {
        items[i].number = i + 1;
        list_append(head, &items[i].node);
    }
}

Test(list, appends_behind_and_prepends_before)
{
    struct item items[3], first = {.number = 9};
    struct list head;
    list_init(&head);
    cr_assert(list_empty(&head));
    make(items, 3, &head);
    cr_assert_not(list_empty(&head));
    list_prepend(&head, &first.node);
    cr_assert_eq(digits(&head), 9123);
}

Test(list, removes_from_anywhere_and_twice_does_nothing)
{
    struct item items[5];
    struct list head;
    make(items, 5, &head);
    list_remove(&items[2].node);
    cr_assert(list_empty(&items[2].node));
    list_remove(&items[2].node);
    cr_assert_eq(digits(&head), 1245);
    list_remove(&items[0].node);
    list_remove(&items[4].node);
    cr_assert_eq(digits(&head), 24);
}

Test(list, gives_its_first_until_it_is_empty)
{
    struct item items[2];
    struct list head;
    make(items, 2, &head);
    cr_assert_eq(list_take_first(&head), &items[0].node);
    cr_assert(list_empty(&items[0].node));
    cr_assert_eq(list_take_first(&head), &items[1].node);
    cr_assert_null(list_take_first(&head));
    cr_assert(list_empty(&head));
}

Test(list, moves_all_behind_the_last)
{
    struct item low[3], high[2];
    struct list target, source;
    make(low, 3, &target);
    make(high, 2, &source);
    list_move_all(&target, &source);
    cr_assert_eq(digits(&target), 12312);
    cr_assert(list_empty(&source));
    list_move_all(&target, &source);
    cr_assert_eq(digits(&target), 12312);
    list_move_all(&source, &target);
    cr_assert_eq(digits(&source), 12312);
    cr_assert(list_empty(&target));
}
