#include "reload/project.h"

#include "api/channels.h"
#include "api/lua_api.h"
#include "api/shared.h"
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

bool project_open(struct project *project, int count, char **words, bool tests, struct error *error)
{
    *project = (struct project){.source = NULL};
    if (!read_all(project, count, words, tests, error)) return false;
    const struct options *options = &project->options;
    project->plan = (struct plan){
        .source = project->source,
        .generation = 1,
        .suspects = &project->review.suspects,
    };
    project->program = (struct program){
        .plan = &project->plan,
        .api = &lua_api,
        .shared = shared_open(options->shared_memory),
        .channels = channels_open(),
        .memory_max = options->lua_memory,
        .timeout_ns = options->handler_timeout_ns,
        .sandbox = options->sandbox,
    };
    const struct job_setup setup = {
        .memory_max = project->program.memory_max,
        .sandbox = project->program.sandbox,
        .serves = true,
        .open = lua_job_open_server,
        .context = &project->program,
    };
    const struct jobs_limits limits = options_jobs(options);
    project->program.jobs = jobs_open(&setup, &limits, false);
    if (project->program.jobs == NULL || project->program.shared == NULL ||
        project->program.channels == NULL)
        return error_set(error, ERROR_SYSTEM, "no memory for what workers share");
    project->script = lua_script;
    project->script.context = &project->program;
    return true;
}

void project_close(struct project *project)
{
    if (!jobs_close(project->program.jobs)) return; /* a thread of it still uses the rest */
    if (project->program.shared != NULL) shared_close(project->program.shared);
    channels_close(project->program.channels);
    review_close(&project->review);
    if (project->source != NULL) source_drop(project->source);
}
