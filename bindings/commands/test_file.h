/* test_file.h - one test of a script: a fresh server that is driven by hand (offline.h), the test's file loaded
 * into its Lua state beside the script, and the table `test` that the file calls. */
#ifndef MOONPORT_TEST_FILE_H
#define MOONPORT_TEST_FILE_H

#include "commands/lua_test.h"
#include "reload/project.h"

/* What a file has said about itself, and the test that ran. */
struct test_file {
    int count;        /* of its tests */
    uint32_t workers; /* workers of each test; 1 until the file has been loaded */
    char name[TEST_NAME_MAX];
};

/* Loads the file and, unless `index` is negative, runs the test of that number, from 0. False with an error that
 * says what failed, and where. */
bool test_file_run(struct project *project, const struct source_file *file, int index,
                   struct test_file *what, struct error *error);

#endif
