/* websocket_hold.c - opens many WebSockets to an echo, and holds them: what memory does one cost that rests?
 *
 *     websocket_hold ADDRESS --pid PID [--connections N] [--size BYTES] [--seconds S] [--compress yes]
 *
 * Each sends one message and gets it back, every byte is checked; then all rest for a while. With --compress the messages
 * are compressed in both directions, so that a server that keeps a context for each connection has both.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "frame/deflate.h"
#include "websocket.h"

enum { BATCH = 100, SIZE_MOST = 4096, ROOM = 2 * SIZE_MOST };

struct hold {
    struct address address;
    uint64_t connections, size, duration_ns, pid;
    bool compresses;
    struct span message, payload; /* what is said, and as it is sent: the same for all */
    struct budget budget;
    struct inflater *inflater;
    int *handles;
};

/* ---- the message ---- */

static void make_message(struct hold *hold)
{
    static uint8_t compressed[ROOM];
    const struct stream stream = stream_open(hold->size, false);
    stream_frame(&stream, 1, stream.bytes);
    hold->message = hold->payload =
        span_of(stream.bytes + stream.frame - stream.size, (size_t)hold->size);
    if (!hold->compresses) return;
    if (!deflate_is_there()) fail(3, "this client is built without zlib");
    hold->budget.limit = 1 << 20;
    struct deflater *deflater = deflater_open(&hold->budget, 1, DEFLATE_BITS_MIN);
    hold->inflater = inflater_open(&hold->budget, DEFLATE_BITS_MAX);
    if (deflater == NULL || hold->inflater == NULL) fail(3, "no memory");
    hold->payload = span_of(
        compressed, deflater_run(deflater, hold->message, span_of(compressed, sizeof compressed)));
    deflater_close(deflater);
}

static void say(const struct hold *hold, uint64_t number)
{
    uint8_t frame[WS_HEADER_MAX + ROOM], mask[4];
    const uint64_t random = pattern_word(number, 3);
    memcpy(mask, &random, sizeof mask);
    uint8_t header = ws_header_write(frame, WS_TEXT, true, hold->compresses ? WS_RSV1 : 0,
                                     hold->payload.size, mask);
    memcpy(frame + header, hold->payload.data, hold->payload.size);
    ws_mask(frame + header, hold->payload.size, mask, 0);
    send_all(hold->handles[number], frame, header + hold->payload.size);
}

/* As a message that refers to no other one, which the first of a connection is. */
static struct span inflated(const struct hold *hold, struct span payload)
{
    static uint8_t bytes[SIZE_MOST + 1];
    struct span room = span_of(bytes, sizeof bytes), tail = inflater_tail();
    bool fine =
        inflater_run(hold->inflater, &payload, &room) && inflater_run(hold->inflater, &tail, &room);
    if (!fine) fail(1, "what came back cannot be inflated");
    inflater_reset(hold->inflater, false);
    return span_of(bytes, sizeof bytes - room.size);
}

static void hear(const struct hold *hold, uint64_t number)
{
    uint8_t bytes[WS_HEADER_MAX + ROOM];
    struct ws_header header;
    struct span input = {bytes, 0};
    while (ws_header_read(&header, input) != WS_HEADER ||
           input.size < header.header_size + header.size) {
        ssize_t size =
            recv(hold->handles[number], bytes + input.size, sizeof bytes - input.size, 0);
        if (size <= 0) fail(1, "connection %" PRIu64 ": no answer", number);
        input.size += (size_t)size;
    }
    if (hold->compresses != ((header.reserved & WS_RSV1) != 0))
        fail(1, "connection %" PRIu64 ": what came back is %s", number,
             hold->compresses ? "not compressed" : "compressed");
    struct span said = span_skip(input, header.header_size);
    if (hold->compresses) said = inflated(hold, said);
    if (said.size != hold->message.size || memcmp(said.data, hold->message.data, said.size) != 0)
        fail(1, "connection %" PRIu64 ": something else came back than was sent", number);
}

/* ---- all of them ---- */

/* Those from `first` on, at most a batch of them, ask at the same time. Returns who comes next. */
static uint64_t open_batch(struct hold *hold, uint64_t first)
{
    uint64_t after = first + BATCH < hold->connections ? first + BATCH : hold->connections;
    for (uint64_t i = first; i < after; i++) {
        hold->handles[i] = websocket_open(&hold->address, i, hold->compresses, 0);
        say(hold, i);
    }
    for (uint64_t i = first; i < after; i++) hear(hold, i);
    return after;
}

static void measure(struct hold *hold)
{
    hold->handles = malloc(hold->connections * sizeof *hold->handles);
    if (hold->handles == NULL) fail(3, "no memory");
    make_message(hold);
    websocket_greet(&hold->address);
    struct usage before = usage_of((pid_t)hold->pid);
    uint64_t begin_ns = now_ns();
    for (uint64_t next = 0; next < hold->connections;) next = open_batch(hold, next);
    uint64_t open_ns = now_ns();
    struct usage begin = usage_of((pid_t)hold->pid);
    rest(hold->duration_ns);
    struct usage end = usage_of((pid_t)hold->pid);
    uint64_t end_ns = now_ns();
    for (uint64_t i = 0; i < hold->connections; i++) close(hold->handles[i]);
    double connections = (double)hold->connections;
    printf("connections=%" PRIu64 " rss_begin_bytes=%" PRIu64 " rss_end_bytes=%" PRIu64
           " bytes_each=%.1f open_us=%.1f cpu_percent=%.2f\n",
           hold->connections, before.memory, end.memory,
           ((double)end.memory - (double)before.memory) / connections,
           (double)(open_ns - begin_ns) / 1000 / connections,
           100 * (double)(end.cpu_ns - begin.cpu_ns) / (double)(end_ns - open_ns));
}

/* ---- the command line ---- */

static void read_option(struct hold *hold, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &hold->connections) && hold->connections != 0;
    else if (strcmp(name, "--size") == 0)
        good = settings_size(value, &hold->size) && hold->size != 0 && hold->size <= SIZE_MOST;
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &hold->duration_ns) && hold->duration_ns != 0;
    else if (strcmp(name, "--compress") == 0)
        good = hold->compresses = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &hold->pid);
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct hold hold = {.connections = 1000, .size = 200, .duration_ns = SECOND_NS / 2};
    struct error error;
    if (count < 2)
        fail(2, "websocket_hold ADDRESS --pid PID [--connections N] [--size BYTES] [--seconds S] "
                "[--compress yes]");
    if (!address_parse(words[1], &hold.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&hold, words[i], i + 1 < count ? words[i + 1] : "");
    if (hold.pid == 0) fail(2, "which process is the server? --pid PID");
    raise_descriptor_limit();
    measure(&hold);
    return 0;
}
