/* What goes in comes out: many connections, many sizes, the largest packet and one byte more. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { HEADER = 4, POOL_SIZE = 4 << 20, BUFFER_SIZE = 32 << 10, LARGEST = 16 << 20 };
enum { CONNECTIONS_MAX = 200, LOAD_PATIENCE_MS = 30000 };

static const char echo[] = "function on_receive(conn, packet) conn:send(packet) end\n"
                           "function on_disconnect(conn, reason)\n"
                           "  server.log('info', 'gone: %s', reason)\n"
                           "end\n";

/* ---- urgent data, which no packet contains, ends a read before those behind it ---- */

Test(data, urgent_bytes_hold_up_none_that_follow)
{
    if (on_windows()) cr_skip_test("NOT TESTED: Wine's urgent data is no part of what is tested");
    struct server server = server_begin_script("function on_receive(conn, packet)\n"
                                               "  if packet == 'work' then\n"
                                               "    local till = os.clock() + 0.1\n"
                                               "    while os.clock() < till do end\n"
                                               "  end\n"
                                               "  conn:send(packet)\n"
                                               "end\n");
    int worker = client_connect(&server), client = client_connect(&server);
    client_ask(client, "here", "here");
    client_put_text(worker, "work");
    client_put_text(client, "before");
    cr_assert_eq(send(client, "!", 1, MSG_OOB), 1);
    client_put_text(client, "behind"); /* all of it is there when the server looks */
    client_expect(client, "before");
    client_expect(client, "behind");
    client_expect(worker, "work");
    close(client);
    close(worker);
    server_end(&server);
}

Test(data, urgent_bytes_hide_none_that_follow_when_the_stream_ends)
{
    if (on_windows()) cr_skip_test("NOT TESTED: Wine's urgent data is no part of what is tested");
    struct server server =
        server_begin_script("function on_receive(conn, packet)\n"
                            "  if packet == 'wait' then\n"
                            "    conn:send('waiting')\n"
                            "    while not server.shared:get 'go on' do server.sleep(0.001) end\n"
                            "  end\n"
                            "  if packet == 'go on' then server.shared:set('go on', true) end\n"
                            "  conn:send(packet)\n"
                            "end\n");
    int client = client_connect(&server), other = client_connect(&server);
    client_ask(client, "wait", "waiting");
    cr_assert_eq(send(client, "!", 1, MSG_OOB), 1);
    client_put_text(client, "behind");
    shutdown(client, SHUT_WR);
    client_ask(other, "go on", "go on");
    client_expect(client, "wait");
    client_expect(client, "behind");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    close(client);
    close(other);
    server_end(&server);
}

/* ---- a stream of packets that its seed determines: to send, and to compare with ---- */

typedef size_t size_chooser(uint64_t random);

struct stream {
    uint64_t state;
    uint32_t packets_left;
    size_chooser *choose_size;
    uint8_t header[HEADER];
    size_t header_left, body_left; /* of the packet that has been begun */
    const uint8_t *body;
};

static uint8_t *pool; /* random bytes; every packet is a piece of it */

static uint64_t next_random(struct stream *stream)
{
    uint64_t x = stream->state;
    x ^= x << 13;
    x ^= x >> 7;
    x ^= x << 17;
    return stream->state = x;
}

static void begin_packet(struct stream *stream)
{
    size_t size = stream->choose_size(next_random(stream));
    size_t length = HEADER + size;
    for (int i = 0; i < HEADER; i++) stream->header[i] = (uint8_t)(length >> 8 * i);
    stream->header_left = HEADER;
    stream->body_left = size;
    stream->body = pool + next_random(stream) % (POOL_SIZE - size);
    stream->packets_left--;
}

/* The next bytes; fewer than there is room for only at the end. */
static size_t stream_read(struct stream *stream, uint8_t *target, size_t room)
{
    size_t done = 0;
    while (done < room) {
        if (stream->header_left > 0) {
            target[done++] = stream->header[HEADER - stream->header_left--];
        } else if (stream->body_left > 0) {
            size_t size = stream->body_left < room - done ? stream->body_left : room - done;
            memcpy(target + done, stream->body, size);
            stream->body += size;
            stream->body_left -= size;
            done += size;
        } else if (stream->packets_left > 0) {
            begin_packet(stream);
        } else {
            break;
        }
    }
    return done;
}

static bool stream_ended(const struct stream *stream)
{
    return stream->packets_left == 0 && stream->header_left == 0 && stream->body_left == 0;
}

/* ---- the load: all connections send as fast as they may, and read what comes ---- */

struct talker {
    struct stream out, in;
    uint8_t buffer[BUFFER_SIZE]; /* to be sent */
    size_t begin, end;
    uint64_t received; /* bytes */
};

static bool wants_to_send(const struct talker *talker)
{
    return talker->begin < talker->end || !stream_ended(&talker->out);
}

static void send_more(struct talker *talker, int client)
{
    if (talker->begin == talker->end) {
        talker->begin = 0;
        talker->end = stream_read(&talker->out, talker->buffer, BUFFER_SIZE);
    }
    ssize_t sent = send(client, talker->buffer + talker->begin, talker->end - talker->begin,
                        MSG_NOSIGNAL | MSG_DONTWAIT);
    cr_assert(sent > 0 || errno == EAGAIN, "send: %s", strerror(errno));
    if (sent > 0) talker->begin += (size_t)sent;
}

static void compare(struct talker *talker, int number, const uint8_t *bytes, size_t size)
{
    static uint8_t expected[2 * BUFFER_SIZE];
    size_t known = stream_read(&talker->in, expected, size);
    cr_assert_eq(known, size, "connection %d: more came back than was sent", number);
    size_t same = 0;
    if (memcmp(bytes, expected, size) != 0)
        while (bytes[same] == expected[same]) same++;
    else
        same = size;
    cr_assert_eq(same, size, "connection %d: byte %llu is wrong", number,
                 (unsigned long long)talker->received + same);
    talker->received += size;
}

static void receive_more(struct talker *talker, int number, int client)
{
    static uint8_t bytes[2 * BUFFER_SIZE];
    ssize_t size = recv(client, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size < 0 && errno == EAGAIN) return;
    cr_assert(size > 0, "connection %d, after %llu bytes: %s", number,
              (unsigned long long)talker->received, size == 0 ? "it ended" : strerror(errno));
    compare(talker, number, bytes, (size_t)size);
}

static int serve_ready(struct talker *talkers, struct pollfd *clients, int count)
{
    int unfinished = 0;
    for (int i = 0; i < count; i++) {
        if (clients[i].revents & POLLOUT) send_more(&talkers[i], clients[i].fd);
        if (clients[i].revents & ~POLLOUT) receive_more(&talkers[i], i, clients[i].fd);
        bool over = stream_ended(&talkers[i].in);
        clients[i].events = (short)(POLLIN | (wants_to_send(&talkers[i]) ? POLLOUT : 0));
        if (over) clients[i].events = 0;
        unfinished += !over;
    }
    return unfinished;
}

static void run_load(const struct server *server, int count, uint32_t packets, size_chooser *choose)
{
    struct talker *talkers = calloc((size_t)count, sizeof *talkers);
    struct pollfd clients[CONNECTIONS_MAX];
    pool = malloc(POOL_SIZE);
    cr_assert(talkers != NULL && pool != NULL && count <= CONNECTIONS_MAX);
    fill_random(1, pool, POOL_SIZE);
    for (int i = 0; i < count; i++) {
        talkers[i].out = (struct stream){
            .state = (uint64_t)i + 1, .packets_left = packets, .choose_size = choose};
        talkers[i].in = talkers[i].out;
        clients[i] = (struct pollfd){.fd = client_connect(server), .events = POLLIN | POLLOUT};
    }
    do {
        int ready = poll(clients, (nfds_t)count, LOAD_PATIENCE_MS * patience());
        cr_assert(ready > 0, "nothing comes any more");
    } while (serve_ready(talkers, clients, count) > 0);
    for (int i = 0; i < count; i++) close(clients[i].fd);
    free(talkers);
    free(pool);
}

/* Mostly up to a segment, half of them tiny, and a few of 10 to 60 KB. */
static size_t mixed_size(uint64_t random)
{
    size_t kind = random % 200, fine = random >> 16;
    if (kind == 0) return 10000 + fine % 50000;
    return kind < 100 ? fine % 80 : fine % 1501;
}

static size_t large_size(uint64_t random)
{
    return (random >> 16) % 2000000;
}

Test(data, two_hundred_connections_get_every_byte_back)
{
    struct server server = server_begin(&(struct begin){
        .script = echo,
        .flags = {"--workers", "2"},
    });
    run_load(&server, 200, 1000, mixed_size);
    server_expect_log_count(&server, "gone: eof", 200);
    server_end(&server);
}

/* Where receives are posted ahead they may complete in any order: here in a random one. */
Test(data, two_hundred_connections_get_every_byte_back_in_whatever_order_receives_complete)
{
    static const char script[] = "function on_receive(conn, packet) conn:send(packet) end\n"
                                 "function on_stop()\n"
                                 "  server.log('info', 'late: %d', server.stats().receives_late)\n"
                                 "end\n";
    setenv("MOONPORT_SHUFFLE", "7", 1);
    struct server server = server_begin(&(struct begin){
        .script = script,
        .flags = {"--workers", "1", "--recv-depth", "8"},
    });
    run_load(&server, 200, 1000, mixed_size);
    server_signal(&server, SIGTERM);
    cr_assert_eq(server_wait(&server), 0);
    char *log = server_log(&server);
    const char *late = strstr(log, "late: ");
    cr_assert_not_null(late, "%s", log);
    cr_assert_eq(atol(late + strlen("late: ")) > 0, on_windows(), "%s", late);
    free(log);
    server_end(&server);
}

Test(data, two_hundred_connections_get_every_byte_back_without_lua)
{
    struct server server = server_begin(&(struct begin){
        .echo_in_c = true,
        .flags = {"--workers", "2"},
    });
    run_load(&server, 200, 1000, mixed_size);
    server_end(&server);
}

Test(data, large_packets_of_many_connections_at_once)
{
    struct server server = server_begin(&(struct begin){
        .script = echo,
        .flags = {"--workers", "2"},
    });
    run_load(&server, 12, 6, large_size);
    server_end(&server);
}

/* ---- the largest packet ---- */

static void expect_large_echo(int client, size_t packet_size)
{
    uint8_t *packet = malloc(packet_size), *answer;
    size_t answer_size;
    cr_assert_not_null(packet);
    fill_random(packet_size, packet, packet_size);
    client_put(client, packet, packet_size);
    answer = client_take(client, &answer_size);
    cr_assert_eq(answer_size, packet_size);
    cr_assert(memcmp(answer, packet, packet_size) == 0);
    free(packet);
    free(answer);
}

Test(data, the_largest_packet_goes_both_ways_and_so_does_the_next)
{
    struct server server = server_begin(&(struct begin){.script = echo});
    int client = client_connect(&server);
    expect_large_echo(client, LARGEST);
    expect_large_echo(client, LARGEST);
    client_put_text(client, "small");
    client_expect(client, "small");
    close(client);
    server_expect_log(&server, "gone: eof");
    server_end(&server);
}

/* Each of them has a share of the memory. */
Test(data, the_largest_packet_goes_both_ways_when_there_are_many_workers)
{
    struct server server =
        server_begin(&(struct begin){.script = echo, .flags = {"--workers", "16"}});
    int client = client_connect(&server);
    expect_large_echo(client, LARGEST);
    close(client);
    server_end(&server);
}

Test(data, the_largest_packet_goes_both_ways_without_lua)
{
    struct server server = server_begin(&(struct begin){.echo_in_c = true});
    int client = client_connect(&server);
    expect_large_echo(client, LARGEST);
    close(client);
    server_end(&server);
}

/* The header is enough: nobody waits for 16 MiB that are not wanted. */
Test(data, a_packet_beyond_the_largest_closes_with_oversize)
{
    static const uint8_t header[] = {HEADER + 1, 0, 0, 1};
    struct server server = server_begin(&(struct begin){.script = echo});
    int client = client_connect(&server);
    client_put_text(client, "before");
    client_send(client, header, sizeof header);
    client_expect(client, "before");
    cr_assert_eq(client_await_end(client), CLIENT_EOF);
    server_expect_log(&server, "gone: oversize");
    close(client);
    server_end(&server);
}

static const char sender[] = "function on_receive(conn, packet)\n"
                             "  local ok, code = conn:send(string.rep('x', tonumber(packet)))\n"
                             "  conn:send(tostring(ok) .. ' ' .. tostring(code))\n"
                             "end\n";

Test(data, a_script_can_send_the_largest_packet_and_none_beyond)
{
    size_t size, other = 0;
    struct server server = server_begin(&(struct begin){.script = sender});
    int client = client_connect(&server);
    client_put_text(client, "16777216");
    uint8_t *packet = client_take(client, &size);
    cr_assert_eq(size, LARGEST);
    for (size_t i = 0; i < size; i++) other += packet[i] != 'x';
    cr_assert_eq(other, 0);
    client_expect(client, "true nil");
    client_put_text(client, "16777217");
    client_expect(client, "nil toobig");
    free(packet);
    close(client);
    server_end(&server);
}
