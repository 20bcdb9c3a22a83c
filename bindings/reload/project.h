/* project.h - a script directory with its settings, read and reviewed: the first step of serve, check and test. */
#ifndef MOONPORT_PROJECT_H
#define MOONPORT_PROJECT_H

#include "reload/command_line.h"
#include "reload/review.h"
#include "reload/secured.h"
#include "reload/site.h"
#include "run/code.h"

struct project {
    struct command_line line;
    struct source *source;
    struct options options;
    struct review review;
    struct plan plan;
    struct program program;
    struct script script;    /* to start a server with */
    struct site *sites;      /* what its listeners show; opened before the server starts */
    struct secured *secured; /* and the certificates of those that speak TLS */
};

/* words[0] is the command's name. `tests`: test files are reviewed, too. False with an error whose kind is the
 * exit status; the project must be closed all the same. */
bool project_open(struct project *project, int count, char **words, bool tests,
                  struct error *error);
void project_close(struct project *project);

/* Its listeners speak TLS where they are told to. Without this call, as for tests, none does. False with an error. */
bool project_secure(struct project *project, struct error *error);

/* Gives the project new shared state and new job threads, as at the start; no server may be running. False with
 * an error. */
bool project_renew_shared(struct project *project, struct error *error);

#endif
