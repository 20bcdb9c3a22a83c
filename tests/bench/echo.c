/* echo.c - the engine without Lua: a server in C that sends every packet back, or to everybody.
 *
 *     echo 127.0.0.1:7000 [broadcast] [SETTING VALUE]...    the settings are those of config.lua
 *
 * Besides them there is `tls`, with the value of the listener's setting. Against scripts/echo it shows what scripting costs. */
#include "echo.h"
#include "server.h"
#include "stream/tls.h"
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

/* For all listeners. Paths are below the working directory. */
static bool encrypt(struct config *config, const char *text, struct error *error)
{
    static struct tls_source source;
    static struct tls_settings settings;
    if (!tls_settings_read(&settings, text, error)) return false;
    struct tls_context *context = tls_context_make(&settings, ".", error);
    if (context == NULL) return false;
    if (!tls_source_open(&source, context))
        return error_set(error, ERROR_SYSTEM, "tls: the system gives no random bytes");
    for (uint32_t i = 0; i < config->listener_count; i++)
        config->listeners[i].filter = &source.filters;
    return true;
}

int main(int count, char **words)
{
    const char *tls = NULL;
    bool broadcasts = count > 2 && strcmp(words[2], "broadcast") == 0;
    struct script script = echo_script;
    struct config config;
    struct error error = {.kind = ERROR_NONE};
    if (broadcasts) script.received = broadcast;
    system_begin();
    config_init(&config);
    if (!config_add_listener(&config, count > 1 ? words[1] : "127.0.0.1:7000", &error))
        return fail(&error);
    for (int i = broadcasts ? 3 : 2; i + 1 < count; i += 2) {
        if (strcmp(words[i], "tls") == 0)
            tls = words[i + 1];
        else if (!config_set(&config, words[i], words[i + 1], &error))
            return fail(&error);
    }
    if (!config_finish(&config, &error)) return fail(&error);
    if (tls != NULL && !encrypt(&config, tls, &error)) return fail(&error);

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
