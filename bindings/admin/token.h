/* token.h - the secret that admin commands must present: who knows it may command the server.
 *
 * The server writes it to a file that only its user can read, named after its admin address, where the command
 * line of the same user finds it. On Linux the folder is the first of these that can be used:
 *
 *     $XDG_RUNTIME_DIR/moonport    /run/user/UID/moonport    /tmp/moonport-UID
 *
 * and on Windows %LOCALAPPDATA%\moonport. A folder that belongs to another user, or that others may write to, is
 * not used. */
#ifndef MOONPORT_TOKEN_H
#define MOONPORT_TOKEN_H

#include "base/address.h"
#include "base/span.h"

enum { TOKEN_MIN = 16, TOKEN_MAX = 64, TOKEN_PATH_MAX = 512 };

/* Makes one of random hexadecimal digits. False: the system has no randomness. */
bool token_make(char token[TOKEN_MAX + 1]);

/* Is the text the token? Takes as long wherever they differ (RFC 6750 says why). */
bool token_matches(const char *token, struct span text);

/* Writes the token for the server at that address; replaces an older file. `path` becomes the file's name; it is
 * empty after a failure. */
bool token_write(const struct address *address, const char *token, char path[TOKEN_PATH_MAX],
                 struct error *error);

/* Whether something has that name. An empty path: true, there is nothing to miss. */
bool token_is_there(const char *path);

/* Reads what token_write of this user wrote last for this address; if it is one of this machine's loopback, also for all
 * addresses of its family. (A token must not go to another machine, so it is not looked for with other addresses.)
 * False: there is no such file. */
bool token_read(const struct address *address, char token[TOKEN_MAX + 1]);

/* Removes the file, if it still holds this token. An empty path: does nothing. */
void token_remove(const char *path, const char *token);

#endif
