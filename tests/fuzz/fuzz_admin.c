/* Whatever a client of the admin's address sends, in pieces as they arrive. The server is played here, as far as
 * admin.c asks for one.
 *
 *     input:  pieces' count | sizes of the pieces | the bytes
 */
#include "admin/admin.h"
#include "frame/http_text.h"

#include "base/log.h"
#include "fuzz_input.h"
#include "server.h"

#include <stdio.h>

#define TOKEN "0123456789abcdef"

struct link {
    struct address peer;
    struct span sent; /* allocated */
    bool closed, aborted;
    void *data;
};

struct play {
    const struct script *script;
    int runs, looks;
};

static struct play play;
static struct link client;

/* ---- the server ---- */

struct server *server_start(const struct config *config, const struct script *script,
                            struct error *error)
{
    check(config->listener_count == 1);
    play.script = script;
    check(script->worker_start(script->context, NULL, error) != NULL);
    return (struct server *)&play;
}

void server_stop(struct server *server)
{
    check(server == (struct server *)&play);
    play.script->worker_stop(play.script->context);
}

bool server_address(const struct server *server, uint32_t index, struct address *address)
{
    check(server == (const struct server *)&play);
    check(index == 0);
    *address =
        (struct address){.family = ADDRESS_UNIX, .port = 7001}; /* it leaves no token's file */
    return true;
}

struct link *worker_next(const struct worker *worker, const struct link *link)
{
    check(worker == NULL);
    return link == NULL ? &client : NULL;
}

struct link *worker_next_any(const struct worker *worker, const struct link *link)
{
    return worker_next(worker, link);
}

uint64_t worker_now(const struct worker *worker)
{
    check(worker == NULL);
    return 1;
}

void worker_timer_start(struct worker *worker, struct wheel_timer *timer, uint64_t delay_ns)
{
    (void)worker, (void)timer;
    check(delay_ns > 0);
}

void worker_timer_stop(struct worker *worker, struct wheel_timer *timer)
{
    (void)worker, (void)timer;
}

void *link_data(const struct link *link)
{
    check(link == &client);
    return link->data;
}

void link_set_data(struct link *link, void *data)
{
    link->data = data;
}

void link_peer(const struct link *link, struct address *peer)
{
    *peer = link->peer;
}

bool link_is_open(const struct link *link)
{
    return !link->closed;
}

size_t link_pending(const struct link *link)
{
    (void)link;
    return 0;
}

enum send_result link_send(struct link *link, struct span packet)
{
    check(!link->closed);
    link->sent.data = realloc(link->sent.data, link->sent.size + packet.size + 1);
    check(link->sent.data != NULL);
    memcpy(link->sent.data + link->sent.size, packet.data, packet.size);
    link->sent.size += packet.size;
    link->sent.data[link->sent.size] = '\0';
    return SEND_OK;
}

void link_close(struct link *link, const char *word)
{
    check(word == NULL);
    link->closed = true;
}

void link_abort(struct link *link, const char *word)
{
    check(word == NULL);
    link->closed = link->aborted = true;
}

/* Those that a request needs which takes time: there is none here. */
uint64_t link_id(const struct link *link)
{
    (void)link;
    check(false);
}

void link_hold(struct link *link)
{
    (void)link;
    check(false);
}

void link_release(struct link *link)
{
    (void)link;
    check(false);
}

struct server *worker_server(const struct worker *worker)
{
    check(worker == NULL);
    return (struct server *)&play;
}

struct link *worker_find(const struct worker *worker, uint64_t id)
{
    (void)worker, (void)id;
    check(false);
}

bool server_run_on_workers(struct server *server, const struct server_task *task,
                           uint64_t patience_ns, bool *ran)
{
    (void)server, (void)task, (void)patience_ns, (void)ran;
    check(false);
}

/* ---- what holds ---- */

static void act(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    check(context == &play);
    check(strlen(request->query) < sizeof request->query);
    play.runs++;
    answer_result(answer, request, true, "done\n");
}

static void look(void *context, const struct admin_request *request, struct admin_answer *answer)
{
    char value[16] = "";
    uint64_t limit = 100;
    check(context == &play);
    play.looks++;
    if (request_parameter(request, "sort", value, sizeof value)) answer_add(answer, "%s\n", value);
    if (!request_number(request, "limit", &limit)) check(limit == 100);
    answer_add(answer, "%llu\n", (unsigned long long)limit);
}

static const struct admin_route routes[] = {
    {"POST", "/reload", ACCESS_ACT, ROUTE_AT_ONCE, act},
    {"POST", "/listeners/N/open", ACCESS_ACT, ROUTE_AT_ONCE, act},
    {"GET", "/stats", ACCESS_READ, ROUTE_AT_ONCE, look},
    {"GET", "/healthz", ACCESS_OPEN, ROUTE_AT_ONCE, look},
    {"GET", "/", ACCESS_PAGE, ROUTE_AT_ONCE, look},
    {NULL, NULL, 0, 0, NULL},
};

static bool has(struct span bytes, const char *text)
{
    return bytes.size > 0 && memmem(bytes.data, bytes.size, text, strlen(text)) != NULL;
}

/* The same in any case of the letters, as names of fields are read; the text is in small letters. */
static bool has_like(struct span input, const char *text)
{
    size_t size = strlen(text);
    for (size_t at = 0; at + size <= input.size; at++) {
        size_t same = 0;
        while (same < size && http_lower(input.data[at + same]) == (uint8_t)text[same]) same++;
        if (same == size) return true;
    }
    return false;
}

static int count_answers(void)
{
    int count = 0;
    const char *at = (const char *)client.sent.data;
    while (at != NULL && (at = strstr(at, "HTTP/1.1 ")) != NULL) at += 9, count++;
    return count;
}

/* Feeds the bytes to a new client, in pieces of these sizes. */
static void feed(struct span bytes, struct span sizes)
{
    const struct admin_setup setup = {
        .address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}, .port = 7001},
        .routes = routes,
        .context = &play,
        .token = TOKEN,
        .names = "box.example"};
    struct error error;
    play = (struct play){.runs = 0};
    client = (struct link){.peer = setup.address};
    struct admin *admin = admin_open(&setup, &error);
    check(admin != NULL);
    check(play.script->connected(admin, &client) == SCRIPT_YES);
    for (size_t i = 0; bytes.size != 0 && !client.closed; i++) {
        size_t size = sizes.size == 0 ? bytes.size : sizes.data[i % sizes.size] + 1u;
        struct span piece = fuzz_copy(fuzz_bytes(&bytes, size));
        play.script->received(admin, &client, piece);
        free(piece.data);
    }
    play.script->released(admin, &client);
    admin_close(admin);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    log_set_level(LOG_ERROR);
    uint8_t count = fuzz_byte(&input) & 15;
    struct span sizes = fuzz_bytes(&input, count);

    feed(input, sizes);
    const struct play pieces = play;
    int answers = count_answers();
    bool closed = client.closed;
    check(play.runs == 0 || has(input, TOKEN)); /* nobody without the token has anything done */
    check(play.runs == 0 || has_like(input, "x-moonport"));
    check(answers >= play.runs + play.looks);
    check(!closed || answers > 0 || client.aborted);
    free(client.sent.data);

    feed(input, span_of(NULL, 0)); /* however it is cut, it means the same */
    check(play.runs == pieces.runs);
    check(play.looks == pieces.looks);
    check(count_answers() == answers);
    check(client.closed == closed);
    free(client.sent.data);
    return 0;
}
