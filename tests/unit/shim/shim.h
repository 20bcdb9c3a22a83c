/* shim.h - what the runner of tests asks of its platform: a process for each test, and how it ended. The
 * runner has one thread, so that a process can be made of it as it is. */
#ifndef MOONPORT_SHIM_H
#define MOONPORT_SHIM_H

#include <stdbool.h>

#ifndef SHIM_WATCHDOG_S
#define SHIM_WATCHDOG_S 600 /* what runs longer hangs, however slow the machine is */
#endif

enum { SHIM_PLACES = 64 }; /* so many tests at once; Windows waits for no more */

/* What a test's process exits with. Having passed is not 0: a test that ends early has not passed. */
enum { SHIM_PASSED = 42, SHIM_FAILED = 43, SHIM_SKIPPED = 77 };

struct shim_ending {
    enum { SHIM_EXITED, SHIM_DIED, SHIM_HUNG } how;
    int number; /* the status that it exited with; the signal that it died by, 0 if by no signal */
    char text[80]; /* what is told of it: "exited with status 66" */
};

/* Makes a process for the test, in a place where none is. True in that process, which is a fork then: it runs the
 * test. Where there are no forks, it is this program with `--one suite::name number`. */
bool shim_begin(int place, const char *test, const char *number);

/* Waits until one of them has ended, or ends it when the watchdog barks. Returns its place, which is free now; some
 * place must not be. */
int shim_await(struct shim_ending *ending);

/* In the test's process, before it: lets it die without a word to anybody but its parent. */
void shim_settle(void);

#endif
