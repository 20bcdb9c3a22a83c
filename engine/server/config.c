#include "config.h"

#include "link/table.h"
#include "server/config_internal.h"
#include "stream/reorder.h"

#define SECOND UINT64_C(1000000000)

enum { CONNECTIONS_MAX = 1000000 };
static_assert((int)CONNECTIONS_MAX <= (int)TABLE_SLOTS_MAX, "one worker may have them all");
static_assert((int)CONFIG_WORKERS_MAX <= (int)TABLE_WORKERS_MAX,
              "every worker has a number in the ids");

/* ---- listeners ---- */

/* Each `listen` adds a listener. The field is the whole struct config. */
static bool read_listen(const struct setting *setting, const char *text, void *field,
                        struct error *reason)
{
    (void)setting;
    return config_add_listener(field, text, reason) != NULL;
}

static bool same_listen(const struct setting *setting, const void *one, const void *other)
{
    const struct config *before = one, *after = other;
    (void)setting;
    if (before->listener_count != after->listener_count) return false;
    for (uint32_t i = 0; i < before->listener_count; i++)
        if (!config_listener_is_same(&before->listeners[i], &after->listeners[i])) return false;
    return true;
}

static const struct setting_kind listen_kind = {.read = read_listen, .same = same_listen};

/* ---- the rows ---- */

static const char *const on_end_words[] = {
    [ON_END_FINISH] = "finish", [ON_END_CLOSE] = "close", NULL};
static const char *const backend_words[] = {[PORT_AUTO] = "auto",
                                            [PORT_URING] = "uring",
                                            [PORT_EPOLL] = "epoll",
                                            [PORT_IOCP] = "iocp",
                                            NULL};
static const char *const log_words[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug", NULL};

#define FIELD(member) SETTING_FIELD(struct config, member)

/* clang-format off */
static const struct setting rows[] = {
    {"listen", "ADDRESS", "127.0.0.1:7000", "where to listen; may be given more than once",
     &listen_kind, .offset = 0, .usual = "0.0.0.0:7000"},
    {"framing", "SPEC", "length,size=2,order=big",
     "how packets are cut: length, line, delimiter, netstring, mqtt ..., with parameters",
     &config_framing_kind, FIELD(frame), .usual = "length,size=4,order=little"},
    {"max_packet", "SIZE", "16M", "the largest packet, both ways",
     &setting_size, FIELD(max_packet), .min = 1, .max = CONFIG_PACKET_MOST},
    {"workers", "N", "4", "threads that run the script; 0: one per processor",
     &setting_count, FIELD(workers), .max = CONFIG_WORKERS_MAX, .usual = "0"},
    {"max_connections", "N", "3000", "further connections are refused",
     &setting_count, FIELD(max_connections), .min = 1, .max = CONNECTIONS_MAX},
    {"blocks", "N", "10000", "I/O blocks allocated at start",
     &setting_count, FIELD(blocks), .min = CONFIG_BLOCKS_RESERVED,
     .max = (uint64_t)BLOCK_COUNT_MAX * CONFIG_WORKERS_MAX},
    {"block_size", "SIZE", "2048", "data bytes of a block",
     &setting_size, FIELD(block_size), .min = 64, .max = 64 * K},
    {"recv_depth", "N", "4", "receives posted at once per connection: 1, 2, 4, 8 or 16",
     &setting_power, FIELD(recv_depth), .min = 1, .max = REORDER_WINDOW_MAX},
    {"memory", "SIZE", "512M", "for large packets and long queues, beyond the blocks; 0: chosen",
     &setting_size, FIELD(memory), .max = 1024 * G, .live = true},
    {"idle_timeout", "SECONDS", "60", "a connection that sends nothing for this long is closed; 0: never",
     &setting_seconds, FIELD(idle_timeout_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"opening_timeout", "SECONDS", "10", "time for a peer's request, before on_connect",
     &setting_seconds, FIELD(opening_timeout_ns), .min = 1000000, .max = SETTING_TEN_YEARS, .live = true},
    {"handshakes_at_once", "N", "500", "handshakes of TLS that go on in one worker; others wait",
     &setting_count, FIELD(handshakes_at_once), .min = 1, .max = CONNECTIONS_MAX, .live = true},
    {"drain_timeout", "SECONDS", "10", "time to send what is queued, at a close and at the end",
     &setting_seconds, FIELD(drain_timeout_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"wait_timeout", "SECONDS", "0", "a handler that waits this long ends its connection; 0: never",
     &setting_seconds, FIELD(wait_timeout_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"soft_mark", "SIZE", "64K", "with more bytes queued, reading from a connection pauses",
     &setting_size, FIELD(soft_mark), .min = 1, .max = 1024 * G, .live = true},
    {"hard_mark", "SIZE", "32M", "with more bytes queued, a send is refused; 0: chosen",
     &setting_size, FIELD(hard_mark), .max = 1024 * G, .live = true},
    {"on_full", "close|refuse", "close", "what a send beyond the hard mark does to its connection",
     &setting_word, FIELD(on_full), .max = ON_FULL_REFUSE, .words = config_on_full_words},
    {"on_end", "finish|close", "finish", "a handler that waits when its peer ends may finish, or is stopped",
     &setting_word, FIELD(on_end), .max = ON_END_CLOSE, .words = on_end_words, .live = true},
    {"backend", "auto|uring|epoll|iocp", "auto", "the I/O interface of the system",
     &setting_word, FIELD(backend), .max = PORT_IOCP, .words = backend_words},
    {"log", "error|warn|info|debug", "info", "the lowest level to log",
     &setting_word, FIELD(log), .max = LOG_DEBUG, .words = log_words, .live = true},
};
/* clang-format on */

const struct settings config_settings = {.rows = rows, .count = sizeof rows / sizeof *rows};

bool config_set(struct config *config, const char *name, const char *value, struct error *error)
{
    return settings_set(&config_settings, config, name, value, error);
}

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
        .opening_timeout_ns = 10 * SECOND,
        .handshakes_at_once = 500,
        .drain_timeout_ns = 10 * SECOND,
        .soft_mark = 64 * K,
        .on_full = ON_FULL_CLOSE,
        .backend = PORT_AUTO,
        .log = LOG_INFO,
    };
}
