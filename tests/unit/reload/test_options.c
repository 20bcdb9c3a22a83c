/* Settings that the engine knows nothing of, in one table with its own. */
#include "reload/options.h"

#include <criterion/criterion.h>
#include <string.h>

static struct options fresh(void)
{
    struct options options;
    options_init(&options);
    return options;
}

static void set(struct options *options, const char *name, const char *value)
{
    struct error error = {0};
    cr_assert(settings_set(&options_settings, options, name, value, &error), "%s", error.text);
}

static void finish(struct options *options)
{
    struct error error = {0};
    cr_assert(options_finish(options, &error), "%s", error.text);
}

static void refused(const char *name, const char *value, const char *part)
{
    struct options options = fresh(), before;
    struct error error = {0};
    memcpy(&before, &options, sizeof options);
    cr_assert_not(settings_set(&options_settings, &options, name, value, &error), "%s", value);
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert_not_null(strstr(error.text, part), "\"%s\" should say: %s", error.text, part);
    cr_assert_eq(memcmp(&options, &before, sizeof options), 0, "%s has changed something", name);
}

Test(options, the_defaults_are_those_of_the_reference)
{
    char address[ADDRESS_TEXT_MAX];
    struct options options = fresh();
    finish(&options);
    cr_assert_eq(options.handler_timeout_ns, UINT64_C(1000000000));
    cr_assert_eq(options.slow_handler_ns, 100000000);
    cr_assert_eq(options.lua_memory, 256 << 20);
    cr_assert_eq(options.shared_memory, 64 << 20);
    cr_assert_eq(options.on_error, ON_ERROR_CLOSE);
    cr_assert_eq(options.probation_ns, UINT64_C(10000000000));
    cr_assert_eq(options.reload_tests, 0);
    cr_assert_eq(options.sandbox, 0);
    cr_assert_eq(options.reload, RELOAD_WATCH);
    cr_assert(options.admin.is_on);
    cr_assert_not(options.admin.is_given);
    cr_assert_str_eq(address_format(&options.admin.address, address), "127.0.0.1:7001");
    cr_assert_eq(options.config.max_connections, 3000);
}

Test(options, the_engines_come_first_and_each_has_an_example_that_is_accepted)
{
    const struct setting *row;
    size_t count = 0;
    for (; (row = settings_row(&options_settings, count)) != NULL; count++) {
        struct options options = fresh();
        const struct setting *of_engine = settings_row(&config_settings, count);
        cr_assert(of_engine == NULL || of_engine == row, "%s", row->name);
        cr_assert(strlen(row->help) > 0, "%s", row->name);
        cr_assert(strlen(row->value) > 0, "%s", row->name);
        set(&options, row->name, row->example);
        finish(&options);
    }
    cr_assert_eq(count, 36);
}

static void expect_refused(const char *name, const char *value)
{
    struct options options = fresh();
    struct error error;
    cr_assert_not(settings_set(&options_settings, &options, name, value, &error), "%s = %s", name,
                  value);
    cr_assert_not_null(strstr(error.text, name), "%s", error.text);
}

Test(options, the_admins_token_is_long_and_passes_in_a_cookie)
{
    struct options options = fresh();
    set(&options, "admin_token", "abcdefghijklmno._~-ABC0");
    cr_assert_str_eq(options.admin_token, "abcdefghijklmno._~-ABC0");
    set(&options, "admin_token",
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef");
    cr_assert_eq(strlen(options.admin_token), 64);
    expect_refused("admin_token", "0123456789abcde");
    expect_refused("admin_token",
                   "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0");
    expect_refused("admin_token", "0123456789abc;ef");
    expect_refused("admin_token", "0123456789abc ef");
    expect_refused("admin_token", "0123456789abc\"ef");
    expect_refused("admin_token", "");
}

Test(options, the_admins_names_and_mode)
{
    struct options options = fresh();
    cr_assert_eq(options.admin_mode, 0600);
    set(&options, "admin_names", "box.example, other-box");
    cr_assert_str_eq(options.admin_names, "box.example, other-box");
    set(&options, "admin_names", "");
    cr_assert_str_eq(options.admin_names, "");
    expect_refused("admin_names", "box.example/x");
    set(&options, "admin_mode", "660");
    cr_assert_eq(options.admin_mode, 0660);
    expect_refused("admin_mode", "0800");
    expect_refused("admin_mode", "0");
    expect_refused("admin_mode", "1777");
    expect_refused("admin_mode", "");
}

Test(options, each_reaches_its_field)
{
    struct options options = fresh();
    set(&options, "handler_timeout", "0.5");
    set(&options, "slow_handler", "0.25");
    set(&options, "lua_memory", "100M");
    set(&options, "shared_memory", "1G");
    set(&options, "on_error", "keep");
    set(&options, "sandbox", "true");
    set(&options, "reload", "signal");
    set(&options, "workers", "3");
    cr_assert_eq(options.handler_timeout_ns, 500000000);
    cr_assert_eq(options.slow_handler_ns, 250000000);
    cr_assert_eq(options.lua_memory, 100 << 20);
    cr_assert_eq(options.shared_memory, 1 << 30);
    cr_assert_eq(options.on_error, ON_ERROR_KEEP);
    cr_assert_eq(options.sandbox, 1);
    cr_assert_eq(options.reload, RELOAD_SIGNAL);
    cr_assert_eq(options.config.workers, 3);
}

Test(options, listen_adds_a_listener_each_time)
{
    struct options options = fresh();
    set(&options, "listen", "127.0.0.1:1");
    set(&options, "listen", "127.0.0.1:2");
    cr_assert_eq(options.config.listener_count, 2);
    cr_assert_eq(options.config.listeners[1].address.port, 2);
    refused("listen", "127.0.0.1:70000", "listen = \"127.0.0.1:70000\": ");
}

static void expect_admin(const char *value, const char *address)
{
    char text[ADDRESS_TEXT_MAX];
    struct options options = fresh();
    set(&options, "admin", "127.0.0.1:1");
    set(&options, "admin", value);
    finish(&options);
    cr_assert(options.admin.is_on, "%s", value);
    cr_assert(options.admin.is_given, "%s", value);
    address_format(&options.admin.address, text);
    cr_assert_str_eq(text, address, "%s is %s", value, text);
}

Test(options, admin_is_an_address_and_without_a_host_only_this_machines)
{
    expect_admin("127.0.0.1:7002", "127.0.0.1:7002");
    expect_admin("[::1]:7005", "[::1]:7005");
    expect_admin("unix:/run/admin.sock", "unix:/run/admin.sock");
    expect_admin("7002", "127.0.0.1:7002");
    expect_admin(":7002", "127.0.0.1:7002");
    expect_admin("*:7002", "0.0.0.0:7002");
    expect_admin("0.0.0.0:7002", "0.0.0.0:7002");
    expect_admin("true", "127.0.0.1:7001");
    expect_admin("on", "127.0.0.1:7001");
}

Test(options, admin_can_be_off)
{
    static const char *const words[] = {"false", "off", "no"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        struct options options = fresh();
        set(&options, "admin", words[i]);
        finish(&options);
        cr_assert_not(options.admin.is_on, "%s", words[i]);
        cr_assert(options.admin.is_given);
        set(&options, "admin", "7002");
        cr_assert(options.admin.is_on);
    }
}

Test(options, a_bad_value_or_name_is_refused)
{
    refused("admin", "nowhere", "admin = \"nowhere\": expected an address, true or false, for ");
    refused("admin", "", "for example 127.0.0.1:7001 (address \"\": it is empty");
    refused("lua_memory", "1M", "expected a size from 4M to 1024G, for example 256M");
    refused("sandbox", "yes", "one of true|false");
    refused("reload", "watched", "one of watch|signal; did you mean watch?");
    refused("lua_memry", "1G", "did you mean \"lua_memory\"?");
    refused("colour", "red", "there are listen, framing, max_packet, ");
    refused("colour", "red", ", reload_tests, admin");
}

Test(options, what_a_program_has_filled_in_is_checked_too)
{
    struct options options = fresh();
    struct error error = {0};
    options.lua_memory = 1 << 20;
    cr_assert_not(options_finish(&options, &error));
    cr_assert_not_null(strstr(error.text, "lua_memory = \"1M\": expected a size from 4M"), "%s",
                       error.text);
    options = fresh();
    options.config.recv_depth = 3;
    cr_assert_not(options_finish(&options, &error));
    cr_assert_not_null(strstr(error.text, "recv_depth = \"3\""), "%s", error.text);
}

/* ---- what has changed ---- */

static void note(void *context, const struct setting *setting)
{
    char *names = context;
    size_t size = strlen(names);
    snprintf(names + size, 256 - size, "%s,", setting->name);
}

static void expect_told(const struct options *before, const struct options *after, const char *name)
{
    char names[256] = "";
    settings_compare(&options_settings, before, after, note, names);
    cr_assert_str_eq(names, name);
}

Test(options, each_that_differs_is_named_and_what_is_live_is_taken_over)
{
    static const char *const changes[][3] = {
        {"handler_timeout", "7", "live"},
        {"slow_handler", "7", "live"},
        {"lua_memory", "100M", "live"},
        {"on_error", "keep", "live"},
        {"probation", "0", "live"},
        {"shared_memory", "100M", ""},
        {"reload_tests", "true", "live"},
        {"sandbox", "true", ""},
        {"reload", "signal", ""},
        {"admin", "127.0.0.1:7999", ""},
        {"workers", "3", ""},
        {"idle_timeout", "7", "live"},
    };
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct options before = fresh(), after = fresh();
        char name[64];
        expect_told(&before, &after, "");
        set(&after, changes[i][0], changes[i][1]);
        snprintf(name, sizeof name, "%s,", changes[i][0]);
        expect_told(&before, &after, name);
        settings_take_live(&options_settings, &before, &after);
        expect_told(&before, &after, changes[i][2][0] != '\0' ? "" : name);
    }
}

Test(options, the_admin_is_compared_while_there_is_one)
{
    struct options on = fresh(), off = fresh();
    set(&off, "admin", "false");
    expect_told(&on, &off, "admin,");
    struct options elsewhere = off;
    elsewhere.admin.address.port++;
    expect_told(&off, &elsewhere, "");
}
