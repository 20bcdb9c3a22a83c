/* test_file.h - one test of a script: a fresh server that is driven by hand (offline.h), the test's
 * file loaded into its Lua state beside the script, and what the file calls: the table `test`. */
#ifndef MOONPORT_TEST_FILE_H
#define MOONPORT_TEST_FILE_H

#include "commands/lua_test.h"
#include "reload/project.h"

/* What a file has said of itself, and the test that ran. */
struct test_file {
    int count;        /* of its tests */
    uint32_t workers; /* that each of them has; 1 until it has been loaded */
    char name[TEST_NAME_MAX];
};

/* Loads the file and, unless `index` is negative, runs its test of that number, from 0. False with an error: what
 * failed, and where. */
bool test_file_run(struct project *project, const struct source_file *file, int index,
                   struct test_file *what, struct error *error);

#endif
