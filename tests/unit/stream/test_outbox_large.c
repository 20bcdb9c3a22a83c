/* Large blocks in an outbox: whom they are for, and how they come home. */
#include "outbox_desk.h"

static void open_with_large(struct desk *desk, size_t limit)
{
    desk_open(desk, 8, 64, limit);
    desk_add_large(desk, 1, 1000);
}

Test(outbox, a_packet_larger_than_a_block_is_one_part_in_a_large_one_and_others_follow_it)
{
    struct desk desk;
    struct span parts[4];
    open_with_large(&desk, 0);
    cr_assert(append(&desk, 65, 2));
    cr_assert_eq(desk.large.free_count, 0);
    cr_assert_eq(desk.pool.free_count, 8);
    cr_assert(append(&desk, 10, 1));
    cr_assert(append(&desk, 900, 3));
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 1);
    cr_assert(append(&desk, 26, 1)); /* where no room is left, small blocks go on */
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 2);
    send_all(&desk);
    cr_assert_eq(desk.large.free_count, 1);
    desk_close(&desk);
}

Test(outbox, large_blocks_are_not_for_what_fits_a_small_one_or_no_block_or_waits_behind_others)
{
    struct desk desk;
    open_with_large(&desk, 1 << 20);
    cr_assert(append(&desk, 64, 1));
    cr_assert(append(&desk, 65, 1));
    cr_assert_eq(desk.large.free_count, 1);
    send_all(&desk);
    cr_assert(append(&desk, 1001, 1));
    cr_assert_eq(desk.large.free_count, 1);
    send_all(&desk);
    cr_assert(append(&desk, 1000, 1));
    cr_assert_eq(desk.large.free_count, 0, "it fits exactly");
    send_all(&desk);
    desk_close(&desk);
}

Test(outbox, without_a_free_large_block_packets_are_cut_into_small_ones)
{
    struct desk desk;
    struct span parts[4];
    open_with_large(&desk, 0);
    struct block *taken = block_take(&desk.large);
    cr_assert(append(&desk, 100, 2));
    cr_assert_eq(outbox_parts(&desk.outbox, parts, 4), 2);
    send_all(&desk);
    block_give(taken);
    desk_close(&desk);
}

Test(outbox, what_a_send_leaves_over_gives_the_large_block_back)
{
    struct desk desk;
    open_with_large(&desk, 1 << 20);
    cr_assert(append(&desk, 900, 1));
    cr_assert(append(&desk, 200, 1));
    cr_assert_eq(offered(&desk, 8), 1100);
    outbox_leave_large(&desk.outbox, &desk.pool); /* it is being sent from there */
    cr_assert_eq(desk.large.free_count, 0);
    send_some(&desk, 300);
    outbox_leave_large(&desk.outbox, &desk.pool);
    cr_assert_eq(desk.large.free_count, 1);
    cr_assert(budget_used(&desk.budget) >= 600);
    cr_assert_eq(offered(&desk, 8), 800);
    outbox_leave_large(&desk.outbox, &desk.pool); /* once is enough */
    send_all(&desk);
    outbox_leave_large(&desk.outbox, &desk.pool);
    desk_close(&desk);
}

Test(outbox, without_memory_what_is_left_over_stays_in_the_large_block)
{
    struct desk desk;
    open_with_large(&desk, 100);
    cr_assert(append(&desk, 900, 1));
    send_some(&desk, 300);
    outbox_leave_large(&desk.outbox, &desk.pool);
    cr_assert_eq(desk.large.free_count, 0);
    cr_assert_eq(offered(&desk, 8), 600);
    send_all(&desk);
    cr_assert_eq(desk.large.free_count, 1);
    desk_close(&desk);
}
