/* What has changed from one configuration to another, and what of it is taken over. */
#include "config_protocols_try.h"
#include "config_try.h"

struct told {
    int count;
    char names[256]; /* of what differs: "workers,listen," */
};

static void note(void *context, const struct setting *setting)
{
    struct told *told = context;
    size_t size = strlen(told->names);
    told->count++;
    snprintf(told->names + size, sizeof told->names - size, "%s,", setting->name);
}

static void expect_told(const struct config *before, const struct config *after, const char *names)
{
    struct told told = {.count = 0};
    settings_compare(&config_settings, before, after, note, &told);
    cr_assert_str_eq(told.names, names);
    told = (struct told){.count = 0};
    settings_compare(&config_settings, after, before, note, &told);
    cr_assert_str_eq(told.names, names, "the other way round");
}

static struct config_listener *listen_on(struct config *config, const char *address)
{
    struct error error;
    struct config_listener *listener = config_add_listener(config, address, &error);
    cr_assert_not_null(listener, "%s", error.text);
    return listener;
}

/* One that nothing was set in, but for one name. */
static struct config with(const char *name, const char *value)
{
    struct config config = fresh();
    listen_on(&config, "127.0.0.1:7000");
    set(&config, "workers", "2");
    set(&config, "framing", "line");
    if (name != NULL) set(&config, name, value);
    finish(&config);
    return config;
}

Test(config_compare, each_setting_that_differs_is_named_and_no_other)
{
    static const char *const changes[][2] = {
        {"workers", "3"},         {"max_connections", "17"},   {"blocks", "2000"},
        {"block_size", "4096"},   {"recv_depth", "8"},         {"memory", "600M"},
        {"idle_timeout", "7"},    {"drain_timeout", "7"},      {"soft_mark", "32K"},
        {"opening_timeout", "7"}, {"hard_mark", "40M"},        {"backend", "epoll"},
        {"log", "debug"},         {"handshakes_at_once", "7"},
    };
    const struct config before = with(NULL, NULL);
    expect_told(&before, &before, "");
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        const struct config after = with(changes[i][0], changes[i][1]);
        char wanted[64];
        snprintf(wanted, sizeof wanted, "%s,", changes[i][0]);
        expect_told(&before, &after, wanted);
    }
    const struct config framing = with("framing", "length"), full = with("on_full", "refuse");
    expect_told(&before, &framing, "listen,framing,");
    expect_told(&before, &full, "listen,on_full,");
}

Test(config_compare, listeners_differ_by_number_address_framing_and_policy)
{
    const struct config before = with(NULL, NULL);
    struct config after = fresh();
    listen_on(&after, "127.0.0.1:7000");
    listen_on(&after, "127.0.0.1:7010");
    set(&after, "workers", "2");
    set(&after, "framing", "line");
    finish(&after);
    expect_told(&before, &after, "listen,");

    after = before;
    after.listeners[0].address.port++;
    expect_told(&before, &after, "listen,");
    after = before;
    after.listeners[0].on_full = ON_FULL_REFUSE;
    expect_told(&before, &after, "listen,");
    after = before;
    after.listeners[0].frame.line.keep = true;
    expect_told(&before, &after, "listen,");
}

static struct config detecting(const char *detect)
{
    struct error error;
    struct config config = fresh();
    struct config_listener *listener = listen_on(&config, "127.0.0.1:7000");
    set(&config, "workers", "2");
    const char *name = strchr(detect, ';') == NULL ? "framing" : "detect";
    cr_assert(config_listener_set(listener, name, detect, &error), "%s", error.text);
    finish(&config);
    return config;
}

Test(config_compare, listeners_differ_by_what_they_detect)
{
    static const char *const others[] = {"websocket", "websocket;raw", "websocket;line,strip=false",
                                         "websocket,ping=7;line"};
    const struct config before = detecting("websocket;line"), again = detecting("websocket;line");
    expect_told(&before, &again, "");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct config after = detecting(others[i]);
        expect_told(&before, &after, "listen,");
    }
}

static struct config speaking(const char *alpn)
{
    struct config config = fresh();
    struct config_listener *listener = listen_on(&config, "127.0.0.1:7000");
    set(&config, "workers", "2");
    if (alpn != NULL) set_protocols(listener, alpn);
    finish(&config);
    return config;
}

Test(config_compare, listeners_differ_by_the_framings_of_protocols)
{
    static const char *const others[] = {NULL, "a=line", "a=line;b=line", "a=line;c=raw"};
    const struct config before = speaking("a=line;b=raw"), again = speaking("b=raw;a=line");
    expect_told(&before, &again, "");
    for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
        const struct config after = speaking(others[i]);
        expect_told(&before, &after, "listen,");
        expect_told(&after, &before, "listen,");
    }
}

Test(config_compare, what_takes_a_restart_is_not_taken_over)
{
    const struct setting *row;
    struct config config = with(NULL, NULL);
    const struct config before = config;
    struct config other = with("idle_timeout", "7");
    set(&other, "workers", "3");
    set(&other, "blocks", "2000");
    set(&other, "log", "debug");
    settings_take_live(&config_settings, &config, &other);
    cr_assert_eq(config.idle_timeout_ns, other.idle_timeout_ns);
    cr_assert_eq(config.log, other.log);
    cr_assert_eq(config.workers, before.workers);
    cr_assert_eq(config.blocks, before.blocks);
    for (size_t i = 0; (row = settings_row(&config_settings, i)) != NULL; i++) {
        const struct config *wanted = row->live ? &other : &before;
        cr_assert_eq(memcmp((const char *)&config + row->offset, (const char *)wanted + row->offset,
                            row->field_size),
                     0, "%s", row->name);
    }
}
