/* check_command.h - the command `moonport check DIR`: loads everything and serves nothing. */
#ifndef MOONPORT_CHECK_COMMAND_H
#define MOONPORT_CHECK_COMMAND_H

/* words[0] is the command; returns the exit status. */
int check_main(int count, char **words);

#endif
