/* project.h - a script directory with its settings, read and reviewed: what serve, check and test
 * begin with. */
#ifndef MOONPORT_PROJECT_H
#define MOONPORT_PROJECT_H

#include "reload/command_line.h"
#include "reload/review.h"
#include "run/code.h"

struct project {
    struct command_line line;
    struct source *source;
    struct options options;
    struct review review;
    struct plan plan;
    struct program program;
    struct script script; /* to start a server with */
};

/* words[0] is the command's name. `tests`: those are looked through, too. False with an error whose
 * kind is the exit status; close it all the same. */
bool project_open(struct project *project, int count, char **words, bool tests,
                  struct error *error);
void project_close(struct project *project);

/* What workers share, and the threads of jobs, as they are at first; no server runs. False with an error. */
bool project_renew_shared(struct project *project, struct error *error);

#endif
