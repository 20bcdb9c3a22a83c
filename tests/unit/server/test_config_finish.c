#include "config_try.h"
#include "random.h"

Test(config, memory_too_small_for_its_workers_is_refused_with_the_arithmetic)
{
    struct config config = fresh();
    set(&config, "memory", "16M");
    set(&config, "workers", "4");
    unfinished(&config, "memory = 16M is 4M for each of 4 workers");
    config = fresh();
    set(&config, "memory", "16M");
    set(&config, "workers", "4");
    unfinished(&config, "set memory to at least 129M");

    config = fresh();
    set(&config, "workers", "4");
    set(&config, "memory", "134479871");
    unfinished(&config, "memory = 134479871 is 33619967 for each");
    config = fresh();
    set(&config, "workers", "4");
    set(&config, "memory", "131328K");
    finish(&config);
}

Test(config, an_address_is_listened_on_once)
{
    struct config config = fresh();
    struct error error;
    for (int i = 0; i < 2; i++) cr_assert_not_null(config_add_listener(&config, "7010", &error));
    unfinished(&config, "listen has 0.0.0.0:7010 twice");
    config = fresh();
    for (int i = 0; i < 2; i++)
        cr_assert_not_null(config_add_listener(&config, "127.0.0.1:0", &error));
    finish(&config); /* each has a port of its own */
    config = fresh();
    for (int i = 0; i < 2; i++)
        cr_assert_not_null(config_add_listener(&config, "unix:/run/moonport.sock", &error));
    unfinished(&config, "listen has unix:/run/moonport.sock twice");
}

Test(config, memory_that_nobody_set_is_enough_for_any_number_of_workers)
{
    for (uint32_t workers = 1; workers <= CONFIG_WORKERS_MAX; workers++) {
        struct config config = fresh();
        config.workers = workers;
        finish(&config);
        cr_assert_eq(config.memory, workers < 16 ? 512 * MB : (32 * MB + 64 * KB) * workers);
        cr_assert(config_memory_per_worker(&config) >= 32 * MB);
    }
    struct config config = fresh();
    set(&config, "workers", "128");
    set(&config, "max_packet", "1G");
    finish(&config);
    cr_assert_eq(config.memory, 256 * GB + 128 * 64 * KB);
}

Test(config, blocks_must_be_a_share_that_a_worker_can_use)
{
    struct config config = fresh();
    set(&config, "blocks", "100");
    set(&config, "workers", "8");
    unfinished(&config, "blocks = 100 is 12 for each of 8 workers");
    config = fresh();
    set(&config, "blocks", "100");
    set(&config, "workers", "8");
    unfinished(&config, "set blocks to at least 128, or workers to at most 6");
    config = fresh();
    set(&config, "blocks", "100");
    set(&config, "workers", "6");
    finish(&config);

    config = fresh();
    set(&config, "blocks", "200000");
    set(&config, "workers", "2");
    unfinished(&config, "set blocks to at most 131068, or workers to at least 4");
    config = fresh();
    set(&config, "blocks", "200000");
    set(&config, "workers", "4");
    finish(&config);
    config = fresh();
    set(&config, "blocks", "131068");
    set(&config, "workers", "2");
    finish(&config);
    cr_assert_eq(config_blocks_per_worker(&config), BLOCK_COUNT_MAX);
}

Test(config, the_hard_mark_holds_one_packet_and_the_soft_mark_is_below_it)
{
    struct config config = fresh();
    set(&config, "hard_mark", "16M");
    unfinished(&config, "hard_mark = 16M cannot hold one packet of max_packet = 16M");
    config = fresh();
    set(&config, "hard_mark", "16777232");
    finish(&config);

    config = fresh();
    set(&config, "max_packet", "1K");
    finish(&config);
    cr_assert_eq(config.hard_mark, 4 * MB);
    config = fresh();
    set(&config, "max_packet", "3M");
    finish(&config);
    cr_assert_eq(config.hard_mark, 6 * MB);

    config = fresh();
    set(&config, "soft_mark", "33M");
    unfinished(&config, "soft_mark = 33M is above hard_mark = 32M");
    config = fresh();
    set(&config, "soft_mark", "32M");
    finish(&config);
}

Test(config, fields_filled_in_by_a_program_are_checked_too)
{
    struct config config = fresh();
    config.max_connections = 0;
    unfinished(&config, "max_connections = \"0\": expected a whole number from 1");
    config = fresh();
    config.recv_depth = 12;
    unfinished(&config, "recv_depth = \"12\"");
    config = fresh();
    config.block_size = 23;
    unfinished(&config, "block_size = \"23\"");
    config = fresh();
    config.max_packet = UINT64_MAX;
    unfinished(&config, "max_packet = ");
    config = fresh();
    config.on_full = 2;
    unfinished(&config, "on_full = \"2\"");
    config = fresh();
    config.workers = 129;
    unfinished(&config, "workers = \"129\"");
    config = fresh();
    config.log = 200;
    unfinished(&config, "log = \"200\"");
}

Test(config, the_default_blocks_are_enough_for_the_default_connections)
{
    for (uint32_t workers = 1; workers <= CONFIG_WORKERS_MAX; workers++) {
        struct config config = fresh();
        config.workers = workers;
        finish(&config);
        cr_assert(config_blocks_wanted(&config) <= config.blocks, "with %u workers", workers);
    }
}

Test(config, the_blocks_wanted_give_every_worker_two_for_each_of_its_links)
{
    const uint64_t seed = 10000;
    uint64_t state = seed;
    for (int round = 0; round < 10000; round++) {
        struct config config = fresh();
        config.workers = (uint32_t)(1 + random_next(&state) % CONFIG_WORKERS_MAX);
        config.max_connections = (uint32_t)(1 + random_next(&state) % 1000000);
        config.blocks = (uint32_t)config_blocks_wanted(&config);
        uint64_t links = config_links_per_worker(&config);
        cr_assert(links * config.workers >= config.max_connections, "seed %llu, round %d",
                  (unsigned long long)seed, round);
        cr_assert((links - 1) * config.workers < config.max_connections, "seed %llu, round %d",
                  (unsigned long long)seed, round);
        cr_assert(config_blocks_per_worker(&config) >= 2 * links, "seed %llu, round %d",
                  (unsigned long long)seed, round);
    }
}

/* A worker has something to answer with when each of its connections keeps all that it may. */
Test(config, the_blocks_wanted_leave_some_between_what_comes_and_what_goes)
{
    struct config config = fresh();
    config.workers = 3;
    config.max_connections = 100;
    cr_assert_eq(config_blocks_wanted(&config), 3 * (2 * 34 + 16));
    config.workers = 1;
    config.max_connections = 1;
    cr_assert_eq(config_blocks_wanted(&config), 2 + 16);
}

Test(config, shares_round_so_that_nothing_is_promised_twice)
{
    struct config config = fresh();
    config.workers = 3;
    config.max_connections = 100;
    config.blocks = 100;
    config.memory = 100;
    cr_assert_eq(config_links_per_worker(&config), 34);
    cr_assert_eq(config_blocks_per_worker(&config), 33);
    cr_assert_eq(config_memory_per_worker(&config), 33);
}
