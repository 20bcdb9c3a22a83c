#include "system/child.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PLENTY (UINT64_C(1) << 40)

static struct child *shell(const char *script, uint64_t memory_max)
{
    struct error error = {.text = ""};
    const char *words[] = {"sh", "-c", script, NULL};
    struct child *child = child_start("/bin/sh", words, memory_max, &error);
    cr_assert_not_null(child, "%s", error.text);
    return child;
}

/* All that it prints, until it has ended. */
static void hear(struct child *child, char *place, size_t room)
{
    bool ended = false;
    size_t used = 0;
    while (!ended) {
        used += child_read(child, place + used, room - 1 - used, 50, &ended);
        cr_assert_lt(used, room - 1);
    }
    place[used] = '\0';
}

static void expect(const char *script, const char *printed, int status)
{
    char text[4096];
    struct child *child = shell(script, PLENTY);
    hear(child, text, sizeof text);
    cr_assert_str_eq(text, printed, "%s printed: %s", script, text);
    cr_assert_eq(child_end(child), status, "%s", script);
}

Test(child, what_it_prints_and_how_it_ends_is_known)
{
    expect("echo out; echo error >&2; exit 3", "out\nerror\n", 3);
    expect("exit 0", "", 0);
    expect("echo $#: \"$@\"", "0:\n", 0);
    expect("kill -TERM $$", "", 128 + SIGTERM);
    expect("exec >&- 2>&-; sleep 0.05; exit 4", "", 4); /* long after the end of its output */
}

Test(child, it_has_no_input_and_no_file_of_its_parent)
{
    int file = open("/dev/null", O_RDONLY);
    cr_assert_eq(dup2(file, 9), 9);
    expect("cat; test -e /proc/self/fd/9 && echo has it; echo end", "end\n", 0);
    close(9);
    close(file);
}

Test(child, it_can_be_sent_signals_that_its_parent_has_blocked)
{
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &blocked, NULL);
    expect("kill -USR1 $$; echo lives", "", 128 + SIGUSR1);
}

Test(child, a_program_that_is_not_there_is_an_error)
{
    struct error error = {.text = ""};
    const char *words[] = {"nothing", NULL};
    cr_assert_null(child_start("/nothing/like/that", words, PLENTY, &error));
    cr_assert_str_eq(error.text, "nothing cannot be started: No such file or directory");
    cr_assert_eq(error.kind, ERROR_SYSTEM);
}

Test(child, nothing_is_read_before_there_is_something)
{
    char text[64];
    bool ended = true;
    struct child *child = shell("sleep 1000", PLENTY);
    cr_assert_eq(child_read(child, text, sizeof text, 0, &ended), 0);
    cr_assert_not(ended);
    cr_assert_eq(child_read(child, text, sizeof text, 20, &ended), 0);
    cr_assert_not(ended);
    cr_assert_eq(child_end(child), 128 + SIGKILL);
}

Test(child, output_without_end_is_read_in_pieces)
{
    char text[100];
    bool ended = false;
    struct child *child = shell("while :; do echo 123456789; done", PLENTY);
    for (size_t size = 0; size < 1000000;)
        size += child_read(child, text, sizeof text, 10000, &ended);
    cr_assert_not(ended);
    cr_assert_eq(child_end(child), 128 + SIGKILL);
}

/* It has ended long ago, and most of what it printed is still to be read. */
Test(child, what_it_printed_is_there_after_its_end)
{
    char text[32] = "";
    bool ended = false;
    struct child *child = shell("printf 12345678901234567890", PLENTY);
    size_t used = child_read(child, text, 1, 10000, &ended);
    usleep(300000);
    while (!ended && used < sizeof text - 1)
        used += child_read(child, text + used, 1, 10000, &ended);
    cr_assert_str_eq(text, "12345678901234567890");
    cr_assert_eq(child_end(child), 0);
}

static bool is_there(pid_t process)
{
    return kill(process, 0) == 0 || errno != ESRCH;
}

/* It keeps the pipe open, and that keeps nobody waiting. */
Test(child, what_it_leaves_behind_goes_with_it)
{
    char text[64];
    struct child *child = shell("sleep 1000 & echo $!", PLENTY);
    hear(child, text, sizeof text);
    pid_t left = atoi(text);
    cr_assert(is_there(left));
    cr_assert_eq(child_end(child), 0);
    while (is_there(left)) usleep(1000); /* until whoever inherits it has looked */
}

/* tail keeps all of it, as there is no line. */
Test(child, its_memory_is_bounded)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    cr_skip_test("NOT TESTED: a sanitizer's own memory is more than any bound");
#endif
    static const char script[] =
        "sleep 0.1; head -c 200000000 /dev/zero | tail >/dev/null 2>&1 && echo has it";
    char text[64];
    struct child *child = shell(script, PLENTY);
    hear(child, text, sizeof text);
    cr_assert_str_eq(text, "has it\n");
    child_end(child);
    child = shell(script, 100 << 20);
    hear(child, text, sizeof text);
    cr_assert_str_eq(text, "");
    child_end(child);
}

Test(child, it_yields_to_others)
{
    char expected[64], text[64];
    int other = nice(0) + 10;
    snprintf(expected, sizeof expected, "1000\n%d\n", other < 19 ? other : 19);
    struct child *child =
        shell("sleep 0.1; cat /proc/self/oom_score_adj; nice", PLENTY); /* once all is set */
    hear(child, text, sizeof text);
    child_end(child);
    cr_assert_str_eq(text, expected);
}
