#include "commands/serve.h"

#include "admin/admin.h"
#include "admin/control.h"
#include "commands/stop.h"
#include "lua/lua_print.h"
#include "reload/project.h"
#include "reload/reload.h"
#include "run/trial.h"
#include "system/system.h"

enum { FILES_BESIDE = 1024 /* for listeners, files that scripts open, ... */ };

static void announce_blocks(const struct config *config)
{
    uint64_t wanted = config_blocks_wanted(config), most = config_blocks_most(config);
    if (config->blocks >= wanted) return;
    if (wanted <= most)
        log_line(LOG_INFO,
                 "blocks = %u: enough for most loads, but %u connections could use %llu at once; "
                 "receiving pauses when they run out",
                 config->blocks, config->max_connections, (unsigned long long)wanted);
    else
        log_line(LOG_INFO,
                 "blocks = %u: enough for most loads, but %u connections could use all of the %llu "
                 "at once that %u worker%s can have (%d each); receiving pauses when they run out",
                 config->blocks, config->max_connections, (unsigned long long)most, config->workers,
                 config->workers == 1 ? "" : "s", BLOCK_COUNT_MAX);
}

static void announce(const struct project *project)
{
    const struct config *config = &project->options.config;
    announce_blocks(config);
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

/* Opens the admin address. If the address was not asked for and is not free, the server runs without it. */
static bool open_admin(const struct options *options, struct control *control, struct admin **admin,
                       struct error *error)
{
    struct admin_setup setup = {.address = options->admin.address,
                                .backend = (enum port_backend)options->config.backend,
                                .routes = control_routes,
                                .context = control,
                                .token = options->admin_token,
                                .names = options->admin_names,
                                .each_second = control_each_second};
    *admin = NULL;
    if (!options->admin.is_on) return true;
    if (setup.address.family == ADDRESS_UNIX) setup.address.mode = (uint16_t)options->admin_mode;
    *admin = admin_open(&setup, error);
    if (*admin != NULL || options->admin.is_given) return *admin != NULL;
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
    struct reloader *reloader = reloader_open(server, project, error);
    if (reloader == NULL) return;
    struct control control = {.server = server, .reloader = reloader, .project = project};
    system_catch_stops(); /* the admin may be asked to stop it at once */
    if (open_admin(&project->options, &control, &admin, error)) {
        system_catch_hangup(on_hangup, reloader);
        server_announce(server);
        announce(project);
        stop_when_asked(server, reloader, project->program.jobs);
        system_catch_hangup(NULL, NULL);
        if (admin != NULL) admin_close(admin);
        profiler_close(&control.profiler);
    }
    reloader_close(reloader);
}

static struct server *start(struct project *project, struct error *error)
{
    project->program.trials = trials_open(project->options.config.workers);
    if (project->program.trials != NULL)
        return server_start(&project->options.config, &project->script, error);
    error_set(error, ERROR_SYSTEM, "no memory to count what handlers do");
    return NULL;
}

int serve_main(int count, char **words)
{
    static struct project project;
    struct error error = {.kind = ERROR_NONE};
    if (project_open(&project, count, words, false, &error) && project_secure(&project, &error)) {
        log_set_level(project.options.config.log);
        system_show_output();
        system_take_signals();
        system_catch_hangup(NULL, NULL); /* until there is a reloader */
        prepare_system(&project.options.config);
        project.program.serves = true;
        struct server *server = start(&project, &error);
        if (server != NULL) {
            serve(&project, server, &error);
            server_stop(server);
            stop_is_over();
            lua_print_tell_lost();
            if (error.kind == ERROR_NONE) log_line(LOG_INFO, "stopped");
        }
        trials_close(project.program.trials);
    }
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    project_close(&project);
    return (int)error.kind;
}
