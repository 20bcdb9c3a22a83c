#include "shim.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOT_STARTED = 127 };

static int wait_for(pid_t child)
{
    int status = 0;
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

struct shim_ending shim_run(const char *program, const char *test, const char *number)
{
    struct shim_ending ending = {.how = SHIM_DIED, .text = "could not be started"};
    const char *arguments[] = {program, "--one", test, number, NULL};
    pid_t child = fork();
    if (child < 0) return ending;
    if (child == 0) {
        alarm(SHIM_WATCHDOG_S); /* it lasts across exec, and even if the parent does not */
        execvp(program, (char *const *)arguments);
        _exit(NOT_STARTED);
    }
    int status = wait_for(child);
    if (WIFEXITED(status)) {
        ending.how = SHIM_EXITED;
        ending.number = WEXITSTATUS(status);
        snprintf(ending.text, sizeof ending.text, "exited with status %d", ending.number);
    } else if (WTERMSIG(status) == SIGALRM) {
        ending.how = SHIM_HUNG;
        snprintf(ending.text, sizeof ending.text, "ended after %d s", SHIM_WATCHDOG_S);
    } else {
        ending.number = WTERMSIG(status);
        snprintf(ending.text, sizeof ending.text, "died by signal %d, %s", ending.number,
                 strsignal(ending.number));
    }
    return ending;
}

void shim_settle(void)
{
}
