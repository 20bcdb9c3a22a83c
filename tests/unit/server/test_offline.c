/* What goes between a script and the clients that a program plays; the time is the program's. */
#include "base/pages.h"
#include "config_try.h"
#include "offline_talk.h"

Test(offline, echoes_packets_and_tells_who_it_is)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, "workers", "7");
    struct server *server = worker_server(offline_worker(offline));
    struct server_stats stats;
    struct address address, from;
    struct error error;
    char text[ADDRESS_TEXT_MAX];
    cr_assert(address_parse("10.1.2.3:4567", &from, &error));
    struct offline_peer *peer = offline_connect(offline, 0, &from);
    cr_assert_not_null(peer);
    cr_assert_eq(seen.connected, 1);
    cr_assert_eq(offline_peer_id(peer), link_id(seen.link));
    link_peer(seen.link, &address);
    cr_assert_str_eq(address_format(&address, text), "10.1.2.3:4567");
    put(peer, span_text("hello"));
    cr_assert_eq(seen.received, 0, "nothing happens before it runs");
    cr_assert(offline_run(offline));
    expect(peer, span_text("hello"));
    expect_nothing(peer);

    cr_assert_eq(server_config(server)->workers, 1);
    cr_assert_str_eq(server_backend(server), "memory");
    cr_assert(server_address(server, 0, &address));
    cr_assert_eq(address.port, 7000);
    cr_assert(offline_advance(offline, 5 * SECOND));
    server_stats(server, &stats);
    cr_assert_eq(stats.uptime_ns, 5 * SECOND);
    cr_assert_eq(stats.accepted, 1);
    cr_assert_eq(stats.connections, 1);
    cr_assert_eq(stats.packets_received, 1);
    server_worker_stats(server, 0, &stats);
    cr_assert_eq(stats.bytes_sent, 9);
    offline_close(offline);
    cr_assert_eq(seen.disconnected, 1);
    cr_assert_eq(seen.released, 1);
    cr_assert_eq(seen.stopped, 1);
    cr_assert_str_eq(seen.reason, "shutdown");
}

Test(offline, cuts_packets_that_come_byte_by_byte)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    const uint8_t wire[] = {9, 0, 0, 0, 'h', 'e', 'l', 'l', 'o', 6, 0, 0, 0, 'm', 'e'};
    for (size_t i = 0; i < sizeof wire; i++) {
        cr_assert(offline_send(peer, span_of(&wire[i], 1)));
        cr_assert(offline_run(offline));
        cr_assert_eq(seen.received, (i >= 8) + (i == sizeof wire - 1));
    }
    expect(peer, span_text("hello"));
    expect(peer, span_text("me"));
    cr_assert(offline_send(peer, span_of(wire, sizeof wire)));
    cr_assert(offline_run(offline));
    cr_assert_eq(seen.received, 4);
    offline_close(offline);
}

Test(offline, carries_a_large_packet_both_ways_whatever_room_the_client_has)
{
    enum { SIZE = 5000000, ROOM = 70000 };
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    uint8_t *bytes = malloc(SIZE), *back = malloc(SIZE + 4);
    size_t size = 0;
    for (size_t i = 0; i < SIZE; i++) bytes[i] = (uint8_t)(i * 31 >> 3);
    offline_set_room(peer, ROOM);
    put(peer, span_of(bytes, SIZE));
    cr_assert(offline_run(offline));
    cr_assert_eq(seen.received, 1);
    cr_assert_eq(seen.packet_size, SIZE);
    while (size < SIZE + 4) {
        struct span some = offline_received(peer);
        cr_assert(some.size > 0 && some.size <= ROOM);
        memcpy(back + size, some.data, some.size);
        size += some.size;
        offline_take(peer, some.size);
        cr_assert(offline_run(offline));
    }
    expect_nothing(peer);
    cr_assert_eq(memcmp(back + 4, bytes, SIZE), 0);
    cr_assert_eq(seen.drained, 1);
    offline_close(offline);
    free(bytes);
    free(back);
}

Test(offline, fires_timers_at_their_time_however_far_the_clock_goes)
{
    struct seen seen = {.again_ns = 1500 * MS};
    struct offline *offline = open_with(&seen, NULL, NULL);
    uint64_t begun_ns = offline_now(offline);
    worker_timer_start(seen.worker, &seen.timer, 1500 * MS);
    cr_assert(offline_advance(offline, 1500 * MS - 1));
    cr_assert_eq(seen.fired, 0);
    cr_assert(offline_advance(offline, 1));
    cr_assert_eq(seen.fired, 1);
    cr_assert(offline_advance(offline, 3600 * SECOND));
    cr_assert_eq(seen.fired, 8);
    for (int i = 0; i < 8; i++)
        cr_assert_eq(seen.fired_ns[i], begun_ns + (uint64_t)(i + 1) * 1500 * MS);
    cr_assert_eq(offline_now(offline), begun_ns + 3601500 * MS);
    cr_assert_eq(worker_now(seen.worker), offline_now(offline));
    offline_close(offline);
}

Test(offline, keeps_in_the_queue_what_a_deaf_client_does_not_read)
{
    enum { SIZE = 40000 };
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    uint8_t *bytes = calloc(1, SIZE);
    offline_set_deaf(peer, true);
    put(peer, span_of(bytes, SIZE));
    put(peer, span_of(bytes, SIZE));
    put(peer, span_text("not heard yet"));
    cr_assert(offline_run(offline));
    expect_nothing(peer);
    cr_assert_eq(link_pending(seen.link), 2 * (SIZE + 4));
    cr_assert(offline_advance(offline, 30 * SECOND));
    cr_assert_eq(seen.drained, 0);
    cr_assert_eq(seen.received, 2, "who does not read answers asks no more questions");
    offline_set_deaf(peer, false);
    cr_assert(offline_run(offline));
    cr_assert_eq(link_pending(seen.link), 0);
    cr_assert_eq(seen.drained, 1);
    cr_assert_eq(seen.received, 3);
    expect(peer, span_of(bytes, SIZE));
    expect(peer, span_of(bytes, SIZE));
    expect(peer, span_text("not heard yet"));

    offline_set_deaf(peer, true);
    put(peer, span_of(bytes, SIZE));
    put(peer, span_of(bytes, SIZE));
    cr_assert(offline_advance(offline, 70 * SECOND));
    cr_assert_str_eq(seen.reason, "slow");
    cr_assert(offline_closed(peer));
    offline_close(offline);
    free(bytes);
}

Test(offline, refuses_whom_it_has_no_place_for)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, "max_connections", "2");
    struct server_stats stats;
    connect_to(offline);
    struct offline_peer *second = connect_to(offline);
    cr_assert_null(offline_connect(offline, 0, NULL));
    server_stats(worker_server(seen.worker), &stats);
    cr_assert_eq(stats.refused, 1);
    offline_reset(second);
    cr_assert(offline_run(offline));
    connect_to(offline);
    cr_assert_eq(seen.connected, 3);
    offline_close(offline);
}

Test(offline, serves_many_clients_each_its_own)
{
    enum { CLIENTS = 500 };
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peers[CLIENTS];
    char text[32];
    for (int i = 0; i < CLIENTS; i++) peers[i] = connect_to(offline);
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(text, sizeof text, "I am %d", i);
        put(peers[i], span_text(text));
    }
    cr_assert(offline_run(offline));
    cr_assert_eq(seen.received, CLIENTS);
    say(offline, peers[17], "all");
    for (int i = 0; i < CLIENTS; i++) {
        snprintf(text, sizeof text, "I am %d", i);
        expect(peers[i], span_text(text));
        if (i != 17) expect(peers[i], span_text("all"));
        expect_nothing(peers[i]);
        for (int j = 0; j < i; j++)
            cr_assert_neq(offline_peer_id(peers[i]), offline_peer_id(peers[j]));
    }
    offline_close(offline);
    cr_assert_eq(seen.disconnected, CLIENTS);
}

Test(offline, shows_the_framing_in_use)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    cr_assert_eq(offline_frame(peer)->kind, FRAME_LENGTH);
    say(offline, peer, "line");
    cr_assert_eq(offline_frame(peer)->kind, FRAME_LINE);
    say(offline, peer, "hello");
    expect(peer, span_text("hello"));
    offline_reset(peer);
    cr_assert(offline_run(offline));
    cr_assert(offline_closed(peer));
    cr_assert_eq(offline_frame(peer)->kind, FRAME_LINE, "also when the connection is gone");
    cr_assert_neq(offline_peer_id(peer), 0);
    offline_close(offline);
}

Test(offline, sends_what_is_queued_between_the_runs)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    cr_assert_eq(link_send(seen.link, span_text("by the way")), SEND_OK);
    cr_assert(offline_run(offline));
    expect(peer, span_text("by the way"));
    link_abort(seen.link, "enough");
    cr_assert(offline_run(offline));
    cr_assert_str_eq(seen.reason, "enough");
    offline_close(offline);
}

Test(offline, says_when_a_script_does_not_come_to_rest)
{
    struct seen seen = {.endless = true};
    struct offline *offline = open_with(&seen, NULL, NULL);
    uint64_t begun_ns = offline_now(offline);
    struct offline_peer *peer = connect_to(offline);
    offline_set_deaf(peer, true);
    say(offline, peer, "hello");
    worker_timer_start(seen.worker, &seen.timer, 0);
    cr_assert_not(offline_run(offline));
    cr_assert_not(offline_advance(offline, SECOND));
    cr_assert_eq(offline_now(offline), begun_ns);
    offline_close(offline);
    cr_assert_eq(seen.disconnected, 1);
    cr_assert_str_eq(seen.reason, "shutdown");
}

Test(offline, has_its_share_of_new_memory_by_the_workers_that_there_are)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct config config = fresh();
    set(&config, "workers", "4");
    finish(&config);
    struct server_stats stats;
    server_configure_worker(seen.worker, &config);
    connect_to(offline); /* in a turn, and with that the figures are published */
    server_worker_stats(worker_server(seen.worker), 0, &stats);
    cr_assert_eq(stats.memory_max, config.memory);
    offline_close(offline);
}

/* Frames are laid out by the largest packet, and streams by how many receives are posted: that takes a
 * restart. */
Test(offline, keeps_the_settings_that_take_a_restart)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    connect_to(offline);
    const struct link_limits *limits = &seen.link->home->limits, before = *limits;
    struct config config = fresh();
    set(&config, "max_packet", "1M");
    set(&config, "recv_depth", "1");
    set(&config, "soft_mark", "64K");
    finish(&config);
    server_configure_worker(seen.worker, &config);
    cr_assert_eq(limits->packet_max, before.packet_max);
    cr_assert_eq(limits->recv_depth, before.recv_depth);
    cr_assert_eq(limits->soft_mark, 64 << 10);
    offline_close(offline);
}

Test(offline, keeps_no_more_warm_pages_than_new_memory_allows)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct config config = fresh();
    set(&config, "memory", "80M");
    finish(&config);
    pages_keep(8 << 20);
    void *piece = pages_take(8 << 20, 0);
    memset(piece, 1, 8 << 20);
    pages_give(piece, 8 << 20);
    cr_assert_eq(pages_figures().warm, 8 << 20);
    server_configure_worker(seen.worker, &config);
    cr_assert_leq(pages_figures().warm, 5 << 20);
    offline_close(offline);
}

Test(offline, gives_each_client_a_port_of_its_own)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    uint16_t before = 0;
    for (int i = 0; i < 10; i++) {
        connect_to(offline);
        struct address address;
        link_peer(seen.link, &address);
        cr_assert_eq(address.family, ADDRESS_IPV4);
        cr_assert_eq(memcmp(address.ip, "\x7f\0\0\1", 4), 0);
        cr_assert(address.port > before);
        before = address.port;
    }
    offline_close(offline);
}

/* What many workers can use together is more than one can. */
Test(offline, has_as_many_blocks_as_one_worker_can_use)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_set(
        &seen, (const char *const[]){"workers", "4", "blocks", "200000", "block_size", "64", NULL});
    struct offline_peer *peer = connect_to(offline);
    say(offline, peer, "hello");
    expect(peer, span_text("hello"));
    cr_assert_eq(seen.link->home->streams.blocks.total, BLOCK_COUNT_MAX);
    offline_close(offline);
}

Test(offline, sends_nothing_to_a_client_that_has_more_than_it_wants)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    struct offline_peer *peer = connect_to(offline);
    say(offline, peer, "more than it wants");
    size_t size = offline_received(peer).size;
    offline_set_room(peer, 10);
    say(offline, peer, "and more");
    cr_assert_eq(offline_received(peer).size, size);
    offline_take(peer, size);
    cr_assert(offline_run(offline));
    cr_assert_eq(offline_received(peer).size, 10);
    offline_close(offline);
}

/* By number, as worker_find does it by id. */
Test(offline, each_connection_has_a_place)
{
    struct seen seen = {.worker = NULL};
    struct offline *offline = open_with(&seen, NULL, NULL);
    const struct worker *worker = offline_worker(offline);
    struct offline_peer *peers[3];
    cr_assert_eq(worker_slots_used(worker), 0);
    for (uint32_t i = 0; i < 3; i++) {
        cr_assert_null(worker_at(worker, i), "nobody was there yet");
        peers[i] = connect_to(offline);
        cr_assert_eq(worker_slots_used(worker), i + 1);
        cr_assert_eq(worker_at(worker, i), seen.link);
        cr_assert_eq(link_slot(seen.link), i);
    }
    cr_assert_null(worker_at(worker, worker_slots(worker) - 1));
    const uint64_t id = link_id(worker_at(worker, 1));
    offline_set_deaf(peers[1], true);
    say(offline, peers[1], "hello");
    link_close(worker_at(worker, 1), NULL);
    cr_assert(offline_run(offline));
    cr_assert_null(worker_find(worker, id));
    cr_assert_not_null(worker_at(worker, 1), "its answer has not been read");
    cr_assert_eq(worker_at(worker, 1), worker_find_any(worker, id));
    offline_reset(peers[1]);
    cr_assert(offline_run(offline));
    cr_assert_null(worker_at(worker, 1));
    cr_assert_not_null(worker_at(worker, 2));
    cr_assert_eq(worker_slots_used(worker), 3);
    offline_close(offline);
}
