/* token_system.h - folders and files for token.c, by platform. */
#ifndef MOONPORT_TOKEN_SYSTEM_H
#define MOONPORT_TOKEN_SYSTEM_H

#include "admin/token.h"

/* The name of the folder to try as number `index`, from 0; false: there are no more. `path` has TOKEN_PATH_MAX
 * bytes. */
bool token_folder(int index, char *path);

/* Makes the folder unless it is there; false: it cannot be made, or token_owns_folder is false. */
bool token_use_folder(const char *path);

/* False: there is no such folder, it belongs to another user, or others may write to it. */
bool token_owns_folder(const char *path);

/* Writes a new file that only this user may read, and gives it that name in one step. False: errno says why. */
bool token_write_file(const char *path, struct span text);

/* Reads at most `size` bytes of a file that belongs to this user, and when it was written. Returns how
 * many; -1: there is none. */
int token_read_file(const char *path, char *text, int size, int64_t *written_ns);

#endif
