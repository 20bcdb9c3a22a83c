/* echo.c - the engine without Lua: a server in C that sends every packet back, or to everybody.
 *
 *     echo 127.0.0.1:7000 [broadcast] [SETTING VALUE]...    the settings are those of config.lua
 *
 * Against scripts/echo it shows what scripting costs. */
#include "echo.h"
#include "server.h"
#include "system/system.h"

#include <stdio.h>
#include <string.h>

static void broadcast(void *state, struct link *link, struct span packet)
{
    size_t count;
    (void)link;
    worker_broadcast(state, packet, PACKET_PLAIN, NULL, &count);
}

static int fail(const struct error *error)
{
    fprintf(stderr, "echo: %s\n", error->text);
    return (int)error->kind;
}

int main(int count, char **words)
{
    bool broadcasts = count > 2 && strcmp(words[2], "broadcast") == 0;
    struct script script = echo_script;
    struct config config;
    struct error error = {.kind = ERROR_NONE};
    if (broadcasts) script.received = broadcast;
    system_begin();
    config_init(&config);
    if (!config_add_listener(&config, count > 1 ? words[1] : "127.0.0.1:7000", &error))
        return fail(&error);
    for (int i = broadcasts ? 3 : 2; i + 1 < count; i += 2)
        if (!config_set(&config, words[i], words[i + 1], &error)) return fail(&error);
    if (!config_finish(&config, &error)) return fail(&error);

    system_take_signals();
    system_prepare(config.max_connections);
    system_bound_heap();
    struct server *server = server_start(&config, &script, &error);
    if (server == NULL) return fail(&error);
    system_catch_stops();
    server_announce(server);
    system_wait_for_stop(-1);
    server_stop(server);
    return 0;
}
