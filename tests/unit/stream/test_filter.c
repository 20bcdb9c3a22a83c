/* A stream with a filter: its handshake, what passes it both ways, and its end. */
#include "stream_desk.h"
#include "veil.h"

static struct desk one;
static struct veil_source veils;

/* ---- the client ---- */

static void send_record(enum veil_type type, const void *payload, size_t size)
{
    uint8_t record[VEIL_RECORD_MAX];
    size = veil_record(record, type, span_of(payload, size));
    cr_assert(memory_peer_send(&one.peer, span_of(record, size)));
}

static void say_hello(uint8_t round, uint8_t rounds, uint8_t flags)
{
    const uint8_t hello[] = {round, rounds, flags};
    send_record(VEIL_HELLO, hello, sizeof hello);
    desk_turn(&one);
}

/* More than a block holds: 150 bytes. */
static const char *long_text(void)
{
    static char text[151];
    memset(text, 't', 150);
    return text;
}

static void send_masked(const char *text)
{
    uint8_t record[VEIL_RECORD_MAX];
    size_t size = veil_cover(record, span_text(text), false);
    cr_assert(memory_peer_send(&one.peer, span_of(record, size)));
}

/* What the server has sent is records, each whole: the plain bytes in them, their number, the type of the last. */
struct got {
    uint8_t plain[200000];
    size_t size;
    int answers;
    uint8_t last;
};

static struct got *hear(void)
{
    static struct got got;
    struct span bytes = memory_peer_received(&one.peer);
    got = (struct got){.size = 0};
    while (bytes.size > 0) {
        cr_assert(bytes.size >= VEIL_HEAD);
        struct span payload =
            span_first(span_skip(bytes, VEIL_HEAD), bytes.data[1] + 256u * bytes.data[2]);
        got.last = bytes.data[0];
        got.answers += got.last == VEIL_ANSWER;
        if (got.last == VEIL_MASKED || got.last == VEIL_PACKED)
            got.size += veil_uncover(got.plain + got.size, got.last, payload);
        bytes = span_skip(bytes, VEIL_HEAD + payload.size);
    }
    return &got;
}

/* ---- the server's stream, which the desk owns ---- */

static void open_veiled(void)
{
    veil_source_init(&veils, 7);
    desk_open_with(&one, &veils.source);
}

static void turn_and_shake(void)
{
    desk_turn(&one);
    if (one.stream.state == STREAM_OPENING) stream_shake(&one.stream);
    desk_turn(&one);
}

static void open_through(void)
{
    open_veiled();
    say_hello(1, 1, 0);
    turn_and_shake();
    cr_assert_eq(one.stream.state, STREAM_OPEN);
}

static void absorb_all(void)
{
    while (inbox_has_more(&one.stream.inbox)) {
        cr_assert(inbox_absorb(&one.stream.inbox, &one.home, SIZE_MAX, 0));
        inbox_check(&one.stream.inbox);
    }
}

static void is_text(struct span bytes, const char *text)
{
    cr_assert_eq(bytes.size, strlen(text));
    cr_assert_eq(memcmp(bytes.data, text, bytes.size), 0);
}

static void lies_gathered(const char *text)
{
    is_text(gather_bytes(&one.stream.inbox.gather), text);
}

static void close_all(void)
{
    stream_break(&one.stream);
    desk_turn(&one);
    desk_close(&one);
}

Test(filter, shakes_hands_before_anything_passes)
{
    open_veiled();
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    say_hello(1, 2, 0);
    turn_and_shake();
    cr_assert_eq(one.stream.state, STREAM_OPENING);
    cr_assert_eq(hear()->answers, 1);
    say_hello(2, 2, 0);
    turn_and_shake();
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    cr_assert_eq(hear()->answers, 2);
    close_all();
}

Test(filter, a_hello_may_come_byte_by_byte)
{
    const uint8_t hello[] = {VEIL_HELLO, 3, 0, 1, 1, 0};
    open_veiled();
    for (size_t i = 0; i < sizeof hello; i++) {
        cr_assert_eq(one.stream.state, STREAM_OPENING);
        cr_assert(memory_peer_send(&one.peer, span_of(hello + i, 1)));
        turn_and_shake();
    }
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    close_all();
}

Test(filter, what_came_with_the_last_hello_is_there)
{
    open_veiled();
    const uint8_t hello[] = {1, 1, 0};
    send_record(VEIL_HELLO, hello, sizeof hello);
    send_masked("behind it");
    turn_and_shake();
    absorb_all();
    lies_gathered("behind it");
    close_all();
}

Test(filter, whatever_stays_inside_after_a_read_is_told_of)
{
    const char *text = long_text();
    open_through();
    send_masked(text);
    desk_turn(&one);
    cr_assert(inbox_absorb(&one.stream.inbox, &one.home, SIZE_MAX, 0));
    cr_assert(list_empty(inbox_blocks(&one.stream.inbox)), "the record was taken");
    cr_assert_eq(one.home.parked_blocks, 0);
    cr_assert(gather_bytes(&one.stream.inbox.gather).size < 150, "a block has 64 bytes");
    cr_assert(inbox_has_more(&one.stream.inbox));
    cr_assert(inbox_goes_on(&one.stream.inbox));
    absorb_all();
    lies_gathered(text);
    close_all();
}

static struct filter_step break_down(struct filter *filter, struct span plain, uint8_t *room,
                                     size_t size)
{
    (void)room, (void)size;
    filter->state = FILTER_BROKEN;
    filter->why = "there is no memory for it";
    return (struct filter_step){.used = plain.size};
}

Test(filter, one_that_breaks_while_it_is_given_something_is_told_of)
{
    open_through();
    struct filter *filter = one.stream.inbox.filter;
    struct filter_kind kind = *filter->kind;
    kind.give = break_down;
    filter->kind = &kind;
    int arrived = one.arrived;
    desk_put(&one, 100);
    desk_turn(&one);
    cr_assert_eq(one.arrived, arrived + 1);
    cr_assert_str_eq(stream_broken(&one.stream), "there is no memory for it");
    cr_assert_eq(one.stream.outbox.pending, 0, "nothing waits that will never be sent");
    cr_assert_eq(one.home.queued, 0);
    close_all();
}

Test(filter, without_memory_nothing_is_taken)
{
    struct list blocks;
    struct block *block;
    list_init(&blocks);
    open_through();
    send_masked("waits");
    desk_turn(&one);
    size_t limit = one.home.budget.limit;
    one.home.budget.limit = 0;
    while ((block = block_take(&one.home.blocks)) != NULL) list_append(&blocks, &block->node);
    cr_assert_not(inbox_absorb(&one.stream.inbox, &one.home, SIZE_MAX, 0));
    cr_assert_eq(block_bytes(block_of(inbox_blocks(&one.stream.inbox)->next)).size, VEIL_HEAD + 5);
    while (!list_empty(&blocks)) block_give(block_of(list_take_first(&blocks)));
    one.home.budget.limit = limit;
    absorb_all();
    lies_gathered("waits");
    close_all();
}

Test(filter, what_waits_for_memory_is_spilled_as_it_came)
{
    open_through();
    for (int i = 0; i < 30; i++) send_masked("0123456789");
    desk_turn(&one);
    cr_assert(one.home.parked_blocks > 0);
    inbox_spill(&one.stream.inbox, &one.home);
    cr_assert_eq(one.home.parked_blocks, 0);
    cr_assert(gather_empty(&one.stream.inbox.gather));
    absorb_all();
    cr_assert_eq(gather_bytes(&one.stream.inbox.gather).size, 300);
    close_all();
}

static void put_bytes(size_t size)
{
    static uint8_t bytes[16384];
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 7);
    struct span part = span_of(bytes, size);
    cr_assert(stream_put(&one.stream, &part, 1, size));
    stream_touch(&one.stream);
}

static void is_heard(size_t size)
{
    const struct got *got = hear();
    cr_assert_eq(got->size, size);
    for (size_t i = 0; i < size; i++) cr_assert_eq(got->plain[i], (uint8_t)(i * 7), "byte %zu", i);
}

Test(filter, plain_bytes_are_pending_until_all_of_them_are_sent)
{
    open_through();
    memory_peer_set_deaf(&one.peer, true);
    put_bytes(1000);
    desk_turn(&one);
    cr_assert_eq(one.stream.outbox.pending, 1000);
    memory_peer_set_room(&one.peer, 300);
    memory_peer_set_deaf(&one.peer, false);
    desk_turn(&one);
    cr_assert_eq(one.stream.outbox.pending, 1000, "some of it has gone, and not all");
    memory_peer_set_room(&one.peer, SIZE_MAX);
    desk_turn(&one);
    cr_assert_eq(one.stream.outbox.pending, 0);
    is_heard(1000);
    close_all();
}

Test(filter, a_large_block_does_not_stay_with_a_peer_that_does_not_read)
{
    open_through();
    cr_assert(block_pool_open(&one.home.large, 1, 1024, NULL));
    one.home.blocks.large = &one.home.large;
    memory_peer_set_room(&one.peer, 300);
    for (int i = 0; i < 10; i++) put_bytes(50); /* which fit into the pool's */
    desk_turn(&one);
    cr_assert_eq(one.home.large.free_count, 1);
    memory_peer_set_room(&one.peer, SIZE_MAX);
    desk_turn(&one);
    cr_assert_eq(hear()->size, 500);
    close_all();
    block_pool_close(&one.home.large);
}

Test(filter, more_than_one_turn_seals_goes_out_in_several)
{
    open_through();
    memory_peer_set_deaf(&one.peer, true);
    for (int i = 0; i < 12; i++) put_bytes(12000);
    desk_turn(&one);
    const struct filter *filter = one.stream.inbox.filter;
    cr_assert(filter->sealed.pending >= SEAL_MAX);
    cr_assert(filter->sealed.pending < SEAL_MAX + VEIL_RECORD_MAX);
    cr_assert_eq(one.stream.outbox.pending, 144000);
    memory_peer_set_deaf(&one.peer, false);
    desk_turn(&one);
    cr_assert_eq(one.stream.outbox.pending, 0);
    cr_assert_eq(hear()->size, 144000);
    close_all();
}

Test(filter, its_farewell_is_the_last_thing_sent)
{
    open_through();
    put_bytes(500);
    stream_end(&one.stream);
    desk_turn(&one);
    is_heard(500);
    cr_assert_eq(hear()->last, VEIL_FAREWELL);
    cr_assert(one.peer.shut);
    cr_assert_eq(one.stream.state, STREAM_LINGERING);
    close_all();
}

Test(filter, the_peers_farewell_is_the_end_of_what_comes)
{
    open_through();
    send_masked("the last");
    send_record(VEIL_FAREWELL, NULL, 0);
    send_masked("nothing");
    desk_turn(&one);
    absorb_all();
    cr_assert(stream_filter_is_over(&one.stream));
    cr_assert_null(stream_broken(&one.stream));
    lies_gathered("the last");
    cr_assert_eq(one.home.parked_blocks, 0);
    put_bytes(40); /* its own direction goes on */
    desk_turn(&one);
    is_heard(40);
    close_all();
}

Test(filter, a_farewell_is_no_end_of_what_is_left_inside)
{
    const char *text = long_text();
    open_through();
    send_masked(text);
    send_record(VEIL_FAREWELL, NULL, 0);
    send_masked("nothing");
    desk_turn(&one);
    for (int i = 0; i < 2; i++) cr_assert(inbox_absorb(&one.stream.inbox, &one.home, SIZE_MAX, 0));
    cr_assert_eq(one.stream.inbox.filter->state, FILTER_ENDED);
    cr_assert(one.stream.inbox.filter->has_plain);
    cr_assert_not(stream_filter_is_over(&one.stream));
    absorb_all();
    cr_assert(stream_filter_is_over(&one.stream));
    lies_gathered(text);
    cr_assert_eq(one.home.parked_blocks, 0);
    close_all();
}

Test(filter, one_that_removes_itself_leaves_what_follows_where_it_lies)
{
    const uint8_t hello[] = {1, 1, VEIL_LIFT};
    open_veiled();
    send_record(VEIL_HELLO, hello, sizeof hello);
    cr_assert(memory_peer_send(&one.peer, span_text("plain")));
    turn_and_shake();
    cr_assert_eq(one.stream.state, STREAM_OPEN);
    cr_assert_null(one.stream.inbox.filter);
    is_text(inbox_front(&one.stream.inbox), "plain");
    put_bytes(10);
    desk_turn(&one);
    cr_assert_eq(memory_peer_received(&one.peer).size, 10);
    close_all();
}

Test(filter, whoever_breaks_its_rules_is_told_so)
{
    open_through();
    send_masked("fine");
    send_record('?', "bad", 3);
    send_masked("nothing");
    desk_turn(&one);
    absorb_all();
    cr_assert_str_eq(stream_broken(&one.stream), "this is no record");
    lies_gathered("fine");
    send_masked("nothing");
    desk_turn(&one);
    absorb_all();
    lies_gathered("fine");
    stream_end(&one.stream);
    desk_turn(&one);
    cr_assert_eq(hear()->last, VEIL_REFUSAL);
    cr_assert_eq(one.stream.state, STREAM_LINGERING);
    close_all();
}

Test(filter, whoever_breaks_its_rules_is_done_with_whatever_is_left_inside)
{
    const char *text = long_text();
    open_through();
    send_masked(text);
    cr_assert(memory_peer_send(&one.peer, span_of("\xff", 1)));
    desk_turn(&one);
    for (int i = 0; i < 2; i++) cr_assert(inbox_absorb(&one.stream.inbox, &one.home, SIZE_MAX, 0));
    cr_assert_str_eq(stream_broken(&one.stream), "no record begins so");
    cr_assert(one.stream.inbox.filter->has_plain);
    cr_assert_not(inbox_has_more(&one.stream.inbox));
    cr_assert_eq(one.home.parked_blocks, 0);
    close_all();
}

/* ---- memory ---- */

static struct list taken;

/* Nothing is left of blocks and memory. */
static void use_all_up(void)
{
    struct block *block;
    list_init(&taken);
    one.home.budget.limit = 0;
    while ((block = block_take(&one.home.blocks)) != NULL) list_append(&taken, &block->node);
}

static void give_back(void)
{
    while (!list_empty(&taken)) block_give(block_of(list_take_first(&taken)));
    one.home.budget.limit = 1 << 20;
}

Test(filter, what_finds_no_memory_to_be_sealed_waits_for_some)
{
    open_through();
    put_bytes(50);
    use_all_up();
    desk_turn(&one);
    cr_assert_not(list_empty(&one.home.unsealed));
    cr_assert_eq(one.stream.outbox.pending, 50);
    give_back();
    desk_turn(&one);
    cr_assert_eq(one.stream.outbox.pending, 50, "nobody has tried again");
    list_move_all(&one.home.touched, &one.home.unsealed);
    desk_turn(&one);
    is_heard(50);
    close_all();
}

/* ---- every way to end, in every state ---- */

static void to_opening(void)
{
    open_veiled();
    say_hello(1, 2, 0);
    turn_and_shake();
}

static void to_parked(void)
{
    open_through();
    send_masked("waits");
    desk_turn(&one);
}

static void to_half_a_record(void)
{
    open_through();
    cr_assert(memory_peer_send(&one.peer, span_of("M\12\0half", 7)));
    desk_turn(&one);
    absorb_all();
    cr_assert_eq(one.stream.inbox.filter->held, 7);
}

static void to_sealed(void)
{
    open_through();
    memory_peer_set_deaf(&one.peer, true);
    put_bytes(500);
    desk_turn(&one);
    cr_assert(one.stream.inbox.filter->sealed.pending > 0);
}

static void to_unsealed(void)
{
    open_through();
    put_bytes(50);
    use_all_up();
    desk_turn(&one);
    give_back();
}

static void to_flushing(void)
{
    to_sealed();
    stream_end(&one.stream);
    desk_turn(&one);
}

static void end_it(void)
{
    if (one.stream.state <= STREAM_OPEN) stream_end(&one.stream);
    list_move_all(&one.home.touched, &one.home.unsealed);
    memory_peer_set_deaf(&one.peer, false);
    desk_turn(&one);
    memory_peer_finish(&one.peer);
}

static void break_it(void)
{
    stream_break(&one.stream);
}

static void peer_resets(void)
{
    memory_peer_reset(&one.peer);
}

Test(filter, whatever_ends_it_in_whatever_state_all_comes_home)
{
    void (*const states[])(void) = {to_opening, to_parked,   to_half_a_record,
                                    to_sealed,  to_unsealed, to_flushing};
    void (*const ends[])(void) = {end_it, break_it, peer_resets};
    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        for (size_t j = 0; j < sizeof ends / sizeof *ends; j++) {
            states[i]();
            ends[j]();
            desk_turn(&one);
            cr_assert_eq(one.settled, 1, "state %zu, end %zu", i, j);
            desk_close(&one);
        }
}
