#include "commands/check_command.h"

#include "reload/project.h"
#include "server/offline.h"

static const char help[] =
    "moonport check DIR [FLAGS]\n"
    "\n"
    "Looks for errors in the scripts of DIR without serving: syntax, misspelt handlers, names "
    "that\n"
    "nothing defines, settings that do not exist. main.lua and the files it requires are run as at "
    "a\n"
    "start; handlers are not called. Prints each error with its file and line.\n"
    "\n"
    "  FLAGS   override config.lua, as when serving: moonport --help lists them\n"
    "\n"
    "Example: moonport check scripts/echo\n"
    "\n"
    "Exit status: 0 no errors (there may be warnings), 1 errors, 2 usage, 3 the system refused.\n";

/* Loads main.lua, and what it requires, as every worker would. */
static bool load(struct project *project, struct error *error)
{
    project->options.config.workers = 1;
    project->program.only_loads = true;
    struct offline *offline = offline_open(&project->options.config, &project->script, error);
    if (offline == NULL) return false;
    offline_close(offline);
    return true;
}

int check_main(int count, char **words)
{
    static struct project project;
    struct error error = {.kind = ERROR_NONE};
    if (command_line_asks_for_help(count, words)) {
        fputs(help, stdout);
        return 0;
    }
    log_set_level(LOG_WARN);
    if (project_open(&project, count, words, true, &error) && load(&project, &error))
        printf("%s: no errors in %u file%s\n", project.line.directory, project.source->count,
               project.source->count == 1 ? "" : "s");
    else
        fprintf(stderr, "%s\n", error.text);
    project_close(&project);
    return (int)error.kind;
}
