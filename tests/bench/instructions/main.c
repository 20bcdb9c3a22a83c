/* main.c - fixed work for a server without kernel, threads and time (offline.h), so that the same
 * build takes the same instructions each time; run.sh has callgrind count them.
 *
 *     instructions             names the workloads, and what their figures hang on
 *     instructions WORKLOAD    does one, from the project's directory; prints what it is counted by
 *
 * What counts is what worker_turn does between two calls of part_ended: run.sh tells callgrind both
 * names. The port's copying of what is received and sent is in it, the system's work is not.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "client.h"
#include "echo.h"
#include "reload/project.h"
#include "run/trial.h"
#include "server/offline.h"

#include <gnu/libc-version.h>

enum {
    PAYLOAD = 64,
    PACKET = PAYLOAD + HEADER,
    PEERS_MAX = 200,
    PACKETS_MAX = 32,    /* in a read */
    ROUNDS_PER_TICK = 8, /* then the clock goes on, which takes a turn that has nothing to do */
    TICK_NS = 1000000,
};

struct workload {
    const char *name, *title;
    const char *scripts; /* NULL: the server is in C */
    bool broadcasts;     /* the first client sends, all receive; else each gets its own back */
    int peers, packets;  /* a round: so many clients, so many packets from each that sends */
    int warm_up, rounds; /* before it counts; what counts */
};

static const struct workload workloads[] = {
    {"lua-50x32", "echo in Lua, 50 connections, 32 packets in a read", "scripts/echo", false, 50,
     32, 8, 32},
    {"lua-1x1", "echo in Lua, one connection, one packet at a time", "scripts/echo", false, 1, 1,
     4000, 24000},
    {"lua-broadcast", "broadcast in Lua to 200, for each delivery", "tests/bench/servers/broadcast",
     true, 200, 1, 200, 800},
    {"c-50x32", "echo in C, 50 connections, 32 packets in a read", NULL, false, 50, 32, 8, 64},
};
enum { WORKLOADS = sizeof workloads / sizeof *workloads };

struct bench {
    const struct workload *workload;
    struct offline *offline;
    struct offline_peer *peers[PEERS_MAX];
    uint8_t sent[PEERS_MAX][PACKETS_MAX * PACKET]; /* in this round */
    uint64_t packets, rounds, deliveries;
};

/* ---- what callgrind is told ---- */

/* What came before the first call is the start and the warm-up, what came since is what counts. One
 * function for both: of two empty ones compilers make one. */
__attribute__((noinline)) static void part_ended(void)
{
    __asm__ volatile("");
}

/* Lua draws its hashes' seed from the time and from where things are. Only the one call from
 * another file is led here, which makes the seed. */
static int seeds_made;
unsigned int __wrap_luaS_hash(const char *bytes, size_t size, unsigned int seed);
unsigned int __wrap_luaS_hash(const char *bytes, size_t size, unsigned int seed)
{
    (void)bytes;
    (void)size;
    (void)seed;
    seeds_made++;
    return 1;
}

/* ---- rounds ---- */

static int senders(const struct workload *workload)
{
    return workload->broadcasts ? 1 : workload->peers;
}

static void send_round(struct bench *bench)
{
    const struct workload *workload = bench->workload;
    size_t size = (size_t)workload->packets * PACKET;
    for (int i = 0; i < senders(workload); i++) {
        for (int j = 0; j < workload->packets; j++)
            packet_fill(PACKET, bench->packets++, 0, bench->sent[i] + j * PACKET, PACKET);
        if (!offline_send(bench->peers[i], span_of(bench->sent[i], size)))
            fail(3, "no memory for what a client sends");
    }
}

static void check_round(struct bench *bench)
{
    const struct workload *workload = bench->workload;
    size_t size = (size_t)workload->packets * PACKET;
    for (int i = 0; i < workload->peers; i++) {
        struct span received = offline_received(bench->peers[i]);
        const uint8_t *wanted = bench->sent[workload->broadcasts ? 0 : i];
        if (received.size != size || memcmp(received.data, wanted, size) != 0)
            fail(1, "%s, round %" PRIu64 ", client %d: %zu bytes came that are not the %zu sent",
                 workload->name, bench->rounds, i, received.size, size);
        offline_take(bench->peers[i], size);
        bench->deliveries += (uint64_t)workload->packets;
    }
}

static void run_rounds(struct bench *bench, int count)
{
    for (int i = 0; i < count; i++) {
        send_round(bench);
        bool rests = offline_run(bench->offline);
        if (bench->rounds % ROUNDS_PER_TICK == 0)
            rests = rests && offline_advance(bench->offline, TICK_NS);
        if (!rests) fail(1, "%s: the server finds no rest", bench->workload->name);
        check_round(bench);
        bench->rounds++;
    }
}

static void run(struct bench *bench)
{
    const struct workload *workload = bench->workload;
    for (int i = 0; i < workload->peers; i++) {
        bench->peers[i] = offline_connect(bench->offline, 0, NULL);
        if (bench->peers[i] == NULL) fail(1, "%s: client %d was refused", workload->name, i);
    }
    run_rounds(bench, workload->warm_up);
    bench->deliveries = 0;
    part_ended();
    run_rounds(bench, workload->rounds);
    part_ended();
    printf("%" PRIu64 "\n", bench->deliveries);
}

/* ---- servers ---- */

static void run_lua(struct bench *bench)
{
    static struct project project;
    struct error error;
    char directory[64];
    /* So long that a slow machine interrupts nothing. */
    char *words[] = {"test", directory, "--handler-timeout", "600"};
    snprintf(directory, sizeof directory, "%s", bench->workload->scripts);
    if (!project_open(&project, sizeof words / sizeof *words, words, false, &error))
        fail((int)error.kind, "%s", error.text);
    project.program.trials = trials_open(1); /* as a server has it */
    bench->offline = offline_open(&project.options.config, &project.script, &error);
    if (bench->offline == NULL) fail((int)error.kind, "%s", error.text);
    if (seeds_made == 0)
        fail(3,
             "%s does not draw the seed of its hashes as 5.4.4 does: its figures would differ "
             "from run to run",
             LUA_RELEASE);
    run(bench);
    offline_close(bench->offline);
    trials_close(project.program.trials);
    project_close(&project);
}

static void run_c(struct bench *bench)
{
    static struct config config;
    struct error error;
    config_init(&config);
    if (config_add_listener(&config, "127.0.0.1:7000", &error) == NULL ||
        !config_finish(&config, &error))
        fail((int)error.kind, "%s", error.text);
    bench->offline = offline_open(&config, &echo_script, &error);
    if (bench->offline == NULL) fail((int)error.kind, "%s", error.text);
    run(bench);
    offline_close(bench->offline);
}

/* ---- the command line ---- */

/* What a figure hangs on beside the sources of this project, a line each. */
static void describe(void)
{
#ifdef __clang__
    const char *compiler = "clang " __clang_version__;
#else
    const char *compiler = "gcc " __VERSION__;
#endif
#ifdef __OPTIMIZE__
    const char *configuration = "release";
#else
    const char *configuration = "debug";
#endif
    printf("with %s\nwith %s\nwith libc %s\nwith configuration %s\n", compiler, LUA_RELEASE,
           gnu_get_libc_version(), configuration);
    for (int i = 0; i < WORKLOADS; i++)
        printf("workload %s %s\n", workloads[i].name, workloads[i].title);
}

int main(int count, char **words)
{
    static struct bench bench;
    log_set_level(LOG_WARN);
    if (count < 2) {
        describe();
        return 0;
    }
    for (int i = 0; i < WORKLOADS; i++)
        if (strcmp(words[1], workloads[i].name) == 0) bench.workload = &workloads[i];
    if (bench.workload == NULL)
        fail(2, "there is no workload %s: run it without a word to see which there are", words[1]);
    if (bench.workload->scripts != NULL)
        run_lua(&bench);
    else
        run_c(&bench);
    return 0;
}
