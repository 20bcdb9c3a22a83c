#include "base/settings.h"

#include <criterion/criterion.h>
#include <string.h>

Test(settings, sizes_are_powers_of_1024)
{
    static const struct {
        const char *text;
        uint64_t bytes;
    } cases[] = {
        {"0", 0},
        {"4096", 4096},
        {"16K", 16384},
        {"16k", 16384},
        {"16KB", 16384},
        {"16KiB", 16384},
        {"16kib", 16384},
        {"16M", UINT64_C(16) << 20},
        {"1g", UINT64_C(1) << 30},
        {"007", 7},
        {"18446744073709551615", UINT64_MAX},
        {"17179869183G", UINT64_C(17179869183) << 30},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes = 12345;
        cr_assert(settings_size(cases[i].text, &bytes), "\"%s\" is a size", cases[i].text);
        cr_assert_eq(bytes, cases[i].bytes, "\"%s\"", cases[i].text);
    }
}

Test(settings, what_is_no_size_is_refused)
{
    static const char *const cases[] = {
        "",
        " ",
        "K",
        "-1",
        "+1",
        "1.5K",
        " 16",
        "16 ",
        "16 K",
        "16KK",
        "16Ki",
        "16KBs",
        "16B",
        "16T",
        "0x10",
        "1e3",
        "18446744073709551616",
        "17179869184G",
        "99999999999999999999999",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t bytes;
        cr_assert_not(settings_size(cases[i], &bytes), "\"%s\" is no size", cases[i]);
    }
}

Test(settings, integers_reach_both_ends_of_64_bits)
{
    int64_t value;
    cr_assert(settings_integer("9223372036854775807", &value));
    cr_assert_eq(value, INT64_MAX);
    cr_assert(settings_integer("-9223372036854775808", &value));
    cr_assert_eq(value, INT64_MIN);
    cr_assert(settings_integer("-0", &value));
    cr_assert_eq(value, 0);
    cr_assert(settings_integer("-42", &value));
    cr_assert_eq(value, -42);
}

Test(settings, what_is_no_integer_is_refused)
{
    static const char *const cases[] = {
        "",
        "-",
        "+1",
        "--1",
        "1.0",
        "1 ",
        " 1",
        "1K",
        "one",
        "9223372036854775808",
        "-9223372036854775809",
        "36893488147419103233",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        int64_t value;
        cr_assert_not(settings_integer(cases[i], &value), "\"%s\" is no integer", cases[i]);
    }
}

Test(settings, seconds_become_exact_nanoseconds)
{
    static const struct {
        const char *text;
        uint64_t nanoseconds;
    } cases[] = {
        {"0", 0},
        {"60", UINT64_C(60000000000)},
        {"0.5", UINT64_C(500000000)},
        {"1.000000001", UINT64_C(1000000001)},
        {"0.0000000019", 1},
        {"60.0", UINT64_C(60000000000)},
        {"315360000", UINT64_C(315360000000000000)},
        {"315360000.000", UINT64_C(315360000000000000)},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t nanoseconds = 12345;
        cr_assert(settings_seconds(cases[i].text, &nanoseconds), "\"%s\"", cases[i].text);
        cr_assert_eq(nanoseconds, cases[i].nanoseconds, "\"%s\"", cases[i].text);
    }
}

Test(settings, what_are_no_seconds_is_refused)
{
    static const char *const cases[] = {
        "",          ".",
        ".5",        "5.",
        "-1",        "1s",
        "1.5.5",     "1,5",
        "1e3",       "inf",
        "nan",       " 1",
        "1 ",        "315360000.000000001",
        "315360001", "18446744073709551616",
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        uint64_t nanoseconds;
        cr_assert_not(settings_seconds(cases[i], &nanoseconds), "\"%s\"", cases[i]);
    }
}

Test(settings, truths_are_eight_words)
{
    static const char *const yes[] = {"true", "yes", "on", "1", "True", "ON"};
    static const char *const no[] = {"false", "no", "off", "0", "FALSE", "Off"};
    static const char *const neither[] = {"", "tru", "truee", "y", "2", "on ", "01"};
    bool value = false;
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        cr_assert(settings_truth(yes[i], &value), "\"%s\"", yes[i]);
        cr_assert_eq(value, true, "\"%s\"", yes[i]);
        cr_assert(settings_truth(no[i], &value), "\"%s\"", no[i]);
        cr_assert_eq(value, false, "\"%s\"", no[i]);
    }
    for (size_t i = 0; i < sizeof neither / sizeof *neither; i++)
        cr_assert_not(settings_truth(neither[i], &value), "\"%s\"", neither[i]);
}

static const char *nearest(const char *typed)
{
    static const char *const names[] = {
        "framing",      "max_packet",    "workers", "max_connections", "blocks", "block_size",
        "idle_timeout", "drain_timeout", "log",     "on_full",
    };
    const char *name = settings_nearest(typed, names, sizeof names / sizeof *names);
    return name == NULL ? "nothing" : name;
}

Test(settings, a_slip_of_the_hand_finds_its_name)
{
    cr_assert_str_eq(nearest("worker"), "workers");
    cr_assert_str_eq(nearest("wrokers"), "workers");
    cr_assert_str_eq(nearest("Workers"), "workers");
    cr_assert_str_eq(nearest("max-packet"), "max_packet");
    cr_assert_str_eq(nearest("maxconnections"), "max_connections");
    cr_assert_str_eq(nearest("lgo"), "log");
    cr_assert_str_eq(nearest("block_sise"), "block_size");
    cr_assert_str_eq(nearest("onfull"), "on_full");
    cr_assert_str_eq(nearest("logging"), "log", "it goes on behind a name");
    cr_assert_str_eq(nearest("workers_of_the_server"), "workers");
}

Test(settings, the_beginning_of_a_name_finds_it)
{
    cr_assert_str_eq(nearest("idle"), "idle_timeout");
    cr_assert_str_eq(nearest("DRAIN"), "drain_timeout");
    cr_assert_str_eq(nearest("max"), "max_packet");
}

Test(settings, the_nearest_of_several_wins)
{
    cr_assert_str_eq(nearest("block"), "blocks");
    cr_assert_str_eq(nearest("block_"), "blocks");
    cr_assert_str_eq(nearest("block_s"), "blocks");
    cr_assert_str_eq(nearest("block_si"), "block_size");
    static const char *const alike[] = {"cat", "rat", "hat"};
    cr_assert_str_eq(settings_nearest("bat", alike, 3), "cat", "the first of those equally near");
}

Test(settings, what_resembles_nothing_finds_nothing)
{
    static const char *const cases[] = {"", "x", "l", "colour", "timeout_of_something", "packets"};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        cr_assert_str_eq(nearest(cases[i]), "nothing", "\"%s\"", cases[i]);
    cr_assert_null(settings_nearest("workers", NULL, 0));
    static const char *const letters[] = {"a", "b"};
    cr_assert_null(settings_nearest("x", letters, 2), "nothing of it is left");
    cr_assert_null(settings_nearest("", letters, 2));
}

Test(settings, a_name_of_any_length_may_be_typed)
{
    char typed[4096];
    for (size_t size = 0; size < sizeof typed; size++) {
        memset(typed, 'q', size);
        typed[size] = '\0';
        cr_assert_str_eq(nearest(typed), "nothing");
    }
}
