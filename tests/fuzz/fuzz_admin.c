/* The first line of whoever connects to the admin's address, in pieces as they arrive. The server is
 * played here, as far as admin.c asks for one.
 *
 *     input:  what the command says, its size first | pieces' count | sizes of the pieces | the bytes
 */
#include "admin/admin.h"

#include "base/log.h"
#include "fuzz_input.h"
#include "server.h"

struct link {
    struct address peer;
    uint8_t *answer; /* NULL: none yet */
    size_t answer_size;
    bool closed;
};

struct play {
    const struct script *script;
    struct span says; /* what the command tells the person */
    int runs;
};

static struct play play;
static struct link client = {.peer = {.family = ADDRESS_IPV4}};

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
}

bool server_address(const struct server *server, uint32_t index, struct address *address)
{
    check(server == (const struct server *)&play);
    check(index == 0);
    *address = client.peer;
    return true;
}

struct link *worker_next(const struct worker *worker, const struct link *link)
{
    check(worker == NULL);
    return link == NULL ? &client : NULL;
}

uint32_t link_slot(const struct link *link)
{
    check(link == &client);
    return 0;
}

void link_peer(const struct link *link, struct address *peer)
{
    *peer = link->peer;
}

enum send_result link_send(struct link *link, struct span packet)
{
    check(link->answer == NULL);
    check(!link->closed);
    link->answer = fuzz_copy(packet).data;
    link->answer_size = packet.size;
    return SEND_OK;
}

void link_close(struct link *link, const char *word)
{
    check(word == NULL);
    link->closed = true;
}

void link_abort(struct link *link, const char *word)
{
    (void)link;
    (void)word;
    check(false); /* one connection is not too many */
}

/* Those that a command needs which takes time: there is none here. */
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

struct server *worker_server(const struct worker *worker)
{
    (void)worker;
    check(false);
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

static bool act(void *context, char *text, size_t size)
{
    check(context == &play);
    check(text[0] == '\0');
    check(play.says.size < size);
    if (play.says.size != 0) memcpy(text, play.says.data, play.says.size);
    text[play.says.size] = '\0';
    play.runs++;
    return true;
}

static bool is_answer(const char *expected)
{
    return fuzz_same(span_of(client.answer, client.answer_size), span_text(expected));
}

/* Only a first line that is the command, and nothing else, has it run; once. */
static void check_answer(struct span bytes)
{
    struct span rest = bytes, line = fuzz_until(&rest, '\n');
    bool ended = line.size < bytes.size;
    struct span name = line;
    if (name.size != 0 && name.data[name.size - 1] == '\r') name.size--;
    bool meant = ended && fuzz_same(name, span_text("reload"));
    check(play.runs == meant);
    check(client.closed == (client.answer != NULL));
    check(client.closed == (ended || line.size > ADMIN_LINE_MAX));
    if (client.closed && !meant) check(is_answer("error\n"));
    if (!meant) return;

    char *says = fuzz_text(play.says), expected[600];
    size_t size = strlen(says);
    bool whole = size != 0 && says[size - 1] == '\n';
    snprintf(expected, sizeof expected, "ok\n%s%s", says, whole || size == 0 ? "" : "\n");
    check(is_answer(expected));
    free(says);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct admin_command commands[] = {
        {.name = "reload", .act = act, .context = &play, .is_quick = true}, {.name = NULL}};
    struct span input = span_of(data, size);
    struct address address = {.family = ADDRESS_IPV4, .ip = {127, 0, 0, 1}};
    struct error error;
    log_set_level(LOG_ERROR);
    uint8_t says_size = fuzz_byte(&input);
    play = (struct play){.says = fuzz_bytes(&input, says_size)};
    client = (struct link){.peer = address};
    uint8_t count = fuzz_byte(&input) & 15;
    struct span sizes = fuzz_bytes(&input, count), rest = input;

    struct admin *admin = admin_open(&address, PORT_AUTO, commands, &error);
    check(admin != NULL);
    check(play.script->connected(admin, &client) == SCRIPT_YES);
    for (size_t i = 0; rest.size != 0 && !client.closed; i++) {
        size_t piece = sizes.size == 0 ? rest.size : sizes.data[i % sizes.size] + 1u;
        struct span copy = fuzz_copy(fuzz_bytes(&rest, piece));
        play.script->received(admin, &client, copy);
        free(copy.data);
    }
    check_answer(input);
    admin_close(admin);
    free(client.answer);
    return 0;
}
