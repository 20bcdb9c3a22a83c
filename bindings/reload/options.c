#include "reload/options.h"

#include "base/settings.h"

#include <ctype.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)
#define K (UINT64_C(1) << 10)
#define M (UINT64_C(1) << 20)
#define G (UINT64_C(1) << 30)

/* ---- admin: an address, or true or false ---- */

/* Without a host, listens on this machine only: not everybody who can reach the machine may give commands. */
static bool read_address(const char *text, struct address *address, struct error *error)
{
    static const uint8_t loopback[] = {127, 0, 0, 1};
    bool has_host = strchr(text, ':') != NULL && text[0] != ':';
    if (!address_parse(text, address, error)) return false;
    if (!has_host) memcpy(address->ip, loopback, sizeof loopback);
    return true;
}

static bool read_admin(const struct setting *setting, const char *text, void *field,
                       struct error *reason)
{
    struct options_admin *admin = field;
    struct address parsed = admin->address;
    bool is_on = true;
    const char *address = settings_truth(text, &is_on) ? setting->example : text;
    if (!read_address(address, &parsed, reason)) return false;
    *admin = (struct options_admin){.address = parsed, .is_on = is_on, .is_given = true};
    return true;
}

static void expect_admin(const struct setting *setting, const char *given, struct text *expected)
{
    (void)setting, (void)given;
    text_add(expected, "an address, true or false");
}

static bool same_admin(const struct setting *setting, const void *one, const void *other)
{
    const struct options_admin *before = one, *after = other;
    (void)setting;
    return before->is_on == after->is_on &&
           (!before->is_on || address_is_same(&before->address, &after->address));
}

static const struct setting_kind admin_kind = {
    .read = read_admin, .expect = expect_admin, .same = same_admin};

static bool read_admin_mode(const struct setting *setting, const char *text, void *field,
                            struct error *reason)
{
    uint64_t mode = 0;
    const char *digit = text;
    (void)reason;
    for (; *digit >= '0' && *digit <= '7' && mode <= setting->max; digit++)
        mode = mode * 8 + (unsigned)(*digit - '0');
    if (*digit != '\0' || mode < setting->min || mode > setting->max) return false;
    *(uint32_t *)field = (uint32_t)mode;
    return true;
}

static void expect_admin_mode(const struct setting *setting, const char *given,
                              struct text *expected)
{
    (void)setting, (void)given;
    text_add(expected, "who may connect to a unix socket, in octal from 0001 to 0777");
}

static bool same_admin_mode(const struct setting *setting, const void *one, const void *other)
{
    (void)setting;
    return *(const uint32_t *)one == *(const uint32_t *)other;
}

static const struct setting_kind mode_kind = {
    .read = read_admin_mode, .expect = expect_admin_mode, .same = same_admin_mode};

/* ---- short texts: the field is an array of characters ---- */

static bool read_text(const struct setting *setting, const char *text, void *field,
                      const char *others)
{
    size_t size = strlen(text);
    if (size < setting->min || size >= setting->field_size) return false;
    for (const char *next = text; *next != '\0'; next++)
        if (!isalnum((unsigned char)*next) && strchr(others, *next) == NULL) return false;
    memcpy(field, text, size + 1);
    return true;
}

static bool same_text(const struct setting *setting, const void *one, const void *other)
{
    (void)setting;
    return strcmp(one, other) == 0;
}

/* It has to pass in a cookie and in an address. */
static bool read_token(const struct setting *setting, const char *text, void *field,
                       struct error *reason)
{
    (void)reason;
    return read_text(setting, text, field, "-._~");
}

static void expect_token(const struct setting *setting, const char *given, struct text *expected)
{
    (void)given;
    text_add(expected, "%u to %zu letters, digits, - . _ or ~", (unsigned)setting->min,
             setting->field_size - 1);
}

static bool read_names(const struct setting *setting, const char *text, void *field,
                       struct error *reason)
{
    (void)reason;
    return read_text(setting, text, field, "-._, ");
}

static void expect_names(const struct setting *setting, const char *given, struct text *expected)
{
    (void)given;
    text_add(expected, "host names with commas between them, %zu characters at most",
             setting->field_size - 1);
}

static const struct setting_kind token_kind = {
    .read = read_token, .expect = expect_token, .same = same_text};
static const struct setting_kind names_kind = {
    .read = read_names, .expect = expect_names, .same = same_text};

/* ---- the rows ---- */

static const char *const reload_words[] = {
    [RELOAD_WATCH] = "watch", [RELOAD_SIGNAL] = "signal", NULL};
static const char *const on_error_words[] = {
    [ON_ERROR_CLOSE] = "close", [ON_ERROR_KEEP] = "keep", NULL};

#define FIELD(member) SETTING_FIELD(struct options, member)

/* clang-format off */
static const struct setting rows[] = {
    {"handler_timeout", "SECONDS", "1", "a handler that runs longer is interrupted; 0: never",
     &setting_seconds, FIELD(handler_timeout_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"on_error", "close|keep", "close", "what a handler that fails does to its connection",
     &setting_word, FIELD(on_error), .max = ON_ERROR_KEEP, .words = on_error_words, .live = true},
    {"slow_handler", "SECONDS", "0.1", "a handler that takes longer is logged; 0: none",
     &setting_seconds, FIELD(slow_handler_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"lua_memory", "SIZE", "256M", "memory of each worker's Lua; a handler that needs more fails",
     &setting_size, FIELD(lua_memory), .min = 4 * M, .max = 1024 * G, .live = true},
    {"shared_memory", "SIZE", "64M", "memory for server.shared",
     &setting_size, FIELD(shared_memory), .min = 64 * K, .max = 1024 * G},
    {"jobs", "N", "4", "threads that run what scripts ask for with server.job",
     &setting_count, FIELD(jobs), .min = 1, .max = 256, .live = true},
    {"job_queue", "N", "1000", "jobs that wait for a thread; those beyond are refused",
     &setting_count, FIELD(job_queue), .max = 1000000, .live = true},
    {"job_timeout", "SECONDS", "30", "a job that runs longer is interrupted; 0: never",
     &setting_seconds, FIELD(job_timeout_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"sandbox", "true|false", "false", "true: scripts have no os.execute, io, debug, C modules",
     &setting_word, FIELD(sandbox), .max = 1, .words = setting_truth_words},
    {"reload", "watch|signal", "watch", "when scripts are loaded again: as they change, or on HUP",
     &setting_word, FIELD(reload), .max = RELOAD_SIGNAL, .words = reload_words},
    {"probation", "SECONDS", "10", "new scripts that fail within this time are taken back; 0: never",
     &setting_seconds, FIELD(probation_ns), .max = SETTING_TEN_YEARS, .live = true},
    {"reload_tests", "true|false", "false", "true: a reload runs the tests first, which must pass",
     &setting_word, FIELD(reload_tests), .max = 1, .words = setting_truth_words, .live = true},
    {"admin", "ADDRESS", OPTIONS_ADMIN, "where it is watched and commanded, by HTTP; or false",
     &admin_kind, FIELD(admin)},
    {"admin_token", "TEXT", "8a4f0b2c9d6e1f3a", "what admin commands must present",
     &token_kind, FIELD(admin_token), .min = 16, .usual = "one is made at the start"},
    {"admin_names", "NAMES", "box.example", "names under which a browser may open the admin's page",
     &names_kind, FIELD(admin_names), .usual = "none: addresses and localhost"},
    {"admin_mode", "OCTAL", "0600", "who may connect to admin if it is a unix socket",
     &mode_kind, FIELD(admin_mode), .min = 1, .max = 0777},
};
/* clang-format on */

const struct settings options_settings = {
    .rows = rows, .count = sizeof rows / sizeof *rows, .base = &config_settings};
static_assert(offsetof(struct options, config) == 0, "as a table's base has it");

void options_init(struct options *options)
{
    struct error error;
    *options = (struct options){
        .handler_timeout_ns = SECOND,
        .slow_handler_ns = SECOND / 10,
        .lua_memory = 256 * M,
        .shared_memory = 64 * M,
        .jobs = 4,
        .job_queue = 1000,
        .job_timeout_ns = 30 * SECOND,
        .probation_ns = 10 * SECOND,
        .reload = RELOAD_WATCH,
        .admin = {.is_on = true},
        .admin_mode = 0600,
    };
    config_init(&options->config);
    check(read_address(OPTIONS_ADMIN, &options->admin.address, &error));
}

struct jobs_limits options_jobs(const struct options *options)
{
    return (struct jobs_limits){.threads = options->jobs,
                                .queue = options->job_queue,
                                .timeout_ns = options->job_timeout_ns};
}

bool options_finish(struct options *options, struct error *error)
{
    return settings_check(&options_settings, options, error) &&
           config_finish(&options->config, error);
}
