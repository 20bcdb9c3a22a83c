/* The marks of a queue, to the byte, and what a refusal leaves behind. */
#include "offline_talk.h"
#include "server/worker.h"

enum { HEADER = 4, SOFT = 1024, HARD = 4096 };

static struct seen noted;
static struct offline *offline;
static struct offline_peer *reader;

static void begin(void)
{
    offline = open_set(&noted,
                       (const char *const[]){"max_packet", "1M", "soft_mark", "1K", "hard_mark",
                                             "0", "on_full", "refuse", "idle_timeout", "0", NULL});
    reader = connect_to(offline);
    struct link_limits limits = noted.link->home->limits;
    limits.hard_mark = HARD; /* as a reload may lower it */
    worker_set_limits(offline_worker(offline), &limits, noted.link->home->streams.budget.limit);
    offline_set_deaf(reader, true);
}

/* A packet of so many bytes on the wire. */
static enum send_result queue(size_t size)
{
    static uint8_t bytes[1 << 20];
    return link_send(noted.link, span_of(bytes, size - HEADER));
}

static bool is_heard(void)
{
    int received = noted.received;
    noted.silent = true;
    say(offline, reader, "do you hear me?");
    return noted.received == received + 1;
}

Test(link_marks, a_queue_of_the_soft_mark_is_heard_and_one_byte_more_is_not)
{
    begin();
    cr_assert_eq(queue(SOFT), SEND_OK);
    cr_assert(is_heard());
    cr_assert_eq(queue(HEADER + 1), SEND_OK);
    cr_assert_not(is_heard());
    offline_set_deaf(reader, false);
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.received, 2, "it goes on where it was");
    cr_assert_eq(noted.drained, 1);
    offline_close(offline);
}

/* The same by the way that packets take which are shared. */
Test(link_marks, what_others_share_is_heard_to_the_soft_mark_too)
{
    begin();
    struct chunk *chunk = chunk_make(&noted.link->home->streams.budget, SOFT - 100);
    memset(chunk->data, 0, chunk->size);
    cr_assert_eq(queue(100), SEND_OK);
    cr_assert_eq(link_send_chunk(noted.link, chunk), SEND_OK);
    chunk_drop(chunk);
    cr_assert_eq(link_pending(noted.link), SOFT);
    cr_assert(is_heard());
    offline_close(offline);
}

Test(link_marks, a_queue_is_as_long_as_the_hard_mark_and_not_a_byte_longer)
{
    begin();
    cr_assert_eq(queue(HARD - 100), SEND_OK);
    cr_assert_eq(queue(100), SEND_OK);
    cr_assert_eq(link_pending(noted.link), HARD);
    cr_assert_eq(queue(HEADER + 1), SEND_FULL);
    cr_assert_eq(link_pending(noted.link), HARD);
    offline_close(offline);
}

/* ... or a later one would stand in the place of the refused one. */
Test(link_marks, after_a_refusal_nothing_is_taken_until_the_queue_has_drained)
{
    begin();
    cr_assert_eq(queue(HARD - 100), SEND_OK);
    cr_assert_eq(queue(101), SEND_FULL);
    cr_assert_eq(queue(HEADER + 1), SEND_FULL, "there is room, but it comes later");
    offline_set_deaf(reader, false);
    cr_assert(offline_run(offline));
    cr_assert_eq(noted.drained, 1);
    cr_assert_eq(queue(HEADER + 1), SEND_OK);
    offline_close(offline);
}

Test(link_marks, an_empty_queue_takes_any_packet)
{
    begin();
    cr_assert_eq(queue(100 * HARD), SEND_OK);
    cr_assert_eq(queue(HEADER + 1), SEND_FULL);
    offline_close(offline);
}

Test(link_marks, it_has_drained_when_it_is_at_the_soft_mark)
{
    begin();
    cr_assert_eq(queue(3 * SOFT), SEND_OK);
    cr_assert_not(is_heard());
    offline_set_room(reader, 2 * SOFT - 1);
    offline_set_deaf(reader, false);
    cr_assert(offline_run(offline));
    cr_assert_eq(link_pending(noted.link), SOFT + 1);
    cr_assert_eq(noted.drained, 0);
    offline_take(reader, 1);
    cr_assert(offline_run(offline));
    cr_assert_eq(link_pending(noted.link), SOFT);
    cr_assert_eq(noted.drained, 1);
    cr_assert_eq(noted.received, 1, "it is heard again");
    offline_close(offline);
}

/* What nothing stands behind leaves no gap. */
Test(link_marks, a_packet_that_finds_no_memory_refuses_none_that_follow_an_empty_queue)
{
    begin();
    struct link_limits limits = noted.link->home->limits;
    size_t memory = noted.link->home->streams.budget.limit;
    worker_set_limits(offline_worker(offline), &limits, 0);
    cr_assert_eq(queue(200000), SEND_NO_MEMORY);
    worker_set_limits(offline_worker(offline), &limits, memory);
    cr_assert_eq(queue(200000), SEND_OK);
    offline_close(offline);
}
