/* Peers at their worst: they vanish in a packet, they do not read, they take for ever. Each fault
 * comes several times over; then nothing is left of it, and a newcomer is served. */
#include "fault.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PEERS = 100, DEAF = 200, SLOW = 50, HEADER = 4 };
enum { PAYLOAD = 100000, HALF = PAYLOAD / 2, HELD = 40000, TRICKLE = 200, QUEUED = 2 << 20 };

static uint8_t half_packet[HEADER + HALF];

static void make_half_packet(void)
{
    memset(half_packet, 'h', sizeof half_packet);
    for (int i = 0; i < HEADER; i++) half_packet[i] = (uint8_t)((HEADER + PAYLOAD) >> 8 * i);
}

static void end_after_rounds(struct server *server, int watching, const struct growth *growth,
                             size_t held)
{
    fault_check_growth(growth, held);
    int fresh = client_connect(server);
    cr_assert(client_is_served(fresh));
    close(fresh);
    close(watching);
    server_end(server);
}

/* ---- who vanishes ---- */

static void leave(int client)
{
    close(client);
}

static void vanish_in_the_middle(size_t sent, size_t held, void (*by)(int client),
                                 const char *reason)
{
    int peers[PEERS];
    struct growth growth = {.count = 0};
    struct server server = fault_begin(NULL);
    int watching = fault_watch(&server);
    const char *other = strcmp(reason, "eof") == 0 ? "reset" : "eof";
    make_half_packet();
    fault_note_memory(&server, &growth);
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < PEERS; i++) {
            peers[i] = client_connect(&server);
            client_put_text(peers[i], "hello");
            client_expect(peers[i], "hello");
            client_send(peers[i], half_packet, sent);
        }
        fault_await_held(watching, PEERS, held * PEERS);
        for (int i = 0; i < PEERS; i++) by(peers[i]);
        fault_await_rest(watching);
        fault_note_memory(&server, &growth);
    }
    int ended = fault_ended(watching, reason);
    if (on_windows()) ended += fault_ended(watching, other); /* Wine mistakes some */
    cr_assert_eq(ended, PEERS * ROUNDS, "%d have ended by %s", ended, reason);
    end_after_rounds(&server, watching, &growth, 0);
}

Test(fault, peers_that_close_within_a_header_leave_nothing)
{
    vanish_in_the_middle(HEADER / 2, 0, leave, "eof");
}

Test(fault, peers_that_close_within_a_payload_leave_nothing)
{
    vanish_in_the_middle(sizeof half_packet, HELD, leave, "eof");
}

Test(fault, peers_that_reset_within_a_header_leave_nothing)
{
    vanish_in_the_middle(HEADER / 2, 0, fault_reset, "reset");
}

Test(fault, peers_that_reset_within_a_payload_leave_nothing)
{
    vanish_in_the_middle(sizeof half_packet, HELD, fault_reset, "reset");
}

/* In one piece: the time to be idle begins with it. */
static void fall_silent(int client, size_t size)
{
    uint8_t bytes[HEADER + 5 + 5000] = "\x9\0\0\0brief";
    memcpy(bytes + HEADER + 5, half_packet, size);
    client_send(client, bytes, HEADER + 5 + size);
}

Test(fault, peers_that_fall_silent_within_a_packet_end_as_idle)
{
    int peers[PEERS];
    struct growth growth = {.count = 0};
    struct server server = fault_begin(NULL);
    int watching = fault_watch(&server);
    make_half_packet();
    fault_note_memory(&server, &growth);
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < PEERS; i++) {
            peers[i] = client_connect(&server);
            fall_silent(peers[i], i % 2 == 0 ? HEADER / 2 : 5000);
        }
        fault_await_ended(watching, "idle", PEERS * round);
        for (int i = 0; i < PEERS; i++) {
            client_expect(peers[i], "brief");
            cr_assert_neq(client_await_end(peers[i]), CLIENT_TIMEOUT);
            close(peers[i]);
        }
        fault_await_rest(watching);
        fault_note_memory(&server, &growth);
    }
    end_after_rounds(&server, watching, &growth, 0);
}

/* ---- who does not read ---- */

/* With small segments, and a small window: the system makes its buffers for each of them small, too,
 * rather than some megabytes. */
static int connect_deaf(const struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons(server->port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    cr_assert_eq(setsockopt(client, IPPROTO_TCP, TCP_MAXSEG, &(int){536}, sizeof(int)), 0);
    cr_assert_eq(setsockopt(client, SOL_SOCKET, SO_RCVBUF, &(int){4096}, sizeof(int)), 0);
    cr_assert_eq(connect(client, (struct sockaddr *)&address, sizeof address), 0);
    cr_assert(client_is_served(client));
    return client;
}

Test(fault, hundreds_who_read_nothing_of_what_they_are_sent_end_as_slow)
{
    static int peers[DEAF];
    struct growth growth = {.count = 0};
    struct server server = fault_begin("return { max_packet = '64K', hard_mark = '256K' }");
    int watching = fault_watch(&server);
    fault_note_memory(&server, &growth);
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < DEAF; i++) peers[i] = connect_deaf(&server);
        while (fault_ended(watching, "slow") < DEAF * round)
            client_ask(watching, "flood", "flooded");
        fault_await_rest(watching);
        for (int i = 0; i < DEAF; i++) close(peers[i]);
        fault_note_memory(&server, &growth);
    }
    cr_assert_eq(fault_ended(watching, "slow"), DEAF * ROUNDS);
    end_after_rounds(&server, watching, &growth, QUEUED);
}

Test(fault, hundreds_who_go_with_their_queues_full_leave_nothing)
{
    static int peers[DEAF];
    struct growth growth = {.count = 0};
    struct server server = fault_begin("return { max_packet = '64K', hard_mark = '64M' }");
    int watching = fault_watch(&server);
    fault_note_memory(&server, &growth);
    for (int round = 1; round <= ROUNDS; round++) {
        for (int i = 0; i < DEAF; i++) peers[i] = connect_deaf(&server);
        size_t memory = 0;
        while (memory < QUEUED) {
            for (int i = 0; i < 10; i++) client_ask(watching, "flood", "flooded");
            memory = fault_figures(watching).memory;
        }
        for (int i = 0; i < DEAF; i++) (i % 2 == 0 ? leave : fault_reset)(peers[i]);
        fault_await_rest(watching);
        fault_note_memory(&server, &growth);
    }
    cr_assert_eq(fault_ended(watching, "slow"), 0);
    end_after_rounds(&server, watching, &growth, QUEUED);
}

/* ---- who sends a byte now and then ---- */

/* A slow trickle: each peer sends a byte, all of them, and so on with a pause between, for longer than
 * the server has patience with who is silent; which shows by one who is. */
Test(fault, a_slow_trickle_is_no_silence_and_its_packet_arrives_whole)
{
    static uint8_t packets[SLOW][HEADER + TRICKLE];
    int peers[SLOW];
    struct server server = fault_begin("return { idle_timeout = 3 }");
    int watching = fault_watch(&server), silent = client_connect(&server);
    client_send(silent, "\x9\0", 2);
    for (int i = 0; i < SLOW; i++) {
        peers[i] = client_connect(&server);
        fill_random((uint64_t)i, packets[i] + HEADER, TRICKLE);
        for (int k = 0; k < HEADER; k++) packets[i][k] = (uint8_t)((HEADER + TRICKLE) >> 8 * k);
    }
    bool over = false; /* the patience with the silent one */
    for (int place = 0; place < HEADER + TRICKLE; place++) {
        for (int i = 0; i < SLOW; i++) client_send(peers[i], &packets[i][place], 1);
        cr_assert(client_is_served(watching));
        if (!over) poll(NULL, 0, 30);
        over = over || fault_ended(watching, "idle") > 0;
    }
    cr_assert(over, "the silent one is still there");
    for (int i = 0; i < SLOW; i++) {
        size_t size;
        uint8_t *answer = client_take(peers[i], &size);
        cr_assert_eq(size, TRICKLE);
        cr_assert_arr_eq(answer, packets[i] + HEADER, TRICKLE);
        free(answer);
        close(peers[i]);
    }
    close(silent);
    fault_await_rest(watching);
    cr_assert_eq(fault_ended(watching, "idle"), 1);
    close(watching);
    server_end(&server);
}
