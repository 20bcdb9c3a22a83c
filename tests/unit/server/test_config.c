#include "config_protocols_try.h"
#include "config_try.h"
#include "server/config_internal.h"

Test(config, the_defaults_finish_and_are_those_of_the_reference)
{
    struct config config = fresh();
    char address[ADDRESS_TEXT_MAX];
    finish(&config);
    cr_assert_eq(config.listener_count, 1);
    cr_assert_str_eq(address_format(&config.listeners[0].address, address), "0.0.0.0:7000");
    cr_assert_eq(config.listeners[0].frame.kind, FRAME_LENGTH);
    cr_assert_eq(config.listeners[0].frame.packet_max, 16 * MB);
    cr_assert_eq(config.listeners[0].on_full, ON_FULL_CLOSE);
    cr_assert_eq(config.max_packet, 16 * MB);
    cr_assert(config.workers >= 1);
    cr_assert(config.workers <= CONFIG_WORKERS_MAX);
    cr_assert_eq(config.max_connections, 3000);
    cr_assert_eq(config.blocks, 10000);
    cr_assert_eq(config.block_size, 2048);
    cr_assert_eq(config.recv_depth, 4);
    cr_assert_eq(config.idle_timeout_ns, UINT64_C(60000000000));
    cr_assert_eq(config.drain_timeout_ns, UINT64_C(10000000000));
    cr_assert_eq(config.soft_mark, 64 * KB);
    cr_assert_eq(config.hard_mark, 32 * MB);
    cr_assert_eq(config.backend, PORT_AUTO);
    cr_assert_eq(config.log, LOG_INFO);
}

Test(config, every_setting_reaches_its_field)
{
    struct config config = fresh();
    set(&config, "framing", "line");
    set(&config, "max_packet", "1M");
    set(&config, "workers", "2");
    set(&config, "max_connections", "100");
    set(&config, "blocks", "2000");
    set(&config, "block_size", "4K");
    set(&config, "recv_depth", "16");
    set(&config, "memory", "1G");
    set(&config, "idle_timeout", "0.5");
    set(&config, "drain_timeout", "0");
    set(&config, "wait_timeout", "90");
    set(&config, "on_end", "close");
    set(&config, "soft_mark", "32K");
    set(&config, "hard_mark", "3M");
    set(&config, "on_full", "refuse");
    set(&config, "backend", "epoll");
    set(&config, "log", "debug");
    finish(&config);
    cr_assert_eq(config.frame.kind, FRAME_LINE);
    cr_assert_eq(config.max_packet, MB);
    cr_assert_eq(config.workers, 2);
    cr_assert_eq(config.max_connections, 100);
    cr_assert_eq(config.blocks, 2000);
    cr_assert_eq(config.block_size, 4096);
    cr_assert_eq(config.recv_depth, 16);
    cr_assert_eq(config.memory, GB);
    cr_assert_eq(config.idle_timeout_ns, UINT64_C(500000000));
    cr_assert_eq(config.drain_timeout_ns, 0);
    cr_assert_eq(config.wait_timeout_ns, UINT64_C(90000000000));
    cr_assert_eq(config.on_end, ON_END_CLOSE);
    cr_assert_eq(config.soft_mark, 32 * KB);
    cr_assert_eq(config.hard_mark, 3 * MB);
    cr_assert_eq(config.on_full, ON_FULL_REFUSE);
    cr_assert_eq(config.backend, PORT_EPOLL);
    cr_assert_eq(config.log, LOG_DEBUG);
}

Test(config, every_word_means_its_value)
{
    static const char *const backends[] = {"auto", "uring", "epoll", "iocp"};
    static const char *const levels[] = {"error", "warn", "info", "debug"};
    struct config config = fresh();
    for (int i = 0; i < 4; i++) {
        enum log_level level;
        set(&config, "backend", backends[i]);
        set(&config, "log", levels[i]);
        cr_assert_eq(config.backend, PORT_AUTO + i);
        cr_assert(log_level_of(levels[i], &level));
        cr_assert_eq(config.log, level);
    }
    set(&config, "on_full", "refuse");
    cr_assert_eq(config.on_full, ON_FULL_REFUSE);
    set(&config, "on_full", "close");
    cr_assert_eq(config.on_full, ON_FULL_CLOSE);
}

Test(config, every_name_is_listed_with_an_example_that_is_accepted)
{
    const struct setting *row;
    size_t count = 0;
    for (; (row = settings_row(&config_settings, count)) != NULL; count++) {
        struct config config = fresh();
        cr_assert(strlen(row->help) > 0, "%s", row->name);
        cr_assert(strlen(row->value) > 0, "%s", row->name);
        set(&config, row->name, row->example);
        finish(&config);
    }
    cr_assert_eq(count, 20);
}

Test(config, a_bad_value_is_refused_with_what_is_expected_and_an_example)
{
    refused("workers", "x",
            "workers = \"x\": expected a whole number from 0 to 128, for example 4");
    refused("workers", "129", "from 0 to 128");
    refused("workers", "-1", "workers = \"-1\"");
    refused("workers", "", "workers = \"\"");
    refused("max_packet", "0", "a size from 1 to 1G, for example 16M");
    refused("max_packet", "1073741825", "to 1G");
    refused("max_connections", "0", "from 1 to 1000000");
    refused("max_connections", "1000001", "from 1 to 1000000");
    refused("max_connections", "4294967297", "from 1 to 1000000");
    refused("blocks", "15", "from 16 to");
    refused("block_size", "63", "a size from 64 to 64K");
    refused("block_size", "65537", "a size from 64 to 64K");
    refused("recv_depth", "3", "a power of two from 1 to 16, for example 4");
    refused("recv_depth", "0", "a power of two");
    refused("recv_depth", "32", "a power of two");
    refused("idle_timeout", "1m", "seconds from 0 to 315360000 (ten years), for example 60");
    refused("on_full", "drop", "one of close|refuse");
    refused("backend", "kqueue", "one of auto|uring|epoll|iocp");
    refused("opening_timeout", "0", "seconds from 0.001 to 315360000 (ten years), for example 10");
    refused("handshakes_at_once", "0", "a whole number from 1 to 1000000, for example 500");
    refused("idle_timeout", "-1", "seconds from 0 to");
    refused("idle_timeout", "inf", "seconds from 0 to");
    refused("idle_timeout", "20,5", "(ten years), a fraction behind a point, for example");
    refused("log", "loud", "one of error|warn|info|debug");
    refused("log", "warning", "one of error|warn|info|debug; did you mean warn?");
    refused("framing", "lines", "framing = \"lines\": ");
    refused("framing", "length,size=5", "framing = \"length,size=5\": ");
    refused("framing", "", "framing = \"\": ");
}

Test(config, a_size_is_written_in_the_largest_unit_that_it_is_a_multiple_of)
{
    cr_assert_str_eq(size_text(0).text, "0");
    cr_assert_str_eq(size_text(1023).text, "1023");
    cr_assert_str_eq(size_text(1024).text, "1K");
    cr_assert_str_eq(size_text(1536 << 10).text, "1536K");
    cr_assert_str_eq(size_text(3 << 20).text, "3M");
    cr_assert_str_eq(size_text(UINT64_C(5) << 30).text, "5G");
    cr_assert_str_eq(size_text(UINT64_C(5) << 40).text, "5120G");
}

Test(config, an_unknown_name_is_refused_with_the_nearest)
{
    refused("worker", "1", "unknown setting \"worker\": did you mean \"workers\"?");
    refused("max-packet", "1M", "did you mean \"max_packet\"?");
    refused("idle", "1", "did you mean \"idle_timeout\"?");
    refused("lsten", "7000", "did you mean \"listen\"?");
    refused("listener", "7000", "did you mean \"listen\"?");
    refused("colour", "red", "there are listen, framing, max_packet, ");
    refused("colour", "red", ", backend, log");
}

Test(config, a_later_value_replaces_an_earlier_one)
{
    struct config config = fresh();
    set(&config, "framing", "line,strip=false");
    set(&config, "framing", "length,size=2,order=big");
    set(&config, "workers", "3");
    set(&config, "workers", "1");
    finish(&config);
    cr_assert_eq(config.frame.kind, FRAME_LENGTH);
    cr_assert_eq(config.frame.length.size, 2);
    cr_assert(config.frame.length.big_endian);
    cr_assert_eq(config.workers, 1);
}

Test(config, max_packet_counts_wherever_it_is_set)
{
    struct config config = fresh();
    set(&config, "framing", "line");
    set(&config, "max_packet", "32M");
    finish(&config);
    cr_assert_eq(config.frame.packet_max, 32 * MB);
    cr_assert_eq(config.listeners[0].frame.packet_max, 32 * MB);

    config = fresh();
    set(&config, "max_packet", "1K");
    set(&config, "framing", "line");
    finish(&config);
    cr_assert_eq(config.frame.packet_max, KB);

    config = fresh();
    set(&config, "framing", "fixed,size=20M");
    unfinished(&config, "framing: fixed framing");
    config = fresh();
    set(&config, "framing", "fixed,size=20M");
    set(&config, "max_packet", "20M");
    finish(&config);
}

Test(config, a_framing_may_have_a_smaller_max_of_its_own_but_not_a_larger)
{
    struct config config = fresh();
    set(&config, "framing", "line,max=4K");
    finish(&config);
    cr_assert_eq(config.frame.packet_max, 4 * KB);

    config = fresh();
    set(&config, "framing", "line,max=32M");
    unfinished(&config, "max_packet");

    config = fresh();
    set(&config, "framing", "line,max=32M");
    set(&config, "max_packet", "32M");
    finish(&config);
    cr_assert_eq(config.frame.packet_max, 32 * MB);
}

Test(config, a_short_length_field_bounds_the_packet_whatever_max_packet_is)
{
    struct config config = fresh();
    set(&config, "framing", "length,size=2,counts_header=false");
    finish(&config);
    cr_assert_eq(config.frame.packet_max, 65535);

    config = fresh();
    set(&config, "framing", "length,size=2,counts_header=false");
    set(&config, "max_packet", "1000");
    finish(&config);
    cr_assert_eq(config.frame.packet_max, 1000);
}

Test(config, a_varint_framing_given_as_text_survives_finishing)
{
    struct config config = fresh();
    set(&config, "framing", "length,size=varint,counts_header=false");
    finish(&config);
    cr_assert_eq(config.frame.length.size, 0);
    cr_assert_not(config.frame.length.counts_header);
    cr_assert_eq(config.frame.packet_max, 16 * MB);
}

static struct config_listener *add(struct config *config, const char *address)
{
    struct error error = {0};
    struct config_listener *listener = config_add_listener(config, address, &error);
    cr_assert_not_null(listener, "%s", error.text);
    return listener;
}

static void count_difference(void *context, const struct setting *setting)
{
    (void)setting;
    ++*(int *)context;
}

static int differences(const struct config *one, const struct config *other)
{
    int count = 0;
    settings_compare(&config_settings, one, other, count_difference, &count);
    return count;
}

Test(config, a_unix_listener_has_a_mode_in_octal)
{
    static const char *const wrong[] = {"",     "0",     "0o660", "8",
                                        "1000", "0x1ff", "-1",    "77777777777777"};
    struct config config;
    struct error error;
    config_init(&config);
    struct config_listener *local = add(&config, "unix:/run/moonport.sock");
    struct config_listener *plain = add(&config, "127.0.0.1:1");
    cr_assert(config_listener_set(local, "mode", "660", &error), "%s", error.text);
    cr_assert_eq(local->address.mode, 0660);
    cr_assert(config_listener_set(local, "mode", "0777", &error), "%s", error.text);
    cr_assert_eq(local->address.mode, 0777);
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        cr_assert_not(config_listener_set(local, "mode", wrong[i], &error), "%s", wrong[i]);
        cr_assert_not_null(strstr(error.text, "for example 0660"), "%s", error.text);
    }
    cr_assert_not(config_listener_set(plain, "mode", "0660", &error));
    cr_assert_not_null(strstr(error.text, "only a unix socket"), "%s", error.text);
    struct config other = config;
    cr_assert_eq(differences(&config, &other), 0);
    other.listeners[0].address.mode = 0600;
    cr_assert_eq(differences(&config, &other), 1);
}

/* However many there are: all of them fit, or the list is cut. */
Test(config, the_names_of_all_settings_are_listed_to_whoever_knows_none)
{
    struct config config;
    struct error error;
    const struct setting *row;
    config_init(&config);
    cr_assert_not(config_set(&config, "qqqqqqqqqqqq", "1", &error));
    cr_assert_not_null(strstr(error.text, "there are listen, "), "%s", error.text);
    for (size_t i = 0; (row = settings_row(&config_settings, i)) != NULL; i++)
        cr_assert_not_null(strstr(error.text, row->name), "%s: %s", row->name, error.text);
}

Test(config, a_listener_takes_what_it_does_not_set_from_the_server)
{
    struct config config = fresh();
    struct error error = {0};
    struct config_listener *own = add(&config, "127.0.0.1:1");
    struct config_listener *plain = add(&config, "unix:/run/moonport.sock");
    cr_assert(config_listener_set(own, "framing", "raw", &error), "%s", error.text);
    cr_assert(config_listener_set(own, "on_full", "close", &error), "%s", error.text);
    set(&config, "framing", "line");
    set(&config, "on_full", "refuse");
    set(&config, "max_packet", "2M");
    finish(&config);

    cr_assert_eq(config.listener_count, 2);
    cr_assert_eq(own->frame.kind, FRAME_RAW);
    cr_assert_eq(own->frame.packet_max, 2 * MB);
    cr_assert_eq(own->on_full, ON_FULL_CLOSE);
    cr_assert_eq(plain->frame.kind, FRAME_LINE);
    cr_assert_eq(plain->frame.packet_max, 2 * MB);
    cr_assert_eq(plain->on_full, ON_FULL_REFUSE);
}

Test(config, a_framing_may_be_given_in_parts)
{
    struct config config = fresh();
    struct error error = {0};
    struct config_listener *listener = add(&config, "7000");
    cr_assert(frame_set_kind(&listener->frame, "length", &error), "%s", error.text);
    cr_assert(frame_set(&listener->frame, "size", "3", &error), "%s", error.text);
    cr_assert(frame_set(&listener->frame, "max", "5K", &error), "%s", error.text);
    config_listener_own(listener, "framing");
    cr_assert(frame_set_kind(&config.frame, "line", &error), "%s", error.text);
    finish(&config);
    cr_assert_eq(listener->frame.length.size, 3);
    cr_assert_eq(listener->frame.packet_max, 5 * KB);
    cr_assert_eq(config.frame.kind, FRAME_LINE);
    cr_assert_eq(config.frame.packet_max, 16 * MB);
}

Test(config, an_error_in_a_listeners_framing_says_which_listener)
{
    struct config config = fresh();
    struct error error = {0};
    add(&config, "127.0.0.1:1");
    struct config_listener *listener = add(&config, "[::1]:2");
    cr_assert(config_listener_set(listener, "framing", "line,max=32M", &error), "%s", error.text);
    unfinished(&config, "framing of the listener [::1]:2: ");
}

Test(config, a_listener_may_detect_which_of_two_framings_a_peer_has)
{
    struct config config = fresh();
    struct error error = {0};
    set(&config, "max_packet", "1M");
    struct config_listener *listener = add(&config, "7000");
    cr_assert(config_listener_set(listener, "detect", "websocket,path=/a;length,size=2", &error),
              "%s", error.text);
    finish(&config);
    listener = &config.listeners[0];
    cr_assert(listener->detects);
    cr_assert_eq(listener->frame.kind, FRAME_WEBSOCKET);
    cr_assert_eq(listener->other.kind, FRAME_LENGTH);
    cr_assert_eq(listener->other.length.size, 2);
    cr_assert_eq(listener->frame.packet_max, 1 * MB);
    cr_assert(listener->other.packet_max <= 65535, "what its length field can say");
}

Test(config, a_listener_may_have_framings_for_protocols)
{
    struct config config = fresh(), again = fresh();
    set(&config, "max_packet", "1M");
    set(&again, "max_packet", "1M");
    set_protocols(add(&config, "7000"), "web=websocket,path=/a;game/1=length,size=2");
    set_protocols(add(&again, "7000"), "game/1=length,size=2;web=websocket,path=/a");
    finish(&config);
    finish(&again);
    const struct frame_protocols *protocols = config.listeners[0].protocols;
    cr_assert_eq(protocols->count, 2);
    const struct frame *game = frame_protocols_find(protocols, "game/1"),
                       *web = frame_protocols_find(protocols, "web");
    cr_assert_eq(game->kind, FRAME_LENGTH);
    cr_assert(game->packet_max <= 65535, "what its length field can say");
    cr_assert_eq(web->kind, FRAME_WEBSOCKET);
    cr_assert_eq(web->packet_max, 1 * MB);
    cr_assert_null(frame_protocols_find(protocols, "game"));
    cr_assert_eq(again.listeners[0].protocols, protocols, "the same are kept once");
}

/* They are kept for the life of the program: connections may still have those from before. */
Test(config, framings_for_protocols_may_not_change_for_ever)
{
    static struct frame_protocols protocols = {.count = 1};
    struct config config = fresh();
    struct config_listener *listener = add(&config, "7000");
    struct error error = {.text = ""};
    int count = 0;
    do snprintf(protocols.list[0].name, sizeof protocols.list[0].name, "game/%d", count++);
    while (count < 1000 && config_listener_protocols(listener, &protocols, &error));
    cr_assert_eq(count, 65);
    cr_assert_str_eq(error.text, "its protocols have changed too often: start the server anew");
}

Test(config, framings_for_protocols_fit_max_packet)
{
    struct config config = fresh();
    set_protocols(add(&config, "7000"), "a=line,max=32M");
    unfinished(&config, "alpn of the listener 0.0.0.0:7000: ");
}

Test(config, two_framings_that_cannot_be_told_apart_are_refused)
{
    static const char *const wrong[] = {"websocket",
                                        "line;length",
                                        "length;websocket",
                                        "websocket;websocket",
                                        "websocket;tine",
                                        "websocket,max=9;tine",
                                        "socket;line",
                                        ";",
                                        ""};
    struct config config = fresh();
    struct error error = {0};
    struct config_listener *listener = add(&config, "7000");
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        const struct config before = config;
        cr_assert_not(config_listener_set(listener, "detect", wrong[i], &error), "%s", wrong[i]);
        cr_assert_eq(memcmp(&config, &before, sizeof config), 0, "%s has changed something",
                     wrong[i]);
        if (i == 0) says(&error, "two framings with a \";\" between them");
    }
    cr_assert(config_listener_set(listener, "detect", "websocket;line,max=32M", &error));
    unfinished(&config, "detect of the listener 0.0.0.0:7000: ");
}

Test(config, a_bad_listener_is_refused)
{
    struct config config = fresh();
    struct error error = {0};
    cr_assert_null(config_add_listener(&config, "127.0.0.1:70000", &error));
    says(&error, "127.0.0.1:70000");
    cr_assert_eq(config.listener_count, 0);

    struct config_listener *listener = add(&config, "7000");
    cr_assert_not(config_listener_set(listener, "onfull", "close", &error));
    says(&error, "did you mean \"on_full\"?");
    cr_assert_not(config_listener_set(listener, "colour", "red", &error));
    says(&error, "there are address, framing, detect, on_full, mode");
    cr_assert_not(config_listener_set(listener, "on_full", "drop", &error));
    says(&error, "one of close|refuse");
    cr_assert_not(config_listener_set(listener, "framing", "lines", &error));
    says(&error, "framing = \"lines\" of a listener: ");
    cr_assert_eq(listener->own, 0);
}

Test(config, there_is_room_for_32_listeners)
{
    struct config config = fresh();
    struct error error = {0};
    for (int i = 0; i < CONFIG_LISTENERS_MAX; i++) add(&config, "0");
    cr_assert_null(config_add_listener(&config, "0", &error));
    says(&error, "listen has at most 32 addresses");
    finish(&config);
}
