#include "shim.h"

#include "base/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NOBODY = 0, NOT_STARTED = -1 };

static pid_t children[SHIM_PLACES];

static int find(pid_t child)
{
    for (int place = 0; place < SHIM_PLACES; place++)
        if (children[place] == child) return place;
    return -1;
}

/* It has no second thread, and nothing of the test is in it: the fork is as good as a program that has just been
 * started, and costs much less where a sanitizer has to prepare that. */
bool shim_begin(int place, const char *test, const char *number)
{
    (void)test;
    (void)number;
    check(children[place] == NOBODY);
    fflush(NULL); /* or it is written twice */
    pid_t child = fork();
    if (child == 0) {
        alarm(SHIM_WATCHDOG_S); /* it lasts even if the parent does not */
        return true;
    }
    children[place] = child < 0 ? NOT_STARTED : child;
    return false;
}

static void describe(int status, struct shim_ending *ending)
{
    if (WIFEXITED(status)) {
        ending->how = SHIM_EXITED;
        ending->number = WEXITSTATUS(status);
        snprintf(ending->text, sizeof ending->text, "exited with status %d", ending->number);
    } else if (WTERMSIG(status) == SIGALRM) {
        ending->how = SHIM_HUNG;
        snprintf(ending->text, sizeof ending->text, "ended after %d s", SHIM_WATCHDOG_S);
    } else {
        ending->number = WTERMSIG(status);
        snprintf(ending->text, sizeof ending->text, "died by signal %d, %s", ending->number,
                 strsignal(ending->number));
    }
}

int shim_await(struct shim_ending *ending)
{
    int status = 0, place = find(NOT_STARTED);
    *ending = (struct shim_ending){.how = SHIM_DIED, .text = "could not be started"};
    while (place < 0) { /* whoever ran this program may have left it children that are no tests */
        pid_t child = waitpid(-1, &status, 0);
        check(child > 0 || errno == EINTR);
        if (child > 0) place = find(child);
        if (place >= 0) describe(status, ending);
    }
    children[place] = NOBODY;
    return place;
}

void shim_settle(void)
{
}
