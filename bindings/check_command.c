#include "check_command.h"

#include "offline.h"
#include "project.h"

/* Loads main.lua, and what it requires, as every worker would. */
static bool load(struct project *project, struct error *error)
{
    project->config.workers = 1;
    project->program.only_loads = true;
    struct offline *offline = offline_open(&project->config, &project->script, error);
    if (offline == NULL) return false;
    offline_close(offline);
    return true;
}

int check_main(int count, char **words)
{
    static struct project project;
    struct error error = {.kind = ERROR_NONE};
    log_set_level(LOG_WARN);
    if (project_open(&project, count, words, true, &error) && load(&project, &error))
        printf("%s: no errors in %u file%s\n", project.line.directory, project.source->count,
               project.source->count == 1 ? "" : "s");
    else
        fprintf(stderr, "%s\n", error.text);
    project_close(&project);
    return (int)error.kind;
}
