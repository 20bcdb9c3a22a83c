/* Blocks and memory run out, and come back. */
#include "deaf.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 4, DEAF = 20, PACKET_SIZE = 1000 };
enum { LARGE = 1 << 20, HALF_SENT = 900 << 10, HALVES = 10, HOLDERS = 4, WAITING = 2, ROUNDS = 20 };
enum { READERS = 8, MEDIUM = 300 << 10, STEP = 32 << 10 };

static const char low[] = "worker 1: blocks have run low (", back[] = "worker 1: blocks are back (";

static const char echo[] = "function on_disconnect(conn, reason)\n"
                           "  server.log('info', 'gone: %s', reason)\n"
                           "end\n"
                           "function on_receive(conn, packet)\n"
                           "  if packet == 'figures' then\n"
                           "    local stats = server.stats()\n"
                           "    packet = ('%d %d'):format(stats.blocks_used, stats.memory_used)\n"
                           "  end\n"
                           "  if packet == 'large' then packet = ('x'):rep(2^20) end\n"
                           "  local fine, why = conn:send(packet)\n"
                           "  if not fine then server.log('info', 'not sent: %s', why) end\n"
                           "end\n";

/* Blocks and bytes of memory in use at the end of the turn before. */
static void ask(int client, size_t *blocks, size_t *memory)
{
    size_t size;
    client_put_text(client, "figures");
    char *answer = (char *)client_take(client, &size);
    cr_assert_eq(sscanf(answer, "%zu %zu", blocks, memory), 2, "%s", answer);
    free(answer);
}

static void await_nothing_used(int client)
{
    size_t blocks, memory;
    do ask(client, &blocks, &memory);
    while (blocks > 0 || memory > 0);
}

/* ---- blocks ---- */

static struct server begin_with_few_blocks(void)
{
    return server_begin(&(struct begin){
        .script = echo,
        .flags = {"--workers", "1", "--blocks", "32", "--soft-mark", "4K"},
    });
}

static void connect_all(const struct server *server, struct deaf *deaf)
{
    for (int i = 0; i < DEAF; i++) deaf[i] = deaf_connect(server, PACKET_SIZE);
}

static void push_all(struct deaf *deaf)
{
    for (int i = 0; i < DEAF; i++) deaf_push(&deaf[i]);
    poll(NULL, 0, 1); /* the server may need the processor */
}

/* Has a connection been closed within the time of a few pushes? */
static bool is_refused(int client, struct deaf *deaf)
{
    char byte;
    for (int round = 0; round < ROUNDS; round++) {
        if (recv(client, &byte, 1, MSG_DONTWAIT) == 0) return true;
        push_all(deaf);
    }
    return false;
}

/* Every queue that nobody reads keeps some blocks, so that in the end there are none, and no room
 * for a new connection. */
static void use_up_blocks(const struct server *server, struct deaf *deaf)
{
    bool refused = false;
    while (!refused) {
        int client = client_connect(server);
        refused = is_refused(client, deaf);
        close(client);
    }
    server_expect_log(server, low);
    server_expect_log(server, "until there is room: blocks have run low");
}

/* Every episode has one line at its beginning and one at its end. */
static void check_episodes(const struct server *server)
{
    server_expect_log_count(server, back, server_log_count(server, low));
    char *log = server_log(server);
    const char *place = strstr(log, low);
    while (place != NULL) {
        const char *end = strstr(place + 1, back), *next = strstr(place + 1, low);
        cr_assert(end != NULL, "an episode did not end:\n%s", log);
        cr_assert(next == NULL || next > end, "two lines for one episode:\n%s", log);
        place = next;
    }
    free(log);
}

Test(pressure, blocks_run_out_and_come_back_and_no_byte_is_lost)
{
    struct deaf deaf[DEAF];
    struct server server = begin_with_few_blocks();
    connect_all(&server, deaf);
    use_up_blocks(&server, deaf);

    deaf_hear(deaf, DEAF);
    server_expect_log(&server, back);
    int client = client_connect_until_served(&server);
    for (int i = 0; i < DEAF; i++) close(deaf[i].client);
    await_nothing_used(client);
    check_episodes(&server);
    close(client);
    server_end(&server);
}

Test(pressure, who_does_not_read_makes_room_for_who_does)
{
    struct deaf deaf[DEAF];
    struct server server = begin_with_few_blocks();
    int client = client_connect(&server);
    cr_assert(client_is_served(client));
    connect_all(&server, deaf);
    use_up_blocks(&server, deaf);
    bool asked = false;
    while (server_log_count(&server, "closed: it does not read the ") == 0) {
        char answer[HEADER + 2];
        bool answered = recv(client, answer, sizeof answer, MSG_DONTWAIT) == sizeof answer;
        if (answered || !asked) client_put_text(client, "ok");
        asked = true;
        push_all(deaf);
    }
    client_expect(client, "ok");
    server_expect_log(&server, "gone: slow");
    for (int i = 0; i < DEAF; i++) close(deaf[i].client);
    await_nothing_used(client);
    close(client);
    server_end(&server);
}

/* A byte each is enough to keep a block each. */
Test(pressure, who_begins_packets_and_does_not_end_them_makes_room_for_who_does)
{
    enum { BEGINNERS = 29 };
    int beginners[BEGINNERS];
    struct server server = begin_with_few_blocks();
    int client = client_connect(&server);
    cr_assert(client_is_served(client));
    for (int i = 0; i < BEGINNERS; i++) {
        beginners[i] = client_connect_until_served(&server);
        client_send(beginners[i], "x", 1);
    }
    for (size_t blocks = 0, memory; blocks < BEGINNERS - 1 && server_log_count(&server, low) == 0;)
        ask(client, &blocks, &memory);
    client_put_text(client, "ok");
    client_expect(client, "ok");
    server_expect_log(&server, "closed: unfinished packet, 1 byte so far, and other connections "
                               "need the block");
    for (int i = 0; i < BEGINNERS; i++) close(beginners[i]);
    await_nothing_used(client);
    close(client);
    server_end(&server);
}

/* ---- memory ---- */

#define SMALL "--workers", "1", "--max-packet", "1M", "--on-full", "refuse", "--memory"

static struct server begin_with_little_memory(const char *memory)
{
    return server_begin(&(struct begin){.script = echo, .flags = {SMALL, memory}});
}

/* Whoever gives it less is told how much is needed. */
static struct server begin_with_enough_memory(void)
{
    static const char before[] = "set memory to at least ";
    char *out, *err, enough[16] = "";
    char *directory = directory_make("main.lua", echo, NULL);
    cr_assert_neq(program_run(&out, &err, (const char *[]){directory, SMALL, "1M", NULL}), 0);
    const char *found = strstr(err, before);
    cr_assert_not_null(found, "%s", err);
    sscanf(found + strlen(before), "%15[0-9KMG]", enough);
    free(out);
    free(err);
    directory_remove(directory);
    return begin_with_little_memory(enough);
}

static uint8_t large[HEADER + LARGE]; /* one packet */

static void make_large(void)
{
    fill_random(7, large, sizeof large);
    for (int i = 0; i < HEADER; i++) large[i] = (uint8_t)(sizeof large >> 8 * i);
}

/* Sends the large packet, or the first part of it. */
struct sender {
    int client;
    size_t size, sent; /* bytes */
};

static void connect_senders(const struct server *server, struct sender *senders, int count,
                            size_t size)
{
    make_large();
    for (int i = 0; i < count; i++)
        senders[i] = (struct sender){.client = client_connect(server), .size = size};
}

/* Sends what the system takes without waiting, of each at most so many bytes. */
static void push_some(struct sender *senders, int count, size_t most)
{
    for (int i = 0; i < count; i++) {
        struct sender *sender = &senders[i];
        size_t left = sender->size - sender->sent;
        if (left == 0) continue;
        ssize_t sent = send(sender->client, large + sender->sent, left < most ? left : most,
                            MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent > 0) sender->sent += (size_t)sent;
    }
    poll(NULL, 0, 1); /* the server may need the processor */
}

static void push_senders(struct sender *senders, int count)
{
    push_some(senders, count, SIZE_MAX);
}

/* Until the server holds all that they send. */
static void push_held(struct sender *halves, int asking)
{
    size_t blocks, memory;
    do {
        push_senders(halves, HOLDERS);
        ask(asking, &blocks, &memory);
    } while (memory < HOLDERS * HALF_SENT);
}

static void close_senders(struct sender *senders, int count)
{
    for (int i = 0; i < count; i++) close(senders[i].client);
}

static void expect_large(int client)
{
    static uint8_t answer[sizeof large];
    client_receive(client, answer, sizeof answer);
    cr_assert(memcmp(answer, large, sizeof large) == 0);
}

static void expect_large_echo(int client)
{
    make_large();
    client_send(client, large, sizeof large);
    expect_large(client);
}

Test(pressure, packets_that_memory_cannot_hold_wait_and_then_one_has_to_go)
{
    struct server server = begin_with_little_memory("4M");
    struct sender halves[HALVES];
    int client = client_connect(&server);
    connect_senders(&server, halves, HALVES, HALF_SENT);
    while (server_log_count(&server, "gone: memory") == 0) {
        push_some(halves, HALVES, STEP); /* so that no packet has come far when there is no more */
        cr_assert(client_is_served(client), "a packet that needs no memory has to get through");
    }
    server_expect_log(&server, "closed: no memory for what it receives or sends, and no other");
    cr_assert(client_is_served(client));
    close_senders(halves, HALVES);
    await_nothing_used(client);
    expect_large_echo(client);
    close(client);
    server_end(&server);
}

static void push_whole(struct sender *senders, int count)
{
    for (bool all = false; !all;) {
        push_senders(senders, count);
        all = true;
        for (int i = 0; i < count; i++) all = all && senders[i].sent == senders[i].size;
    }
}

/* A shortage that passes costs nobody anything. The last byte comes when it has passed, since the
 * answers need memory, too. */
Test(pressure, packets_that_memory_cannot_hold_go_on_when_it_is_back)
{
    struct server server = begin_with_little_memory("4M");
    struct sender halves[HOLDERS], whole[WAITING];
    connect_senders(&server, halves, HOLDERS, HALF_SENT);
    connect_senders(&server, whole, WAITING, sizeof large - 1);
    int client = client_connect(&server);
    push_held(halves, client);
    while (server_log_count(&server, "memory has run out (") == 0) push_senders(whole, WAITING);
    close_senders(halves, HOLDERS);
    while (server_log_count(&server, "gone: eof") < HOLDERS) push_senders(whole, WAITING);
    for (int i = 0; i < WAITING; i++) whole[i].size = sizeof large;
    push_whole(whole, WAITING);
    for (int i = 0; i < WAITING; i++) expect_large(whole[i].client);
    cr_assert_eq(server_log_count(&server, "gone: memory"), 0);
    close_senders(whole, WAITING);
    close(client);
    server_end(&server);
}

Test(pressure, who_keeps_memory_for_a_packet_and_does_not_end_it_makes_room_for_who_does)
{
    struct server server = begin_with_little_memory("4M");
    struct sender halves[HOLDERS];
    int client = client_connect(&server), asking = client_connect(&server);
    connect_senders(&server, halves, HOLDERS, HALF_SENT);
    push_held(halves, asking);
    char *packet = malloc(MEDIUM);
    memset(packet, 'm', MEDIUM - 1);
    packet[MEDIUM - 1] = '\0';
    client_ask(client, packet, packet);
    free(packet);
    server_expect_log(&server, "so far, and other connections need the memory");
    cr_assert_eq(server_log_count(&server, "no other connection has waited longer"), 0);
    close_senders(halves, HOLDERS);
    close(client);
    close(asking);
    server_end(&server);
}

/* Who waits for memory waits for himself. */
Test(pressure, a_packet_that_memory_cannot_hold_holds_up_nobody_who_needs_blocks)
{
    struct server server =
        server_begin(&(struct begin){.script = echo, .flags = {SMALL, "4M", "--blocks", "32"}});
    struct sender halves[HALVES];
    struct deaf readers[READERS];
    connect_senders(&server, halves, HALVES, HALF_SENT);
    while (server_log_count(&server, "memory has run out (") == 0) push_senders(halves, HALVES);
    for (int i = 0; i < READERS; i++) readers[i] = deaf_connect(&server, PACKET_SIZE);
    for (int round = 0; server_log_count(&server, low) == 0; round++) {
        for (int i = 0; i < READERS; i++) deaf_push(&readers[i]);
        deaf_hear(readers, READERS);
        cr_assert_eq(server_log_count(&server, "gone: memory"), 0, "round %d had to wait:\n%s",
                     round, server_log(&server));
    }
    for (int i = 0; i < READERS; i++) close(readers[i].client);
    close_senders(halves, HALVES);
    server_end(&server);
}

Test(pressure, the_memory_that_is_said_to_be_enough_holds_the_largest_packet)
{
    struct server server = begin_with_enough_memory();
    int client = client_connect(&server);
    for (int i = 0; i < 3; i++) expect_large_echo(client);
    close(client);
    server_end(&server);
}

/* Nothing is queued for it, so nothing will drain that could end the refusal. */
Test(pressure, a_packet_refused_for_want_of_memory_does_not_refuse_all_that_follow)
{
    struct server server = begin_with_little_memory("4M");
    struct sender halves[HOLDERS];
    int client = client_connect(&server), asking = client_connect(&server);
    connect_senders(&server, halves, HOLDERS, HALF_SENT);
    push_held(halves, asking);
    client_put_text(client, "large");
    server_expect_log(&server, "not sent: memory");
    cr_assert(client_is_served(client));
    close_senders(halves, HOLDERS);
    close(client);
    close(asking);
    server_end(&server);
}
