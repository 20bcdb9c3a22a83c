#include "serve.h"

#include "admin.h"
#include "project.h"
#include "reload.h"
#include "system.h"

#include <unistd.h>

enum { STOP_POLL_MS = 20, PATIENCE_MS = 2000 };
enum { FILES_BESIDE = 1024 /* listeners, a script's own, ... */ };

/* Until the server has ended, the time is over, or somebody asks once more: only the first is true. */
static bool await_end(const struct server *server, uint64_t patience_ms, bool heeds_stops)
{
    for (uint64_t waited = 0; server_is_active(server); waited += STOP_POLL_MS) {
        if (waited >= patience_ms) return false;
        if (system_wait_for_stop(STOP_POLL_MS) && heeds_stops) return false;
    }
    return true;
}

/* In that time all has been sent or given up, and the last handlers have been interrupted, unless it is in
 * C functions that they are. Who lets them run for ever is waited for. */
static uint64_t drain_patience_ms(struct reloader *reloader)
{
    const struct config config = reloader_config(reloader);
    if (config.handler_timeout_ns == 0) return UINT64_MAX;
    return (config.drain_timeout_ns + 2 * config.handler_timeout_ns) / 1000000 + PATIENCE_MS;
}

/* The first stop lets everything finish; the second does not wait, whatever a script is up to. */
static void serve_until_stopped(struct server *server, struct reloader *reloader)
{
    system_wait_for_stop(-1);
    log_line(LOG_INFO, "stopping: every queue is flushed first; once more stops at once");
    server_drain(server);
    if (await_end(server, drain_patience_ms(reloader), true)) return;
    log_line(LOG_WARN, "stopping at once");
    server_abort(server);
    if (await_end(server, PATIENCE_MS, false)) return;
    log_line(LOG_WARN, "a script does not return: ended without it");
    _exit(0);
}

static void announce(const struct project *project)
{
    const struct config *config = &project->config;
    uint64_t wanted = config_blocks_wanted(config);
    if (config->blocks < wanted)
        log_line(LOG_INFO,
                 "blocks = %u: enough for most loads, but %u connections could use %llu at once; "
                 "receiving pauses when they run out",
                 config->blocks, config->max_connections, (unsigned long long)wanted);
    log_line(LOG_INFO, "serving %s with %u worker%s, at most %u connections",
             project->line.directory, config->workers, config->workers == 1 ? "" : "s",
             config->max_connections);
}

static void prepare_system(const struct config *config)
{
    uint64_t files = (uint64_t)config->max_connections + FILES_BESIDE;
    uint64_t may_open = system_prepare(files);
    system_bound_heap();
    if (may_open < files)
        log_line(LOG_WARN,
                 "only %llu files may be open, too few for max_connections = %u: raise the limit "
                 "(ulimit -n %llu) or lower max_connections",
                 (unsigned long long)may_open, config->max_connections, (unsigned long long)files);
}

/* Where commands are taken. When nobody asked for it, a server does without rather than not serve. */
static bool open_admin(const struct config *config, struct reloader *reloader, struct admin **admin,
                       struct error *error)
{
    static const struct admin_command commands[] = {
        {"reload", reloader_reload}, {"rollback", reloader_rollback}, {NULL, NULL}};
    *admin = NULL;
    if (!config->has_admin) return true;
    *admin =
        admin_open(&config->admin, (enum port_backend)config->backend, commands, reloader, error);
    if (*admin != NULL || config->admin_given) return *admin != NULL;
    log_line(LOG_WARN, "moonport reload cannot reach this server: %s", error->text);
    error->kind = ERROR_NONE;
    return true;
}

static void on_hangup(void *reloader)
{
    reloader_wake(reloader);
}

static void serve(struct project *project, struct server *server, struct error *error)
{
    struct admin *admin;
    struct reloader *reloader =
        reloader_open(server, &project->line, &project->config, project->source, error);
    if (reloader == NULL) return;
    if (open_admin(&project->config, reloader, &admin, error)) {
        system_catch_stops();
        system_catch_hangup(on_hangup, reloader);
        server_announce(server);
        announce(project);
        serve_until_stopped(server, reloader);
        system_catch_hangup(NULL, NULL);
        if (admin != NULL) admin_close(admin);
    }
    reloader_close(reloader);
}

int serve_main(int count, char **words)
{
    static struct project project;
    struct error error = {.kind = ERROR_NONE};
    if (project_open(&project, count, words, false, &error)) {
        log_set_level(project.config.log);
        system_show_output();
        system_catch_hangup(NULL, NULL); /* until there is something to load anew */
        prepare_system(&project.config);
        struct server *server = server_start(&project.config, &project.script, &error);
        if (server != NULL) {
            serve(&project, server, &error);
            server_stop(server);
            if (error.kind == ERROR_NONE) log_line(LOG_INFO, "stopped");
        }
    }
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    project_close(&project);
    return (int)error.kind;
}
