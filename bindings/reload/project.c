#include "reload/project.h"

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
        .memory_max = options->lua_memory,
        .timeout_ns = options->handler_timeout_ns,
        .sandbox = options->sandbox,
    };
    if (project->program.shared == NULL)
        return error_set(error, ERROR_SYSTEM, "no memory for server.shared");
    project->script = lua_script;
    project->script.context = &project->program;
    return true;
}

void project_close(struct project *project)
{
    if (project->program.shared != NULL) shared_close(project->program.shared);
    review_close(&project->review);
    if (project->source != NULL) source_drop(project->source);
}
