/* profile_command.h - `moonport profile`: where the Lua of a running server spends its time, and what it allocates. */
#ifndef MOONPORT_PROFILE_COMMAND_H
#define MOONPORT_PROFILE_COMMAND_H

/* words[0] is "profile", its arguments follow. Returns the exit status: 0 fine, 1 the server refuses, 2 usage, 3 no server was
 * reached, or a file cannot be written. */
int profile_main(int count, char **words);

#endif
