#ifdef _WIN32
#include <windows.h>
#else
#include <unistd.h>
#endif

#include "config.h"
#include "reorder.h"
#include "settings.h"
#include "table.h"

#include <inttypes.h>

#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)
#define SECOND UINT64_C(1000000000)
#define TEN_YEARS (10 * 365 * 24 * 3600 * SECOND) /* as settings_seconds has it */

#define PACKET_MOST G /* a WSABUF's length has 32 bits */
#define MEMORY_USUAL (512 * M)
#define MEMORY_ROOM (64 * K)
#define HARD_MARK_USUAL (4 * M)

/* A worker with fewer blocks than this could not even answer in turns. */
enum { BLOCKS_RESERVED = 16, CONNECTIONS_MAX = 1000000 };
static_assert((int)CONNECTIONS_MAX <= (int)TABLE_SLOTS_MAX, "one worker may have them all");
static_assert((int)CONFIG_WORKERS_MAX <= (int)TABLE_WORKERS_MAX,
              "every worker has a number in the ids");

enum value_kind {
    VALUE_SIZE,    /* bytes */
    VALUE_SECONDS, /* held in nanoseconds */
    VALUE_COUNT,
    VALUE_POWER,   /* a count that is a power of two */
    VALUE_WORD,    /* an enum */
    VALUE_FRAMING, /* a struct frame */
};

static const char *const on_full_words[] = {
    [ON_FULL_CLOSE] = "close", [ON_FULL_REFUSE] = "refuse", NULL};
static const char *const backend_words[] = {[PORT_AUTO] = "auto",
                                            [PORT_URING] = "uring",
                                            [PORT_EPOLL] = "epoll",
                                            [PORT_IOCP] = "iocp",
                                            NULL};
static const char *const log_words[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL};

#define FIELD(member) \
    .offset = offsetof(struct config, member), .field_size = sizeof((struct config *)0)->member

/* clang-format off */
static const struct config_name settings[] = {
    {"framing", "SPEC", "length,size=2,order=big",
     "how packets are cut: length, line, fixed or raw, with parameters",
     VALUE_FRAMING, FIELD(frame)},
    {"max_packet", "SIZE", "16M", "the largest packet, both ways",
     VALUE_SIZE, FIELD(max_packet), .min = 1, .max = PACKET_MOST},
    {"workers", "N", "4", "threads that run the script; 0: one per processor",
     VALUE_COUNT, FIELD(workers), .max = CONFIG_WORKERS_MAX},
    {"max_connections", "N", "3000", "more are refused",
     VALUE_COUNT, FIELD(max_connections), .min = 1, .max = CONNECTIONS_MAX},
    {"blocks", "N", "10000", "I/O blocks allocated at start",
     VALUE_COUNT, FIELD(blocks), .min = BLOCKS_RESERVED,
     .max = (uint64_t)BLOCK_COUNT_MAX * CONFIG_WORKERS_MAX},
    {"block_size", "SIZE", "2048", "data bytes of a block",
     VALUE_SIZE, FIELD(block_size), .min = 64, .max = 64 * K},
    {"recv_depth", "N", "4", "receives posted at once per connection: 1, 2, 4, 8 or 16",
     VALUE_POWER, FIELD(recv_depth), .min = 1, .max = REORDER_WINDOW_MAX},
    {"memory", "SIZE", "512M", "for large packets and long queues, beyond the blocks; 0: chosen",
     VALUE_SIZE, FIELD(memory), .max = 1024 * G},
    {"idle_timeout", "SECONDS", "60", "a connection that sent nothing for so long is idle; 0: never",
     VALUE_SECONDS, FIELD(idle_timeout_ns), .max = TEN_YEARS},
    {"drain_timeout", "SECONDS", "10", "to send what is queued at a close and at the end",
     VALUE_SECONDS, FIELD(drain_timeout_ns), .max = TEN_YEARS},
    {"soft_mark", "SIZE", "64K", "queued bytes above which a connection is not received from",
     VALUE_SIZE, FIELD(soft_mark), .min = 1, .max = 1024 * G},
    {"hard_mark", "SIZE", "32M", "queued bytes above which a send is refused; 0: chosen",
     VALUE_SIZE, FIELD(hard_mark), .max = 1024 * G},
    {"on_full", "close|refuse", "close", "what a send beyond the hard mark does to its connection",
     VALUE_WORD, FIELD(on_full), .max = ON_FULL_REFUSE, .words = on_full_words},
    {"backend", "auto|uring|epoll|iocp", "auto", "the system's interface to use",
     VALUE_WORD, FIELD(backend), .max = PORT_IOCP, .words = backend_words},
    {"log", "error|warn|info|debug", "info", "the least important lines to write",
     VALUE_WORD, FIELD(log), .max = LOG_DEBUG, .words = log_words},
};
/* clang-format on */
enum { SETTINGS = sizeof settings / sizeof *settings };

void config_init(struct config *config)
{
    *config = (struct config){
        .frame = frame_default(0),
        .max_packet = 16 * M,
        .max_connections = 3000,
        .blocks = 10000,
        .block_size = 2048,
        .recv_depth = 4,
        .idle_timeout_ns = 60 * SECOND,
        .drain_timeout_ns = 10 * SECOND,
        .soft_mark = 64 * K,
        .on_full = ON_FULL_CLOSE,
        .backend = PORT_AUTO,
        .log = LOG_INFO,
    };
}

const struct config_name *config_names(size_t *count)
{
    *count = SETTINGS;
    return settings;
}

/* A size as a person would type it. */
struct size_text {
    char text[24];
};

static struct size_text size_text(uint64_t bytes)
{
    static const char *const units[] = {"", "K", "M", "G"};
    struct size_text size;
    int unit = 0;
    for (; unit < 3 && bytes > 0 && bytes % K == 0; unit++) bytes /= K;
    snprintf(size.text, sizeof size.text, "%" PRIu64 "%s", bytes, units[unit]);
    return size;
}

static uint64_t load(const struct config *config, const struct config_name *setting)
{
    const void *field = (const char *)config + setting->offset;
    switch (setting->field_size) {
    case 1: return *(const uint8_t *)field;
    case 4: return *(const uint32_t *)field;
    }
    check(setting->field_size == 8);
    return *(const uint64_t *)field;
}

static void store(struct config *config, const struct config_name *setting, uint64_t value)
{
    void *field = (char *)config + setting->offset;
    switch (setting->field_size) {
    case 1: *(uint8_t *)field = (uint8_t)value; return;
    case 4: *(uint32_t *)field = (uint32_t)value; return;
    }
    check(setting->field_size == 8);
    *(uint64_t *)field = value;
}

/* What the setting's kind and its bounds allow. */
static bool allows(const struct config_name *setting, uint64_t value)
{
    if (setting->kind == VALUE_POWER && (value & (value - 1)) != 0) return false;
    return value >= setting->min && value <= setting->max;
}

static bool refuse(const struct config_name *setting, const char *given, struct error *error)
{
    char expected[160];
    struct size_text min = size_text(setting->min), max = size_text(setting->max);
    switch ((enum value_kind)setting->kind) {
    case VALUE_SIZE:
        snprintf(expected, sizeof expected, "a size from %s to %s", min.text, max.text);
        break;
    case VALUE_SECONDS: snprintf(expected, sizeof expected, "seconds, at most ten years"); break;
    case VALUE_COUNT:
        snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64,
                 setting->min, setting->max);
        break;
    case VALUE_POWER:
        snprintf(expected, sizeof expected, "a power of two from %" PRIu64 " to %" PRIu64,
                 setting->min, setting->max);
        break;
    case VALUE_WORD: snprintf(expected, sizeof expected, "one of %s", setting->value); break;
    case VALUE_FRAMING: check(false);
    }
    return error_set(error, ERROR_INPUT, "%s = \"%.200s\": expected %s, for example %s",
                     setting->name, given, expected, setting->example);
}

static bool read_word(const char *const *words, const char *text, uint64_t *value)
{
    for (*value = 0; words[*value] != NULL; ++*value) {
        if (strcmp(words[*value], text) == 0) return true;
    }
    return false;
}

static bool read_value(const struct config_name *setting, const char *text, uint64_t *value)
{
    int64_t count;
    bool known = false;
    switch ((enum value_kind)setting->kind) {
    case VALUE_SIZE: known = settings_size(text, value); break;
    case VALUE_SECONDS: known = settings_seconds(text, value); break;
    case VALUE_COUNT:
    case VALUE_POWER:
        known = settings_integer(text, &count) && count >= 0;
        if (known) *value = (uint64_t)count;
        break;
    case VALUE_WORD: known = read_word(setting->words, text, value); break;
    case VALUE_FRAMING: check(false);
    }
    return known && allows(setting, *value);
}

/* Against the largest max_packet there can be; config_finish does it again with the right one. */
static bool read_framing(struct frame *frame, const char *text, struct error *error)
{
    struct error reason;
    struct frame parsed;
    if (!frame_parse(&parsed, text, PACKET_MOST, &reason))
        return error_set(error, ERROR_INPUT, "framing = \"%.200s\": %.1500s", text, reason.text);
    *frame = parsed;
    return true;
}

static bool refuse_name(const char *name, struct error *error)
{
    const char *names[SETTINGS + 1] = {"listen"}; /* known too: to whoever called config_set */
    for (size_t i = 0; i < SETTINGS; i++) names[i + 1] = settings[i].name;
    const char *nearest = settings_nearest(name, names, SETTINGS + 1);
    if (nearest != NULL)
        return error_set(error, ERROR_INPUT, "unknown setting \"%.200s\": did you mean \"%s\"?",
                         name, nearest);

    char all[512];
    size_t size = 0;
    for (size_t i = 0; i <= SETTINGS; i++)
        size +=
            (size_t)snprintf(all + size, sizeof all - size, "%s%s", i > 0 ? ", " : "", names[i]);
    return error_set(error, ERROR_INPUT, "unknown setting \"%.200s\": there are %s", name, all);
}

static const struct config_name *find(const char *name)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (strcmp(settings[i].name, name) == 0) return &settings[i];
    }
    return NULL;
}

bool config_set(struct config *config, const char *name, const char *value, struct error *error)
{
    uint64_t read;
    const struct config_name *setting = find(name);
    if (setting == NULL) return refuse_name(name, error);
    if (setting->kind == VALUE_FRAMING) return read_framing(&config->frame, value, error);
    if (!read_value(setting, value, &read)) return refuse(setting, value, error);
    store(config, setting, read);
    return true;
}

struct config_listener *config_add_listener(struct config *config, const char *address,
                                            struct error *error)
{
    struct address parsed;
    if (!address_parse(address, &parsed, error)) return NULL;
    if (config->listener_count == CONFIG_LISTENERS_MAX) {
        error_set(error, ERROR_INPUT, "listen = \"%.200s\": there can be at most %d listeners",
                  address, CONFIG_LISTENERS_MAX);
        return NULL;
    }
    struct config_listener *listener = &config->listeners[config->listener_count++];
    *listener = (struct config_listener){.address = parsed, .frame = frame_default(0)};
    return listener;
}

bool config_listener_set(struct config_listener *listener, const char *name, const char *value,
                         struct error *error)
{
    static const char *const names[] = {"address", "framing", "on_full"};
    uint64_t read;
    if (strcmp(name, "framing") == 0) {
        if (!read_framing(&listener->frame, value, error)) return false;
        return listener->has_framing = true;
    }
    if (strcmp(name, "on_full") == 0) {
        if (!read_value(find(name), value, &read)) return refuse(find(name), value, error);
        listener->on_full = (uint8_t)read;
        return listener->has_on_full = true;
    }
    const char *nearest = settings_nearest(name, names, sizeof names / sizeof *names);
    if (nearest != NULL)
        return error_set(error, ERROR_INPUT,
                         "unknown setting \"%.200s\" of a listener: did you mean \"%s\"?", name,
                         nearest);
    return error_set(error, ERROR_INPUT,
                     "unknown setting \"%.200s\" of a listener: there are address, framing and "
                     "on_full",
                     name);
}

static uint32_t processors(void)
{
#ifdef _WIN32
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    uint64_t count = system.dwNumberOfProcessors;
#else
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    uint64_t count = online < 1 ? 1 : (uint64_t)online;
#endif
    return count < CONFIG_WORKERS_MAX ? (uint32_t)count : CONFIG_WORKERS_MAX;
}

/* A program that fills in the fields itself has not been through config_set. */
static bool check_ranges(const struct config *config, struct error *error)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].kind == VALUE_FRAMING) continue;
        uint64_t value = load(config, &settings[i]);
        if (allows(&settings[i], value)) continue;
        char given[24];
        snprintf(given, sizeof given, "%" PRIu64, value);
        return refuse(&settings[i], given, error);
    }
    return true;
}

static uint64_t share_needed(const struct config *config)
{
    uint64_t bytes = config->max_packet; /* one packet being gathered */
    bytes += config->max_packet;         /* one waiting to be sent */
    bytes += MEMORY_ROOM;                /* their headers, and all that is small */
    return bytes;
}

static uint64_t larger(uint64_t one, uint64_t other)
{
    return one > other ? one : other;
}

static bool fill_in(struct config *config, struct error *error)
{
    if (config->workers == 0) config->workers = processors();
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
                         "set hard_mark to at least %s, or to 0 for twice max_packet",
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
    if (share < BLOCKS_RESERVED)
        return error_set(error, ERROR_INPUT,
                         "blocks = %" PRIu32 " is %" PRIu32 " for each of %" PRIu32
                         " workers, who need at least %d: set blocks to at least %" PRIu32
                         ", or workers to at most %" PRIu32,
                         config->blocks, share, config->workers, BLOCKS_RESERVED,
                         BLOCKS_RESERVED * config->workers, config->blocks / BLOCKS_RESERVED);
    if (share > BLOCK_COUNT_MAX)
        return error_set(error, ERROR_INPUT,
                         "blocks = %" PRIu32 " is %" PRIu32 " for each of %" PRIu32
                         " workers, who can use at most %d: set blocks to at most %" PRIu32
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
        "memory = %s is %s for each of %" PRIu32 " workers, who need twice "
        "max_packet = %s and %s to gather one packet while another is sent: set memory "
        "to at least %s, or to 0 for as much as it takes, or lower max_packet or workers",
        size_text(config->memory).text, size_text(share).text, config->workers,
        size_text(config->max_packet).text, size_text(MEMORY_ROOM).text,
        size_text((needed + M - 1) / M * M).text);
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
        if (!listener->has_on_full) listener->on_full = config->on_full;
        if (!listener->has_framing) {
            listener->frame = config->frame;
            continue;
        }
        listener->frame.packet_max = config->max_packet;
        if (!frame_finish(&listener->frame, &reason))
            return error_set(error, ERROR_INPUT, "framing of the listener %s: %.1500s",
                             address_format(&listener->address, address), reason.text);
    }
    return true;
}

bool config_finish(struct config *config, struct error *error)
{
    return check_ranges(config, error) && fill_in(config, error) && check_marks(config, error) &&
           check_blocks(config, error) && check_memory(config, error) &&
           finish_frames(config, error);
}

/* New connections go to the worker with the fewest: none ever has more than this. */
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

uint64_t config_blocks_wanted(const struct config *config)
{
    uint64_t links = config_links_per_worker(config), count = 0;
    count += links; /* a packet being gathered on each */
    count += links; /* an outbox that fills on each */
    if (config->backend == PORT_IOCP) count += links * config->recv_depth; /* posted receives */
    count += BLOCKS_RESERVED; /* what is between the two */
    return count * config->workers;
}
