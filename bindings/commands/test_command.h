/* test_command.h - the command `moonport test DIR`: runs the tests of a script, its files *_test.lua. */
#ifndef MOONPORT_TEST_COMMAND_H
#define MOONPORT_TEST_COMMAND_H

/* words[0] is the command; returns the exit status: 0 if there are tests and all passed. */
int test_main(int count, char **words);

#endif
