#include "swarm.h"

#include "base/check.h"
#include "sim.h"

#include <stdio.h>

enum { LANDING_MIN = 16, BLOCK_SIZE_MIN = 23 };

static const char *const framings[] = {
    "length",
    "length,size=2,order=big",
    "length,size=1,counts_header=false",
    "length,size=4,order=big,counts_header=false,adjustment=3",
    "length,size=8,offset=2",
    "length,size=3,offset=5,adjustment=-2",
    "length,size=varint",
    "length,size=varint,offset=1",
    "line",
    "line,delimiter=\\r\\n",
    "line,delimiter=\\x01\\x02\\x01,strip=false",
    "delimiter,by=\\r\\n|\\n|\\x1d",
    "delimiter,by=\\x01\\x02\\x03|\\x02\\x01,strip=false",
    "netstring",
    "erlang,size=2",
    "skynet",
    "mqtt",
    "hpsocket,flag=0x169",
    "fixed,size=64",
    "fixed,size=200",
    "raw",
};
enum { FRAMINGS = sizeof framings / sizeof framings[0] };

const char *swarm_framing(struct draw *draw, bool raw)
{
    return framings[draw_below(draw, raw ? FRAMINGS : FRAMINGS - 1)];
}

/* Half of the runs know nothing of a fault; in the others it is rare or common. */
static uint16_t rate(struct draw *draw, uint16_t most)
{
    if (draw_chance(draw, 500)) return 0;
    return (uint16_t)(draw_chance(draw, 500) ? draw_size(draw, most)
                                             : draw_between(draw, (most + 1) / 2, most));
}

static void draw_faults(struct faults *faults, struct draw *draw)
{
    faults->short_receive = rate(draw, 900);
    faults->short_send = rate(draw, 900);
    faults->disorder = rate(draw, 900);
    faults->late = rate(draw, 500);
    faults->stall = rate(draw, 50);
    faults->despite = rate(draw, 900);
    faults->empty = rate(draw, 900);
    faults->send_error = rate(draw, 30);
    faults->attach = rate(draw, 100);
    faults->accept = rate(draw, 300);
    faults->no_memory = draw_chance(draw, 300) ? rate(draw, 200) : 0;
    faults->jump = rate(draw, 3);
    faults->busy = rate(draw, 20);
    faults->reset = rate(draw, 300);
    faults->half_close = rate(draw, 200);
    faults->vanish = rate(draw, 600);
    faults->deaf = rate(draw, 200);
    faults->trickle = rate(draw, 300);
    faults->garbage = rate(draw, 100);
    faults->reload = rate(draw, 12);
    faults->broken_reload = rate(draw, 700);
    faults->drain = draw_chance(draw, 200) ? 3 : 0;
    faults->abort = draw_chance(draw, 100) ? 3 : 0;
}

static void set(struct config *config, const char *name, uint64_t value)
{
    char text[32];
    struct error error;
    snprintf(text, sizeof text, "%llu", (unsigned long long)value);
    promise(config_set(config, name, text, &error), "%s", error.text);
}

/* Writes the value of a listener's setting, and returns its name. */
static const char *draw_framing(struct draw *draw, char *text, size_t size)
{
    static const char *const others[] = {
        "length", "length,size=2,order=big", "line", "netstring", "skynet", "erlang,size=4"};
    bool is_web = draw_chance(draw, 400), detects = is_web && draw_chance(draw, 300);
    if (!is_web) {
        snprintf(text, size, "%s", swarm_framing(draw, true));
        return "framing";
    }
    snprintf(
        text, size,
        "websocket,path=/sim,origins=https://sim.example,protocols=chat,healthz=true,ping=%u%s%s",
        (unsigned)(draw_chance(draw, 400) ? 0 : draw_size(draw, 20)), detects ? ";" : "",
        detects ? others[draw_below(draw, sizeof others / sizeof *others)] : "");
    return detects ? "detect" : "framing";
}

static void add_listener(struct config *config, struct draw *draw)
{
    char address[32], text[256];
    struct error error;
    snprintf(address, sizeof address, "127.0.0.1:%u", 7000 + config->listener_count);
    struct config_listener *listener = config_add_listener(config, address, &error);
    check(listener != NULL);
    const char *setting = draw_framing(draw, text, sizeof text);
    promise(config_listener_set(listener, setting, text, &error), "%s", error.text);
    promise(config_listener_set(listener, "on_full", draw_chance(draw, 500) ? "close" : "refuse",
                                &error),
            "%s", error.text);
}

static void draw_config(struct swarm *swarm, struct draw *draw)
{
    struct config *config = &swarm->config;
    struct error error;
    config_init(config);
    set(config, "workers", draw_between(draw, 1, 3));
    set(config, "recv_depth", UINT64_C(1) << draw_below(draw, 5));
    set(config, "max_packet", draw_chance(draw, 300) ? 100000 : draw_between(draw, 256, 8192));
    config->idle_timeout_ns = draw_chance(draw, 200) ? 0 : draw_between(draw, 1, 40) * SECOND / 2;
    config->drain_timeout_ns = draw_between(draw, 1, 20) * SECOND / 2;
    set(config, "max_connections", 3000);
    for (uint64_t i = draw_between(draw, 1, 3); i > 0; i--) add_listener(config, draw);
    promise(config_finish(config, &error), "%s", error.text);
}

/* Smaller than any person would set them: edges are met at once. */
static void tighten(struct swarm *swarm, struct draw *draw)
{
    struct config *config = &swarm->config;
    uint32_t workers = config->workers;
    config->block_size =
        draw_chance(draw, 300) ? 2048 : (uint32_t)draw_between(draw, BLOCK_SIZE_MIN, 300);
    config->blocks = 400 * workers;
    config->memory = (UINT64_C(16) << 20) * workers;
    config->soft_mark = draw_between(draw, 100, 4000);
    config->hard_mark = config->soft_mark + draw_between(draw, 0, 2 * config->max_packet);
    config->max_connections = 64;
    swarm->lua_memory = UINT64_C(16) << 20;
    swarm->landing_blocks = 64;
    swarm->landing_size = draw_chance(draw, 300) ? 4096 : (uint32_t)draw_between(draw, 16, 400);
    if (!swarm->scarce) return;
    swarm->lua_scarce = draw_chance(draw, 200);
    if (swarm->lua_scarce) swarm->lua_memory = draw_between(draw, 200, 600) << 10;
    if (draw_chance(draw, 500)) config->blocks = (uint32_t)draw_between(draw, 12, 40) * workers;
    if (draw_chance(draw, 500))
        config->memory = (config->max_packet + draw_between(draw, 2000, 20000)) * workers;
    if (draw_chance(draw, 700)) config->max_connections = (uint32_t)draw_between(draw, 2, 8);
    if (draw_chance(draw, 500))
        swarm->landing_blocks = (uint32_t)draw_between(draw, 1, LANDING_MIN);
}

static void draw_veils(struct swarm *swarm, struct draw *draw)
{
    struct config *config = &swarm->config;
    veil_source_init(&swarm->veil, random_next(&draw->state));
    config->opening_timeout_ns = draw_between(draw, 2, 20) * SECOND / 2;
    if (draw_chance(draw, 400)) config->handshakes_at_once = (uint32_t)draw_between(draw, 1, 3);
    swarm->no_large = draw_chance(draw, 300);
    if (draw_chance(draw, 500)) return;
    for (uint32_t i = 0; i < config->listener_count; i++)
        if (draw_chance(draw, 700)) config->listeners[i].filter = &swarm->veil.source;
}

void swarm_draw(struct swarm *swarm, struct draw *draw)
{
    *swarm = (struct swarm){.scarce = draw_chance(draw, 400)};
    draw_faults(&swarm->faults, draw);
    draw_config(swarm, draw);
    tighten(swarm, draw);
    bool many = draw_chance(draw, 300);
    swarm->peers = (uint32_t)(many ? draw_between(draw, 8, 24) : draw_size(draw, 16));
    swarm->requests = (uint32_t)(many ? draw_between(draw, 4, 30) : draw_size(draw, 60));
    swarm->arrival_ns = draw_chance(draw, 300) ? 0 : draw_size(draw, 4000) * MILLISECOND;
    swarm->fail_at = draw_chance(draw, 50) ? draw_size(draw, 600) : 0;
    swarm->waits_at_start = draw_chance(draw, 300);
    swarm->faults.long_turn = rate(draw, 8);
    if (draw_chance(draw, 200))
        swarm->config.wait_timeout_ns = draw_between(draw, 1, 10) * SECOND / 4;
    if (draw_chance(draw, 300)) swarm->config.on_end = ON_END_CLOSE;
    draw_veils(swarm, draw);
    swarm->faults.listener = rate(draw, 30);
    swarm->keeps = draw_chance(draw, 200);
}
