#include "reload/project.h"

#include "api/channels.h"
#include "api/lua_api.h"
#include "api/shared.h"
#include "run/failure.h"
#include "run/script_errors.h"
#include "run/slow.h"
#include "run/start.h"

static bool read_all(struct project *project, int count, char **words, bool tests,
                     struct error *error)
{
    if (!command_line_read(&project->line, count, words, error)) return false;
    project->source = source_read(project->line.directory, error);
    return project->source != NULL &&
           command_line_configure(&project->line, project->source, &project->options, error) &&
           review_open(&project->review, project->source, tests, error);
}

static bool open_shared(struct project *project, struct error *error)
{
    const struct options *options = &project->options;
    struct program *program = &project->program;
    const struct job_setup setup = {
        .memory_max = program->memory_max,
        .sandbox = program->sandbox,
        .serves = true,
        .open = lua_job_open_server,
        .may_log = failure_of_job_may_log,
        .context = program,
    };
    const struct jobs_limits limits = options_jobs(options);
    program->shared = shared_open(options->shared_memory);
    program->channels = channels_open();
    program->meters = meters_open(CONFIG_WORKERS_MAX); /* tests say later how many there are */
    program->errors = script_errors_open();
    program->slow = slow_open();
    program->jobs = jobs_open(&setup, &limits, false);
    if (program->jobs != NULL && program->shared != NULL && program->channels != NULL &&
        program->meters != NULL && program->errors != NULL && program->slow != NULL)
        return true;
    return error_set(error, ERROR_SYSTEM, "no memory for what workers share");
}

/* False: a job's thread still uses it. */
static bool close_shared(struct program *program)
{
    if (!jobs_close(program->jobs)) return false;
    if (program->shared != NULL) shared_close(program->shared);
    channels_close(program->channels);
    script_errors_close(program->errors);
    slow_close(program->slow);
    meters_close(program->meters);
    return true;
}

bool project_renew_shared(struct project *project, struct error *error)
{
    if (!close_shared(&project->program))
        return error_set(error, ERROR_INPUT, "a job does not return");
    return open_shared(project, error);
}

static bool open_site(struct project *project, struct frame *frame, struct error *error)
{
    if (frame->kind != FRAME_WEBSOCKET || frame->websocket.public_dir[0] == '\0') return true;
    struct site *site =
        sites_open(&project->sites, project->line.directory, frame->websocket.public_dir, error);
    if (site != NULL) frame->websocket.site = &site->http;
    return site != NULL;
}

/* Reads what listeners show beside their WebSockets. */
static bool open_sites(struct project *project, struct error *error)
{
    struct config *config = &project->options.config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        struct config_listener *listener = &config->listeners[i];
        uint32_t count = listener->protocols == NULL ? 0 : listener->protocols->count;
        if (!open_site(project, &listener->frame, error)) return false;
        for (uint32_t j = 0; j < count; j++)
            if (!open_site(project, &listener->protocols->list[j].frame, error)) return false;
    }
    return true;
}

static bool open_secured(struct project *project, struct error *error)
{
    const struct config *config = &project->options.config;
    for (uint32_t i = 0; i < config->listener_count; i++) {
        const char *text = config->listeners[i].tls;
        if (text != NULL &&
            secured_open(&project->secured, project->line.directory, text, error) == NULL)
            return false;
    }
    return true;
}

bool project_secure(struct project *project, struct error *error)
{
    struct config *config = &project->options.config;
    for (uint32_t i = 0; i < config->listener_count; i++)
        for (struct secured *secured = project->secured; secured != NULL; secured = secured->next)
            if (secured->text == config->listeners[i].tls)
                config->listeners[i].filter = &secured->source.filters;
    return secured_serve(project->secured, project->line.directory, error);
}

bool project_open(struct project *project, int count, char **words, bool tests, struct error *error)
{
    *project = (struct project){.source = NULL};
    if (!read_all(project, count, words, tests, error) || !open_sites(project, error) ||
        !open_secured(project, error))
        return false;
    const struct options *options = &project->options;
    project->plan = (struct plan){
        .source = project->source,
        .generation = 1,
        .suspects = &project->review.suspects,
    };
    project->program = (struct program){
        .plan = &project->plan,
        .api = &lua_api,
        .memory_max = options->lua_memory,
        .timeout_ns = options->handler_timeout_ns,
        .keeps_failed = options->on_error == ON_ERROR_KEEP,
        .slow_ns = options->slow_handler_ns,
        .sandbox = options->sandbox,
    };
    if (!open_shared(project, error)) return false;
    project->script = lua_script;
    project->script.context = &project->program;
    return true;
}

void project_close(struct project *project)
{
    sites_close(&project->sites);
    secured_close(&project->secured);
    if (!close_shared(&project->program)) return;
    review_close(&project->review);
    if (project->source != NULL) source_drop(project->source);
}
