/* main.c - the soak's client: everything at once, for a long time, against one server.
 *
 *     soak ADDRESS --admin ADDRESS --pid PID --scripts DIR --table FILE --verdict FILE
 *          [--minutes M] [--connections N] [--seed S]
 *
 * run.sh starts the server, and this. What it does is drawn from the seed, but for what follows
 * from the time that the server takes.
 *
 * Exit status: 0 all is well, 1 it is not, 2 usage, 3 the system refused. */
#include "soak.h"

#include "base/settings.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>

enum { EVENTS = 256, TURN_MS = 2, POINTS_MAX = 1500, POINTS_MIN = 60, CONNECTIONS_MIN = 20 };

#define SAMPLE_NS_MIN (SECOND_NS / 4) /* the server tells its figures hardly oftener */

/* ---- the run ---- */

static void turn(struct soak *soak)
{
    struct epoll_event events[EVENTS];
    int count = epoll_wait(soak->epoll, events, EVENTS, TURN_MS);
    soak->now_ns = now_ns();
    for (int i = 0; i < count; i++) peer_hear(soak, events[i].data.ptr);
    soak->now_ns = now_ns();
    crowd_turn(soak);
    scripts_turn(soak);
    sample_turn(soak);
    valley_turn(soak);
}

static uint64_t within(uint64_t value, uint64_t low, uint64_t high)
{
    return value < low ? low : value > high ? high : value;
}

/* Valleys every minute, or eight in all if there is time for them. The steady are alone up to the
 * end of the first, which shows what home is. The last begins when the time is over. */
static void plan(struct soak *soak)
{
    uint64_t valleys = soak->duration_ns / (60 * SECOND_NS);
    if (valleys < 8) valleys = within(soak->duration_ns / (3 * SECOND_NS / 2), 1, 8);
    if (valleys > VALLEYS_MAX / 2) valleys = VALLEYS_MAX / 2;
    soak->valley_every_ns = soak->duration_ns / valleys;
    soak->valley_rest_ns = within(soak->valley_every_ns / 10, 0, 3 * SECOND_NS);
    soak->valley_due_ns = soak->begin_ns + soak->valley_every_ns / 2;
    soak->asking = true;
    uint64_t sample_ns = within(soak->duration_ns / POINTS_MIN, SAMPLE_NS_MIN, SECOND_NS);
    if (sample_ns < soak->duration_ns / POINTS_MAX) sample_ns = soak->duration_ns / POINTS_MAX;
    soak->sample_every_ns = sample_ns;
}

static void run(struct soak *soak)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) == 0) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    soak->epoll = epoll_create1(EPOLL_CLOEXEC);
    soak->peer_count = soak->connections;
    soak->steady_count = soak->connections / 5;
    soak->member_count = soak->connections / 10;
    soak->peers = calloc(soak->peer_count, sizeof *soak->peers);
    if (soak->epoll < 0 || soak->peers == NULL) fail(3, "%s", strerror(errno));
    for (size_t i = 0; i < soak->member_count; i++) {
        struct peer *member = &soak->peers[soak->steady_count + i];
        member->heard = calloc(soak->member_count, sizeof *member->heard);
        if (member->heard == NULL) fail(3, "no memory");
    }
    soak->begin_ns = soak->now_ns = now_ns();
    plan(soak);
    crowd_begin(soak);
    uint64_t end_ns = soak->begin_ns + soak->duration_ns;
    const struct peer *figures = &soak->peers[soak->steady_count + soak->member_count];
    while ((soak->valley_count == 0 || soak->now_ns < end_ns) && !figures->lost) turn(soak);
    if (soak->noisy) valley_begin(soak);
    while (!soak->noisy) turn(soak);
}

/* ---- the command line ---- */

static void read_option(struct soak *soak, const char *name, const char *value)
{
    struct error error;
    bool good = value[0] != '\0';
    if (strcmp(name, "--admin") == 0)
        good = address_parse(value, &soak->admin, &error);
    else if (strcmp(name, "--pid") == 0)
        good = settings_size(value, &soak->pid);
    else if (strcmp(name, "--scripts") == 0)
        soak->scripts = value;
    else if (strcmp(name, "--table") == 0)
        soak->table = value;
    else if (strcmp(name, "--verdict") == 0)
        soak->verdict = value;
    else if (strcmp(name, "--minutes") == 0)
        good =
            settings_seconds(value, &soak->duration_ns) && (soak->duration_ns *= 60) >= SECOND_NS;
    else if (strcmp(name, "--connections") == 0)
        good = settings_size(value, &soak->connections) && soak->connections >= CONNECTIONS_MIN &&
               soak->connections <= 10000;
    else if (strcmp(name, "--seed") == 0)
        good = settings_size(value, &soak->seed);
    else
        fail(2, "no such option: %s", name);
    if (!good) fail(2, "%s cannot be \"%s\"", name, value);
}

int main(int count, char **words)
{
    static struct soak soak = {
        .duration_ns = 20 * 60 * SECOND_NS, .connections = 300, .seed = 1, .admin_handle = -1};
    struct error error;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (count < 2) fail(2, "soak ADDRESS --admin ADDRESS --pid PID ...: ./dev soak runs it");
    if (!address_parse(words[1], &soak.address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2)
        read_option(&soak, words[i], i + 1 < count ? words[i + 1] : "");
    if (soak.admin.family == ADDRESS_NONE || soak.pid == 0 || soak.scripts == NULL ||
        soak.table == NULL || soak.verdict == NULL)
        fail(2, "--admin, --pid, --scripts, --table and --verdict are needed");
    run(&soak);
    return verdict(&soak) ? 0 : 1;
}
