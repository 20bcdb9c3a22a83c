/* reload_tests.h - runs the tests of a script directory before it is loaded: `moonport test` in a process of its own,
 * which is bounded in time and memory, and whose output is read and forgotten but for what fails. */
#ifndef MOONPORT_RELOAD_TESTS_H
#define MOONPORT_RELOAD_TESTS_H

#include "reload/command_line.h"
#include "reload/report.h"

#define RELOAD_TESTS_PATIENCE_NS UINT64_C(30000000000)

struct reload_tests {
    const char *program; /* NULL: this one */
    uint64_t patience_ns;

    /* Called every RELOAD_TESTS_LOOK_MS or more often, meanwhile. False: the tests are ended. */
    bool (*goes_on)(void *context);
    void *context;
};
enum { RELOAD_TESTS_LOOK_MS = 50 };

/* Are there any? */
bool reload_tests_any(const struct source *source);

/* True: they pass. False: the report says which have failed, or why they have not ended. The settings say how much
 * memory they may take: what a server takes with them. */
bool reload_tests_run(const struct reload_tests *tests, const struct command_line *line,
                      const struct options *options, struct report *report);

#endif
