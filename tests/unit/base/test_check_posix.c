/* What a broken assertion leaves behind. */
#include "base/check.h"

#include <criterion/criterion.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void fail(int out)
{
    dup2(out, 2);
    signal(SIGABRT, SIG_DFL);
    check(out < 0);
    _exit(0);
}

Test(check, says_what_does_not_hold_and_where_and_ends_the_process)
{
    char said[512] = "";
    int ends[2], status;
    cr_assert_eq(pipe(ends), 0);
    pid_t child = fork();
    cr_assert(child >= 0);
    if (child == 0) fail(ends[1]);
    close(ends[1]);
    ssize_t size = read(ends[0], said, sizeof said - 1);
    close(ends[0]);
    cr_assert_eq(waitpid(child, &status, 0), child);
    cr_assert(WIFSIGNALED(status));
    cr_assert_eq(WTERMSIG(status), SIGABRT);
    cr_assert(size > 0);
    cr_assert_not_null(strstr(said, "moonport: this is a bug: "));
    cr_assert_not_null(strstr(said, "test_check_posix.c:14: check failed: out < 0\n"));
}
