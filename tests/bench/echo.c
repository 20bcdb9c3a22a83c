/* echo.c - the engine without Lua: a server in C that sends every packet back.
 *
 *     echo 127.0.0.1:7000 [SETTING VALUE]...        the settings are those of config.lua
 *
 * Against scripts/echo it shows what scripting costs. */
#include "server.h"
#include "system.h"

#include <stdio.h>

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)worker;
    (void)error;
    return context;
}

static void echo(void *state, struct link *link, struct span packet)
{
    (void)state;
    link_send(link, packet);
}

static int fail(const struct error *error)
{
    fprintf(stderr, "echo: %s\n", error->text);
    return (int)error->kind;
}

int main(int count, char **words)
{
    struct script script = {.context = &script, .worker_start = start, .received = echo};
    struct config config;
    struct error error = {.kind = ERROR_NONE};
    system_begin();
    config_init(&config);
    if (!config_add_listener(&config, count > 1 ? words[1] : "127.0.0.1:7000", &error))
        return fail(&error);
    for (int i = 2; i + 1 < count; i += 2)
        if (!config_set(&config, words[i], words[i + 1], &error)) return fail(&error);
    if (!config_finish(&config, &error)) return fail(&error);

    system_prepare(config.max_connections);
    struct server *server = server_start(&config, &script, &error);
    if (server == NULL) return fail(&error);
    system_catch_stops();
    server_announce(server);
    system_wait_for_stop(-1);
    server_stop(server);
    return 0;
}
