/* Who comes and goes: in phases, whose mixture the seed draws. */
#include "soak.h"

enum { REST_SHORT_MS = 200, REST_LONG_MS = 1500 };

/* Those who use up the server's memory or blocks are so much rarer, but where they are the most: or
 * it would never have any. */
enum { SHARE = 8 };

static void draw_phase(struct soak *soak)
{
    enum kind most = (enum kind)(CHURN + draw(soak, KINDS - CHURN));
    printf("%7.1f s  mostly %s, and", seconds_of(soak->now_ns - soak->begin_ns), kind_names[most]);
    uint64_t sum = 0;
    for (int i = CHURN; i < KINDS; i++) {
        soak->weights[i] = draw(soak, 4) * draw(soak, 4) * SHARE;
        if (i == LARGE || i == HOLDER || i == DEAF) soak->weights[i] /= SHARE;
        sum += soak->weights[i];
    }
    soak->weights[most] += 1 + sum * (1 + draw(soak, 4));
    for (int i = CHURN; i < KINDS; i++)
        if (soak->weights[i] != 0 && i != (int)most) printf(" %s", kind_names[i]);
    soak->rest_ns = (REST_SHORT_MS + draw(soak, REST_LONG_MS)) * MILLI_NS;
    soak->reload_ns_max = draw(soak, 3) == 0 ? 0 : (1 + draw(soak, 6)) * SECOND_NS;
    printf("%s\n", soak->reload_ns_max == 0 ? "" : "; scripts change");
    uint64_t shortest_ns = soak->valley_every_ns / 12;
    soak->phase_ends_ns = soak->now_ns + shortest_ns + draw(soak, 1 + 3 * shortest_ns);
}

static enum kind draw_kind(struct soak *soak)
{
    uint64_t sum = 0;
    for (int i = CHURN; i < KINDS; i++) sum += soak->weights[i];
    uint64_t chance = draw(soak, sum);
    for (int i = CHURN; i < KINDS; i++) {
        if (chance < soak->weights[i]) return (enum kind)i;
        chance -= soak->weights[i];
    }
    return VISITOR;
}

/* The steady, the members and the one for figures stay from here to the end. */
void crowd_begin(struct soak *soak)
{
    size_t stay = soak->steady_count + soak->member_count;
    for (size_t i = 0; i < soak->peer_count; i++) soak->peers[i].handle = -1;
    for (size_t i = 0; i <= stay; i++) {
        enum kind kind = i < soak->steady_count ? STEADY : i < stay ? MEMBER : FIGURES;
        peer_open(soak, &soak->peers[i], kind);
    }
    peer_send_text(soak, &soak->peers[stay], "f");
}

void crowd_turn(struct soak *soak)
{
    if (soak->noisy && soak->now_ns >= soak->phase_ends_ns) draw_phase(soak);
    for (size_t i = 0; i < soak->peer_count; i++) {
        struct peer *peer = &soak->peers[i];
        bool stays = i <= soak->steady_count + soak->member_count;
        if (!stays && !soak->noisy && peer->handle >= 0) peer_close(soak, peer);
        if (soak->now_ns < peer->due_ns) continue;
        if (!stays && soak->noisy && peer->handle < 0) peer_open(soak, peer, draw_kind(soak));
        peer_act(soak, peer);
    }
}
