/* Quiet moments: nobody comes, the steady rest, and all that the server holds must come home. */
#include "soak.h"

#include <inttypes.h>
#include <string.h>

#define PATIENCE_NS (30 * SECOND_NS)
#define PATIENCE_LOST_NS (3 * SECOND_NS) /* when it has failed anyway */

enum { NOISE, LEAVING, COLLECTING };

static bool steady_rest(const struct soak *soak)
{
    for (size_t i = 0; i < soak->steady_count + soak->member_count; i++)
        if (soak->peers[i].handle >= 0 && !peer_rests(&soak->peers[i])) return false;
    return true;
}

/* In the first one it is found out what home is, for memory (of rooms) and descriptors. */
static bool is_home(const struct soak *soak, const struct usage *usage)
{
    const double *figures = soak->figures;
    size_t stay = soak->steady_count + soak->member_count + 1 - gone(soak);
    return figures[CONNECTIONS] == (double)stay &&
           figures[CONNECTIONS_FREE] + figures[CONNECTIONS] == figures[CONNECTIONS_MAX] &&
           figures[BLOCKS_USED] == 0 && figures[NUMBER] == (double)soak->written &&
           (soak->valley_count == 0 ||
            (figures[MEMORY_USED] <= soak->valleys[0].figures[MEMORY_USED] &&
             usage->descriptors + gone(soak) ==
                 soak->valleys[0].usage.descriptors + soak->valleys[0].gone));
}

static uint64_t patience_ns(const struct soak *soak)
{
    bool failed = gone(soak) > 0;
    for (size_t i = 0; i < soak->valley_count; i++) failed = failed || !soak->valleys[i].home;
    return failed ? PATIENCE_LOST_NS : PATIENCE_NS;
}

static void print(const struct valley *valley)
{
    const double *figures = valley->figures;
    printf("%7.1f s  %s after %.1f s: %.0f connections, %.0f blocks and %.0f bytes used, %" PRIu64
           " descriptors; %.1f MiB resident, %.1f of it anonymous, %.2f MiB of Lua\n",
           valley->begin, valley->home ? "all home" : "NOT HOME", valley->seconds,
           figures[CONNECTIONS], figures[BLOCKS_USED], figures[MEMORY_USED],
           valley->usage.descriptors, (double)valley->usage.rss / 1048576,
           (double)valley->usage.anonymous / 1048576, figures[LUA] / 1024);
}

/* What was there when it had become quiet, or when patience was over. */
static void note(struct soak *soak, uint64_t waited_ns, const struct usage *usage, bool home)
{
    struct valley *valley = &soak->valleys[soak->valley_count];
    valley->begin = seconds_of(soak->valley_begin_ns - soak->begin_ns);
    valley->seconds = seconds_of(waited_ns);
    valley->home = soak->at_home = home;
    valley->gone = gone(soak);
    valley->usage = *usage;
    memcpy(valley->figures, soak->figures, sizeof valley->figures);
}

/* And then what memory is left when the garbage has been collected. */
static void end(struct soak *soak, bool collected)
{
    struct valley *valley = &soak->valleys[soak->valley_count];
    uint64_t descriptors = valley->usage.descriptors;
    valley->home = valley->home && collected;
    valley->usage = sample_usage(soak);
    valley->usage.descriptors = descriptors;
    for (int i = LUA; i < FIGURE_COUNT; i++) valley->figures[i] = soak->figures[i];
    print(valley);
    if (soak->valley_count < VALLEYS_MAX - 1) soak->valley_count++;
    soak->noisy = soak->asking = true;
    soak->at_home = false;
    soak->phase_ends_ns = 0;
    soak->valley_step = NOISE;
    soak->valley_due_ns += soak->valley_every_ns;
    if (soak->valley_due_ns < soak->now_ns) soak->valley_due_ns = soak->now_ns;
}

void valley_begin(struct soak *soak)
{
    scripts_write_good(soak, 1000); /* always as many: Lua's memory is compared */
    soak->noisy = soak->asking = false;
    soak->valley_begin_ns = soak->now_ns;
    soak->valley_step = LEAVING;
}

void valley_turn(struct soak *soak)
{
    uint64_t waited_ns = soak->now_ns - soak->valley_begin_ns;
    struct peer *figures_peer = &soak->peers[soak->steady_count + soak->member_count];
    bool patient = waited_ns < patience_ns(soak) && figures_peer->handle >= 0;
    /* Told since the noise has ended, not before. */
    bool fresh = soak->figures_ns > soak->valley_begin_ns;
    switch (soak->valley_step) {
    case LEAVING: {
        struct usage usage = sample_usage(soak);
        bool home = fresh && steady_rest(soak) && is_home(soak, &usage);
        if (!home && patient) return;
        note(soak, waited_ns, &usage, home);
        soak->collect_from = (uint64_t)soak->figures[COLLECTED];
        soak->valley_step = COLLECTING;
        if (figures_peer->handle >= 0) peer_send_text(soak, figures_peer, "g");
        return;
    }
    case COLLECTING: {
        bool collected = soak->figures[COLLECTED] >= (double)(soak->collect_from + WORKERS);
        bool over = waited_ns > 2 * PATIENCE_NS || figures_peer->handle < 0;
        if (over || (collected && waited_ns >= soak->valley_rest_ns)) end(soak, collected);
        return;
    }
    default:
        if (soak->now_ns >= soak->valley_due_ns) valley_begin(soak);
    }
}
