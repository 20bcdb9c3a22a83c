/* The last step of a configuration: fills in what was left open, and checks the whole. */
#include "config.h"

#include "base/processors.h"
#include "server/config_internal.h"

#define MEMORY_USUAL (512 * M)
#define MEMORY_ROOM (64 * K)
#define HARD_MARK_USUAL (4 * M)

static uint32_t usual_workers(void)
{
    uint32_t count = processors_count();
    return count < CONFIG_WORKERS_MAX ? count : CONFIG_WORKERS_MAX;
}

static uint64_t share_needed(const struct config *config)
{
    uint64_t bytes = config->max_packet; /* one packet being gathered */
    bytes += config->max_packet;         /* one waiting to be sent */
    bytes += MEMORY_ROOM;                /* headers and other small pieces */
    return bytes;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static bool fill_in(struct config *config, struct error *error)
{
    if (config->workers == 0) config->workers = usual_workers();
    if (config->memory == 0)
        config->memory = larger(MEMORY_USUAL, share_needed(config) * config->workers);
    if (config->hard_mark == 0) config->hard_mark = larger(HARD_MARK_USUAL, 2 * config->max_packet);
    if (config->listener_count > 0) return true;
    return config_add_listener(config, "0.0.0.0:7000", error) != NULL;
}

static bool check_marks(const struct config *config, struct error *error)
{
    uint64_t least = config->max_packet + FRAME_HEADER_MAX;
    if (config->hard_mark < least)
        return error_set(error, ERROR_INPUT,
                         "hard_mark = %s cannot hold one packet of max_packet = %s and its header: "
                         "set hard_mark to at least %s, or to 0 to have it chosen",
                         size_text(config->hard_mark).text, size_text(config->max_packet).text,
                         size_text(least).text);
    if (config->soft_mark > config->hard_mark)
        return error_set(error, ERROR_INPUT,
                         "soft_mark = %s is above hard_mark = %s: set soft_mark to at most %s",
                         size_text(config->soft_mark).text, size_text(config->hard_mark).text,
                         size_text(config->hard_mark).text);
    return true;
}

static bool check_blocks(const struct config *config, struct error *error)
{
    uint32_t share = config_blocks_per_worker(config);
    if (share < CONFIG_BLOCKS_RESERVED)
        return error_set(error, ERROR_INPUT,
                         "blocks = %" PRIu32 " is %" PRIu32 " for each of %" PRIu32
                         " workers, which need at least %d: set blocks to at least %" PRIu32
                         ", or workers to at most %" PRIu32,
                         config->blocks, share, config->workers, CONFIG_BLOCKS_RESERVED,
                         CONFIG_BLOCKS_RESERVED * config->workers,
                         config->blocks / CONFIG_BLOCKS_RESERVED);
    if (share > BLOCK_COUNT_MAX)
        return error_set(error, ERROR_INPUT,
                         "blocks = %" PRIu32 " is %" PRIu32 " for each of %" PRIu32
                         " workers, which can use at most %d: set blocks to at most %" PRIu32
                         ", or workers to at least %" PRIu32,
                         config->blocks, share, config->workers, BLOCK_COUNT_MAX,
                         BLOCK_COUNT_MAX * config->workers,
                         (config->blocks + BLOCK_COUNT_MAX - 1) / BLOCK_COUNT_MAX);
    return true;
}

static bool check_memory(const struct config *config, struct error *error)
{
    uint64_t share = config_memory_per_worker(config);
    uint64_t needed = share_needed(config) * config->workers;
    if (share >= share_needed(config)) return true;
    return error_set(
        error, ERROR_INPUT,
        "memory = %s is %s for each of %" PRIu32 " workers, which need twice "
        "max_packet = %s and %s to gather one packet while another is sent: set memory "
        "to at least %s, or to 0 for as much as it takes, or lower max_packet or workers",
        size_text(config->memory).text, size_text(share).text, config->workers,
        size_text(config->max_packet).text, size_text(MEMORY_ROOM).text,
        size_text((needed + M - 1) / M * M).text);
}

/* Without this, the second bind would fail and blame another program. */
static bool check_listeners(const struct config *config, struct error *error)
{
    char text[ADDRESS_TEXT_MAX];
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const struct address *address = &config->listeners[i].address;
        bool any_port = address->family != ADDRESS_UNIX && address->port == 0;
        for (uint32_t j = 0; j < i && !any_port; j++)
            if (address_is_same(address, &config->listeners[j].address))
                return error_set(error, ERROR_INPUT, "listen has %s twice: once is enough",
                                 address_format(address, text));
    }
    return true;
}

static bool finish_frames(struct config *config, struct error *error)
{
    struct error reason;
    config->frame.packet_max = config->max_packet;
    if (!frame_finish(&config->frame, &reason))
        return error_set(error, ERROR_INPUT, "framing: %.1500s", reason.text);

    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct config_listener *listener = &config->listeners[i];
        char address[ADDRESS_TEXT_MAX];
        config_listener_inherit(listener, config, &config_settings);
        if (!config_protocols_finish(listener, config->max_packet, &reason))
            return error_set(error, ERROR_INPUT, "alpn of the listener %s: %.1500s",
                             address_format(&listener->address, address), reason.text);
        if (!config_listener_owns(listener, "framing")) continue;
        listener->frame.packet_max = config->max_packet;
        if (!frame_finish(&listener->frame, &reason))
            return error_set(error, ERROR_INPUT, "framing of the listener %s: %.1500s",
                             address_format(&listener->address, address), reason.text);
        listener->other.packet_max = config->max_packet;
        if (listener->detects && !frame_finish(&listener->other, &reason))
            return error_set(error, ERROR_INPUT, "detect of the listener %s: %.1500s",
                             address_format(&listener->address, address), reason.text);
    }
    return true;
}

bool config_finish(struct config *config, struct error *error)
{
    return settings_check(&config_settings, config, error) && fill_in(config, error) &&
           check_marks(config, error) && check_blocks(config, error) &&
           check_memory(config, error) && check_listeners(config, error) &&
           finish_frames(config, error);
}

/* New connections go to the worker with the fewest, so no worker ever has more than this. */
uint32_t config_links_per_worker(const struct config *config)
{
    check(config->workers > 0);
    return (config->max_connections + config->workers - 1) / config->workers;
}

uint32_t config_blocks_per_worker(const struct config *config)
{
    check(config->workers > 0);
    return config->blocks / config->workers;
}

uint64_t config_memory_per_worker(const struct config *config)
{
    check(config->workers > 0);
    return config->memory / config->workers;
}

uint64_t config_blocks_most(const struct config *config)
{
    return (uint64_t)BLOCK_COUNT_MAX * config->workers;
}

uint64_t config_blocks_wanted(const struct config *config)
{
    uint64_t links = config_links_per_worker(config), count = 0;
    count += links;                  /* a packet being gathered on each */
    count += links;                  /* an outbox being filled on each */
    count += CONFIG_BLOCKS_RESERVED; /* blocks on their way from one to the other */
    return count * config->workers;
}
