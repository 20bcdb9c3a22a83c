/* test_file.h - one test of a script: a fresh server that is driven by hand (offline.h), the test's
 * file loaded into its Lua state beside the script, and what the file calls: the table `test`. */
#ifndef MOONPORT_TEST_FILE_H
#define MOONPORT_TEST_FILE_H

#include "reload/project.h"

/* Loads the file and, unless `index` is negative, runs its test of that number, from 0. *count: how
 * many tests it has. name: of the one that ran. False with an error: what failed, and where. */
bool test_file_run(struct project *project, const struct source_file *file, int index, int *count,
                   char *name, size_t name_size, struct error *error);

#endif
