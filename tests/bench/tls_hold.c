/* tls_hold.c - opens many connections to an echo, and holds them: what memory does one cost that rests?
 *
 *     tls_hold ADDRESS --pid PID [--connections N] [--version 1.2|1.3|none] [--silent yes] [--seconds S]
 *
 * Each sends one packet and gets it back; then all rest for a while. With --silent they send nothing at all. Version none
 * is plain TCP.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "tls_client.h"

enum { BATCH = 100 };

struct hold {
    struct address address;
    uint64_t connections, duration_ns, pid;
    SSL_CTX *context; /* NULL: plain */
    bool is_silent;
    int *handles;
};

static void exchange_plainly(int handle, uint64_t seed)
{
    uint8_t sent[TLS_GREETING], received[TLS_GREETING];
    packet_fill(sizeof sent, seed, 0, sent, sizeof sent);
    send_all(handle, sent, sizeof sent);
    receive_all(handle, received, sizeof received);
    if (memcmp(sent, received, sizeof sent) != 0) fail(1, "something else came back");
}

static void meet(const struct hold *hold, uint64_t until_ns)
{
    if (hold->context == NULL)
        greet(&hold->address, until_ns);
    else
        tls_greet(hold->context, &hold->address, until_ns);
}

/* What OpenSSL needs of this side is not kept. */
static int open_one(const struct hold *hold, uint64_t number)
{
    struct tls_wire wire;
    if (hold->is_silent || hold->context == NULL) {
        int handle = connect_to(&hold->address, number, 0);
        if (!hold->is_silent) exchange_plainly(handle, number);
        return handle;
    }
    tls_wire_connect(&wire, hold->context, &hold->address, number, 0);
    tls_wire_exchange(&wire, number);
    tls_wire_close(&wire);
    return wire.handle;
}

static void measure(struct hold *hold)
{
    hold->handles = malloc(hold->connections * sizeof *hold->handles);
    if (hold->handles == NULL) fail(3, "no memory");
    for (int i = 0; i < BATCH; i++) meet(hold, now_ns() + 5 * SECOND_NS); /* warm */
    struct usage before = usage_of((pid_t)hold->pid);
    for (uint64_t i = 0; i < hold->connections; i++) {
        hold->handles[i] = open_one(hold, i);
        if (i % BATCH == BATCH - 1 && hold->is_silent) meet(hold, 0); /* they are accepted */
    }
    rest(hold->duration_ns);
    struct usage after = usage_of((pid_t)hold->pid);
    for (uint64_t i = 0; i < hold->connections; i++) close(hold->handles[i]);
    printf("connections=%" PRIu64 " rss_begin_bytes=%" PRIu64 " rss_end_bytes=%" PRIu64
           " bytes_each=%.1f\n",
           hold->connections, before.memory, after.memory,
           ((double)after.memory - (double)before.memory) / (double)hold->connections);
}

static void read_option(struct hold *hold, const char *name, const char *value)
{
    bool good = false;
    if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &hold->connections) && hold->connections != 0;
    else if (strcmp(name, "--seconds") == 0)
        good = settings_seconds(value, &hold->duration_ns) && hold->duration_ns != 0;
    else if (strcmp(name, "--silent") == 0)
        good = hold->is_silent = strcmp(value, "yes") == 0;
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &hold->pid);
    else if (strcmp(name, "--version") == 0) {
        SSL_CTX_free(hold->context);
        hold->context = tls_context(value);
        good = hold->context != NULL || strcmp(value, "none") == 0;
    } else {
        fail(2, "no such option: %s", name);
    }
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct hold hold = {.connections = 1500, .duration_ns = SECOND_NS / 2};
    struct error error;
    if (count < 2)
        fail(2, "tls_hold ADDRESS --pid PID [--connections N] [--version 1.2|1.3|none] "
                "[--silent yes] [--seconds S]");
    if (!address_parse(words[1], &hold.address, &error)) fail(2, "%s", error.text);
    hold.context = tls_context("1.3");
    for (int i = 2; i < count; i += 2)
        read_option(&hold, words[i], i + 1 < count ? words[i + 1] : "");
    if (hold.pid == 0) fail(2, "which process is the server? --pid PID");
    raise_descriptor_limit();
    measure(&hold);
    return 0;
}
