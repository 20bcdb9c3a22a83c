/* shim.h - what the runner of tests asks of its platform: a process for one test, and how it ended. */
#ifndef MOONPORT_SHIM_H
#define MOONPORT_SHIM_H

#ifndef SHIM_WATCHDOG_S
#define SHIM_WATCHDOG_S 600 /* what runs longer hangs, however slow the machine is */
#endif

/* What a test's process exits with. Having passed is not 0: a test that ends early has not passed. */
enum { SHIM_PASSED = 42, SHIM_FAILED = 43, SHIM_SKIPPED = 77 };

struct shim_ending {
    enum { SHIM_EXITED, SHIM_DIED, SHIM_HUNG } how;
    int number; /* the status that it exited with; the signal that it died by, 0 if by no signal */
    char text[80]; /* what is told of it: "exited with status 66" */
};

/* Runs `program --one suite::name number` to its end, or ends it when the watchdog barks. Any thread. */
struct shim_ending shim_run(const char *program, const char *test, const char *number);

/* In that process, before its test: lets it die without a word to anybody but its parent. */
void shim_settle(void);

#endif
