#include "config.h"

#include "base/settings.h"
#include "base/text.h"
#include "link/table.h"
#include "server/config_internal.h"
#include "stream/reorder.h"

#define SECOND UINT64_C(1000000000)
#define TEN_YEARS (UINT64_C(10) * 365 * 24 * 3600 * SECOND) /* as settings_seconds has it */

#define PACKET_MOST G /* a WSABUF's length has 32 bits */

enum { CONNECTIONS_MAX = 1000000 };
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
    VALUE_ADMIN,   /* an address, or a truth: then with has_admin */
};

static const char *const on_full_words[] = {
    [ON_FULL_CLOSE] = "close", [ON_FULL_REFUSE] = "refuse", NULL};
static const char *const on_end_words[] = {
    [ON_END_FINISH] = "finish", [ON_END_CLOSE] = "close", NULL};
static const char *const backend_words[] = {[PORT_AUTO] = "auto",
                                            [PORT_URING] = "uring",
                                            [PORT_EPOLL] = "epoll",
                                            [PORT_IOCP] = "iocp",
                                            NULL};
static const char *const truth_words[] = {"false", "true", NULL};
static const char *const reload_words[] = {
    [RELOAD_WATCH] = "watch", [RELOAD_SIGNAL] = "signal", NULL};
static const char *const log_words[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL};

#define FIELD(member) \
    .offset = offsetof(struct config, member), .field_size = sizeof((struct config *)0)->member

/* clang-format off */
static const struct config_name settings[] = {
    {"framing", "SPEC", "length,size=2,order=big",
     "how packets are cut: length, line, fixed or raw, with parameters",
     VALUE_FRAMING, FIELD(frame), .usual = "length,size=4,order=little"},
    {"max_packet", "SIZE", "16M", "the largest packet, both ways",
     VALUE_SIZE, FIELD(max_packet), .min = 1, .max = PACKET_MOST},
    {"workers", "N", "4", "threads that run the script; 0: one per processor",
     VALUE_COUNT, FIELD(workers), .max = CONFIG_WORKERS_MAX, .usual = "0"},
    {"max_connections", "N", "3000", "further connections are refused",
     VALUE_COUNT, FIELD(max_connections), .min = 1, .max = CONNECTIONS_MAX},
    {"blocks", "N", "10000", "I/O blocks allocated at start",
     VALUE_COUNT, FIELD(blocks), .min = CONFIG_BLOCKS_RESERVED,
     .max = (uint64_t)BLOCK_COUNT_MAX * CONFIG_WORKERS_MAX},
    {"block_size", "SIZE", "2048", "data bytes of a block",
     VALUE_SIZE, FIELD(block_size), .min = 64, .max = 64 * K},
    {"recv_depth", "N", "4", "receives posted at once per connection: 1, 2, 4, 8 or 16",
     VALUE_POWER, FIELD(recv_depth), .min = 1, .max = REORDER_WINDOW_MAX},
    {"memory", "SIZE", "512M", "for large packets and long queues, beyond the blocks; 0: chosen",
     VALUE_SIZE, FIELD(memory), .max = 1024 * G, .live = true},
    {"idle_timeout", "SECONDS", "60", "a connection that sends nothing for so long is closed; 0: never",
     VALUE_SECONDS, FIELD(idle_timeout_ns), .max = TEN_YEARS, .live = true},
    {"drain_timeout", "SECONDS", "10", "time to send what is queued, at a close and at the end",
     VALUE_SECONDS, FIELD(drain_timeout_ns), .max = TEN_YEARS, .live = true},
    {"wait_timeout", "SECONDS", "0", "a handler that waits for so long ends its connection; 0: never",
     VALUE_SECONDS, FIELD(wait_timeout_ns), .max = TEN_YEARS, .live = true},
    {"soft_mark", "SIZE", "64K", "with more bytes queued, reading from a connection pauses",
     VALUE_SIZE, FIELD(soft_mark), .min = 1, .max = 1024 * G, .live = true},
    {"hard_mark", "SIZE", "32M", "with more bytes queued, a send is refused; 0: chosen",
     VALUE_SIZE, FIELD(hard_mark), .max = 1024 * G, .live = true},
    {"on_full", "close|refuse", "close", "what a send beyond the hard mark does to its connection",
     VALUE_WORD, FIELD(on_full), .max = ON_FULL_REFUSE, .words = on_full_words},
    {"on_end", "finish|close", "finish", "a handler that waits when its peer ends may finish, or is ended",
     VALUE_WORD, FIELD(on_end), .max = ON_END_CLOSE, .words = on_end_words, .live = true},
    {"handler_timeout", "SECONDS", "1", "a handler that runs for longer is interrupted; 0: never",
     VALUE_SECONDS, FIELD(handler_timeout_ns), .max = TEN_YEARS, .live = true},
    {"lua_memory", "SIZE", "256M", "memory of each worker's Lua; a handler that needs more fails",
     VALUE_SIZE, FIELD(lua_memory), .min = 4 * M, .max = 1024 * G, .live = true},
    {"shared_memory", "SIZE", "64M", "memory for server.shared",
     VALUE_SIZE, FIELD(shared_memory), .min = 64 * K, .max = 1024 * G},
    {"sandbox", "true|false", "false", "true: scripts have no os.execute, io, debug, C modules",
     VALUE_WORD, FIELD(sandbox), .max = 1, .words = truth_words},
    {"reload", "watch|signal", "watch", "when scripts are loaded again: as they change, or on HUP",
     VALUE_WORD, FIELD(reload), .max = RELOAD_SIGNAL, .words = reload_words},
    {"admin", "ADDRESS", CONFIG_ADMIN, "address for moonport reload and rollback; or false",
     VALUE_ADMIN, FIELD(admin)},
    {"backend", "auto|uring|epoll|iocp", "auto", "the I/O interface of the system",
     VALUE_WORD, FIELD(backend), .max = PORT_IOCP, .words = backend_words},
    {"log", "error|warn|info|debug", "info", "the lowest level to log",
     VALUE_WORD, FIELD(log), .max = LOG_DEBUG, .words = log_words, .live = true},
};
/* clang-format on */
enum { SETTINGS = sizeof settings / sizeof *settings };
static_assert((int)SETTINGS <= (int)CONFIG_NAMES_MAX, "whoever lists their names has room");

/* Without a host it is this machine only: commands are not for everybody who can reach it. */
static bool read_address(const char *text, struct address *address, struct error *error)
{
    static const uint8_t loopback[] = {127, 0, 0, 1};
    bool has_host = strchr(text, ':') != NULL && text[0] != ':';
    if (!address_parse(text, address, error)) return false;
    if (!has_host) memcpy(address->ip, loopback, sizeof loopback);
    return true;
}

void config_init(struct config *config)
{
    struct error error;
    *config = (struct config){
        .frame = frame_default(0),
        .max_packet = 16 * M,
        .max_connections = 3000,
        .blocks = 10000,
        .block_size = 2048,
        .recv_depth = 4,
        .idle_timeout_ns = 60 * SECOND,
        .opening_timeout_ns = 10 * SECOND,
        .drain_timeout_ns = 10 * SECOND,
        .soft_mark = 64 * K,
        .on_full = ON_FULL_CLOSE,
        .backend = PORT_AUTO,
        .log = LOG_INFO,
        .handler_timeout_ns = SECOND,
        .lua_memory = 256 * M,
        .shared_memory = 64 * M,
        .reload = RELOAD_WATCH,
        .has_admin = true,
    };
    check(read_address(CONFIG_ADMIN, &config->admin, &error));
}

const struct config_name *config_names(size_t *count)
{
    *count = SETTINGS;
    return settings;
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

static const char *nearest_word(const char *const *words, const char *given)
{
    size_t count = 0;
    while (words[count] != NULL) count++;
    return settings_nearest(given, words, count);
}

static bool refuse(const struct config_name *setting, const char *given, struct error *error)
{
    char expected[160];
    struct size_text min = size_text(setting->min), max = size_text(setting->max);
    switch ((enum value_kind)setting->kind) {
    case VALUE_SIZE:
        snprintf(expected, sizeof expected, "a size from %s to %s", min.text, max.text);
        break;
    case VALUE_SECONDS:
        snprintf(expected, sizeof expected, "seconds from 0 to %d (ten years)%s",
                 (int)(TEN_YEARS / SECOND),
                 strchr(given, ',') != NULL ? ", a fraction behind a point" : "");
        break;
    case VALUE_COUNT:
        snprintf(expected, sizeof expected, "a whole number from %" PRIu64 " to %" PRIu64,
                 setting->min, setting->max);
        break;
    case VALUE_POWER:
        snprintf(expected, sizeof expected, "a power of two from %" PRIu64 " to %" PRIu64,
                 setting->min, setting->max);
        break;
    case VALUE_WORD: snprintf(expected, sizeof expected, "one of %s", setting->value); break;
    case VALUE_FRAMING:
    case VALUE_ADMIN: check(false);
    }
    const char *meant = setting->kind == VALUE_WORD ? nearest_word(setting->words, given) : NULL;
    return error_set(error, ERROR_INPUT, "%s = \"%.200s\": expected %s, for example %s",
                     setting->name, given, expected, meant != NULL ? meant : setting->example);
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
    case VALUE_FRAMING:
    case VALUE_ADMIN: check(false);
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

static bool read_admin(struct config *config, const char *text, struct error *error)
{
    struct error reason;
    struct address parsed = config->admin;
    bool wanted = true;
    if (settings_truth(text, &wanted))
        check(read_address(CONFIG_ADMIN, &parsed, &reason));
    else if (!read_address(text, &parsed, &reason))
        return error_set(
            error, ERROR_INPUT,
            "admin = \"%.200s\": expected an address, true or false, for example " CONFIG_ADMIN
            " (%.1500s)",
            text, reason.text);
    config->admin = parsed;
    config->has_admin = wanted;
    return config->admin_given = true;
}

static bool refuse_name(const char *name, struct error *error)
{
    const char *names[SETTINGS + 1] = {"listen"}; /* known too: to whoever called config_set */
    for (size_t i = 0; i < SETTINGS; i++) names[i + 1] = settings[i].name;
    const char *nearest = settings_nearest(name, names, SETTINGS + 1);
    if (nearest != NULL)
        return error_set(error, ERROR_INPUT, "unknown setting \"%.200s\": did you mean \"%s\"?",
                         name, nearest);

    char place[sizeof error->text];
    struct text all = text_in(place, sizeof place);
    for (size_t i = 0; i <= SETTINGS; i++) text_add(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    return error_set(error, ERROR_INPUT, "unknown setting \"%.200s\": there are %.1800s", name,
                     all.bytes);
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
    if (setting->kind == VALUE_ADMIN) return read_admin(config, value, error);
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

/* Octal, as chmod takes it: "0660", "660". */
static bool read_mode(struct address *address, const char *text, struct error *error)
{
    enum { MODE_MAX = 0777 };
    unsigned mode = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '7' && mode <= MODE_MAX; digit++)
        mode = mode * 8 + (unsigned)(*digit - '0');
    if (*digit != '\0' || mode == 0 || mode > MODE_MAX)
        return error_set(error, ERROR_INPUT,
                         "mode = \"%.200s\" of a listener: expected who may connect to a unix "
                         "socket, in octal from 0001 to 0777, for example \"0660\"",
                         text);
    if (address->family != ADDRESS_UNIX)
        return error_set(error, ERROR_INPUT,
                         "mode = \"%.200s\" of a listener: only a unix socket has one", text);
    address->mode = (uint16_t)mode;
    return true;
}

bool config_listener_set(struct config_listener *listener, const char *name, const char *value,
                         struct error *error)
{
    static const char *const names[] = {"address", "framing", "on_full", "mode"};
    uint64_t read;
    if (strcmp(name, "mode") == 0) return read_mode(&listener->address, value, error);
    if (strcmp(name, "framing") == 0) {
        if (!read_framing(&listener->frame, value, error)) return false;
        return listener->has_framing = true;
    }
    if (strcmp(name, "on_full") == 0) {
        const struct config_name *setting = find(name);
        check(setting != NULL);
        if (!read_value(setting, value, &read)) return refuse(setting, value, error);
        listener->on_full = (uint8_t)read;
        return listener->has_on_full = true;
    }
    const char *nearest = settings_nearest(name, names, sizeof names / sizeof *names);
    if (nearest != NULL)
        return error_set(error, ERROR_INPUT,
                         "unknown setting \"%.200s\" of a listener: did you mean \"%s\"?", name,
                         nearest);
    return error_set(error, ERROR_INPUT,
                     "unknown setting \"%.200s\" of a listener: there are address, framing, "
                     "on_full and mode",
                     name);
}

bool config_check_ranges(const struct config *config, struct error *error)
{
    for (size_t i = 0; i < SETTINGS; i++) {
        if (settings[i].kind == VALUE_FRAMING || settings[i].kind == VALUE_ADMIN) continue;
        uint64_t value = load(config, &settings[i]);
        if (allows(&settings[i], value)) continue;
        char given[24];
        snprintf(given, sizeof given, "%" PRIu64, value);
        return refuse(&settings[i], given, error);
    }
    return true;
}
