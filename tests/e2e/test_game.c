/* scripts/game: rooms that live on one worker, players of all workers in them, and scores in a database. */
#include "harness.h"
#include "harness_process.h"
#include "packages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORKERS = 3 };

/* A copy of it, which a test may edit, and its database. */
static void lay_out(char base[200])
{
    static const char *const names[] = {"main.lua", "rooms.lua", "store.lua", "config.lua"};
    char directory[256], path[512];
    directory_new(base, 200);
    snprintf(directory, sizeof directory, "%s/game", base);
    cr_assert_eq(mkdir(directory, 0700), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        snprintf(path, sizeof path, "%s/game/%s", getenv("MOONPORT_SCRIPTS"), names[i]);
        char *text = file_read(path);
        cr_assert_str_neq(text, "", "%s is missing", path);
        file_write(directory, names[i], text);
        free(text);
    }
    snprintf(path, sizeof path, "%s/scores.db", base);
    setenv("GAME_DATABASE", path, 1);
    setenv("MOONPORT_SCRIPTS", base, 1); /* for the harness */
}

static struct server begin_game(const char *sandbox)
{
    return server_begin(
        &(struct begin){.example = "game", .flags = {"--workers", "3", "--sandbox", sandbox}});
}

/* The next line that has this in it. */
static const char *await_line(int client, const char *part)
{
    const char *line;
    do line = client_take_line(client);
    while (strstr(line, part) == NULL);
    return line;
}

/* A new player; what the key is goes there. Returns which worker serves it. */
static int enter(const struct server *server, int *client, const char *name, char key[32])
{
    char text[64];
    int worker;
    *client = client_connect(server);
    cr_assert_eq(sscanf(await_line(*client, "worker "), "a game of coins; worker %d", &worker), 1);
    snprintf(text, sizeof text, "login %s", name);
    client_send_line(*client, text);
    const char *line = await_line(*client, "Next time: login");
    snprintf(key, 32, "%s", strrchr(line, ' ') + 1);
    client_send_line(*client, "join hall");
    await_line(*client, "you are in hall");
    return worker;
}

/* Three players on three workers. */
static void enter_three(const struct server *server, int clients[WORKERS])
{
    static const char *const names[WORKERS] = {"ann", "bob", "eve"};
    char key[32];
    int workers[WORKERS];
    for (int i = 0; i < WORKERS; i++) {
        workers[i] = enter(server, &clients[i], names[i], key);
        for (int k = 0; k < i; k++) cr_assert_neq(workers[i], workers[k]);
    }
}

static void leave_three(const int clients[WORKERS])
{
    for (int i = 0; i < WORKERS; i++) close(clients[i]);
}

/* ---- walking ---- */

enum { ROWS = 8, COINS_MAX = 3 };

struct map {
    int x, y; /* the player */
    struct coin {
        int x, y;
    } coins[COINS_MAX];
    int coin_count, taken;
};

/* The next map that it gets. */
static struct map read_map(int client)
{
    struct map map = {0};
    await_line(client, "+----");
    for (int y = 1; y <= ROWS; y++) {
        const char *row = await_line(client, "|");
        for (int x = 1; row[x] != '|'; x++) {
            if (row[x] == '@') map.x = x, map.y = y;
            if (row[x] != '*') continue;
            cr_assert(map.coin_count < COINS_MAX);
            map.coins[map.coin_count++] = (struct coin){x, y};
        }
    }
    cr_assert_eq(sscanf(await_line(client, "@ you "), "@ you %d", &map.taken), 1);
    cr_assert(map.x > 0);
    return map;
}

static size_t put_steps(char *steps, int by, char back, char forth)
{
    size_t count = (size_t)abs(by);
    memset(steps, by < 0 ? back : forth, count);
    return count;
}

/* The player walks until so many coins, at least, are its own; how many are. Each walk ends with a map, if somebody
 * is in the way, too: then it takes a step to any side. */
static int take_coins(int client, int count)
{
    struct map map, before = {0};
    client_send_line(client, "");
    for (uint64_t walks = 0; map = read_map(client), map.taken < count; walks++) {
        char steps[64];
        uint8_t chance[3];
        size_t size = 0;
        fill_random(walks, chance, sizeof chance);
        if (map.coin_count > 0 && (map.x != before.x || map.y != before.y)) {
            struct coin coin = map.coins[chance[0] % map.coin_count];
            int dx = coin.x - map.x, dy = coin.y - map.y;
            bool rows_first = chance[1] % 2 == 0;
            if (rows_first) size += put_steps(steps, dy, 'w', 's');
            size += put_steps(steps + size, dx, 'a', 'd');
            if (!rows_first) size += put_steps(steps + size, dy, 'w', 's');
        }
        if (size == 0) steps[size++] = "wasd"[chance[2] % 4];
        steps[size] = '\0';
        before = map;
        client_send_line(client, steps);
    }
    return map.taken;
}

/* ---- tests ---- */

Test(game, its_own_tests_pass)
{
    char path[512], *out, *err;
    snprintf(path, sizeof path, "%s/game", getenv("MOONPORT_SCRIPTS"));
    cr_assert_eq(program_run(&out, &err, WORDS("test", path)), 0, "%s%s", out, err);
    cr_assert_not_null(strstr(out, " passed, 0 failed"), "%s", out);
    free(out);
    free(err);
    cr_assert_eq(program_run(&out, &err, WORDS("check", path)), 0, "%s%s", out, err);
    free(out);
    free(err);
}

Test(game, players_of_all_workers_see_each_other)
{
    char base[200];
    int clients[WORKERS];
    lay_out(base);
    struct server server = begin_game("false");
    enter_three(&server, clients);
    await_line(clients[0], "* bob comes in");
    await_line(clients[0], "* eve comes in");
    client_send_line(clients[1], "say hello");
    for (int i = 0; i < WORKERS; i++) await_line(clients[i], "bob: hello");
    client_send_line(clients[2], "");
    const char *legend = await_line(clients[2], "@ you 0");
    cr_assert_not_null(strstr(legend, "a ann 0"), "%s", legend);
    cr_assert_not_null(strstr(legend, "b bob 0"), "%s", legend);
    client_send_line(clients[2], "rooms");
    await_line(clients[2], "hall: 3 here, on worker ");

    take_coins(clients[0], 1);
    for (int i = 1; i < WORKERS; i++) await_line(clients[i], "* ann takes a coin and has 1");
    client_send_line(clients[1], "quit");
    cr_assert_eq(client_await_end(clients[1]), CLIENT_EOF);
    await_line(clients[2], "* bob leaves");
    leave_three(clients);
    server_end(&server);
    tree_remove(base);
}

static void await_score(int client, int coins)
{
    char score[32];
    const char *line;
    snprintf(score, sizeof score, "1. ann %d", coins);
    do {
        client_send_line(client, "top");
        line = await_line(client, "1. ");
    } while (strcmp(line, score) != 0);
}

Test(game, scores_survive_a_restart)
{
    char base[200], key[32], login[64];
    int client;
    need_module("luasql.sqlite3", "lua-sql-sqlite3");
    lay_out(base);
    struct server server = begin_game("false");
    enter(&server, &client, "ann", key);
    int coins = take_coins(client, 2);
    await_score(client, coins);
    close(client);
    server_end(&server);

    server = begin_game("false");
    client = client_connect(&server);
    client_send_line(client, "login ann 123");
    await_line(client, "! ann is taken");
    snprintf(login, sizeof login, "login ann %s", key);
    client_send_line(client, login);
    snprintf(login, sizeof login, "welcome back, ann. Coins so far: %d", coins);
    await_line(client, login);
    close(client);
    server_end(&server);
    tree_remove(base);
}

Test(game, a_reload_in_the_middle_loses_nobody)
{
    char base[200], path[512], *script, *place;
    int clients[WORKERS];
    lay_out(base);
    struct server server = begin_game("false");
    enter_three(&server, clients);
    take_coins(clients[0], 1);
    client_send_line(clients[0], "ddddddaaaaaadddddd"); /* it is on its way */

    snprintf(path, sizeof path, "%s/main.lua", server.directory);
    script = file_read(path);
    place = strstr(script, "takes a coin");
    cr_assert_not_null(place);
    memcpy(place, "grabs", 5);
    script_write(&server, "main.lua", script);
    free(script);
    server_expect_log(&server, "generation 2 runs");

    int coins = take_coins(clients[0], read_map(clients[0]).taken + 1); /* at the end of its walk */
    for (int i = 1; i < WORKERS; i++) await_line(clients[i], "* ann grabs a coin and has ");
    client_send_line(clients[2], "say all here");
    for (int i = 0; i < WORKERS; i++) await_line(clients[i], "eve: all here");
    client_send_line(clients[1], "rooms");
    await_line(clients[1], "hall: 3 here, on worker ");
    await_score(clients[1], coins);
    leave_three(clients);
    server_end(&server);
    tree_remove(base);
}

Test(game, without_a_database_it_says_so_and_goes_on)
{
    char base[200];
    int client;
    lay_out(base);
    struct server server = begin_game("true");
    client = client_connect(&server);
    client_send_line(client, "login ann");
    await_line(client, "Next time: login ann");
    await_line(client, "(no database here: coins last until the server stops)");
    server_expect_log(&server, "scores are in memory only");
    client_send_line(client, "join hall");
    await_score(client, take_coins(client, 1));
    close(client);
    server_end(&server);
    tree_remove(base);
}
