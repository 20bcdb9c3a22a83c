/* temporary.h - a file or a directory for as long as a test needs one. Each platform's own. */
#ifndef MOONPORT_TEMPORARY_H
#define MOONPORT_TEMPORARY_H

#include <stdbool.h>
#include <stdio.h>

/* An empty file to write and read as it is, gone when it is closed; NULL if there can be none. */
FILE *temporary_file(void);

/* An empty directory that nobody else has; false if there can be none. The path is absolute. */
enum { TEMPORARY_PATH_MAX = 512 };
bool temporary_directory(char path[TEMPORARY_PATH_MAX]);

/* What tests do in it, in the same way everywhere. */
bool temporary_subdirectory(const char *path);
bool temporary_move(const char *from, const char *to); /* over the file that is there */

/* Removes a directory with all that is in it, or a file. Links are not followed. */
bool temporary_remove(const char *path);

/* True where a stand-in for Windows keeps them as files of another system: Wine. */
bool temporary_is_on_wine(void);

#endif
