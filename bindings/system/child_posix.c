#include "system/child.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer's own memory is more than any bound. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
enum { BOUNDS_MEMORY = 0 };
#else
enum { BOUNDS_MEMORY = 1 };
#endif

enum { NICE = 10, WITHOUT_OUTPUT_MS = 10, KILLED = 128 };

extern char **environ;

struct child {
    pid_t process; /* leads a group of its own, in which all is that it starts */
    int output;    /* a pipe; -1: it is at its end */
};

/* ---- the start ---- */

/* A failure of one of these shows in the next one, or in posix_spawn: they only take memory. */
static int prepare(posix_spawn_file_actions_t *files, posix_spawnattr_t *attributes, int output)
{
    sigset_t none;
    sigemptyset(&none);
    posix_spawn_file_actions_addopen(files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(files, output, STDOUT_FILENO);
    posix_spawn_file_actions_adddup2(files, output, STDERR_FILENO);
    posix_spawn_file_actions_addclosefrom_np(files, STDERR_FILENO + 1);
    posix_spawnattr_setsigmask(attributes, &none);
    posix_spawnattr_setpgroup(attributes, 0);
    return posix_spawnattr_setflags(attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
}

/* Returns an errno. */
static int spawn(struct child *child, const char *program, const char *const *words, int output)
{
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    int failed = posix_spawn_file_actions_init(&files);
    if (failed != 0) return failed;
    failed = posix_spawnattr_init(&attributes);
    if (failed == 0) {
        failed = prepare(&files, &attributes, output);
        if (failed == 0)
            failed =
                posix_spawn(&child->process, program, &files, &attributes, (char **)words, environ);
        posix_spawnattr_destroy(&attributes);
    }
    posix_spawn_file_actions_destroy(&files);
    return failed;
}

/* If the system is short of memory, it ends this process first. */
static void offer_first(pid_t process)
{
    static const char most[] = "1000";
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/oom_score_adj", (int)process);
    int file = open(path, O_WRONLY | O_CLOEXEC);
    if (file < 0) return;
    ssize_t written = write(file, most, sizeof most - 1);
    (void)written;
    close(file);
}

static void bound(pid_t process, uint64_t memory_max)
{
    const struct rlimit memory = {memory_max, memory_max}, none = {0, 0};
    if (BOUNDS_MEMORY) prlimit(process, RLIMIT_DATA, &memory, NULL);
    prlimit(process, RLIMIT_CORE, &none, NULL);
    setpriority(PRIO_PROCESS, (id_t)process, getpriority(PRIO_PROCESS, 0) + NICE);
    offer_first(process);
}

struct child *child_start(const char *program, const char *const *words, uint64_t memory_max,
                          struct error *error)
{
    int ends[2], failed = ENOMEM;
    struct child *child = calloc(1, sizeof *child);
    if (child == NULL) goto no_memory;
    failed = pipe2(ends, O_CLOEXEC) == 0 ? 0 : errno;
    if (failed != 0) goto no_pipe;
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    child->output = ends[0];
    failed = spawn(child, program == NULL ? "/proc/self/exe" : program, words, ends[1]);
    close(ends[1]);
    if (failed != 0) goto not_spawned;
    bound(child->process, memory_max);
    return child;

not_spawned:
    close(ends[0]);
no_pipe:
    free(child);
no_memory:
    error_set(error, ERROR_SYSTEM, "%s cannot be started: %s", words[0], strerror(failed));
    return NULL;
}

/* ---- what it prints ---- */

/* 0: nothing is there, or nothing more ever will be. */
static size_t read_now(struct child *child, char *bytes, size_t size)
{
    if (child->output < 0) return 0;
    ssize_t got = read(child->output, bytes, size);
    if (got > 0) return (size_t)got;
    if (got == 0) {
        close(child->output);
        child->output = -1;
    }
    return 0;
}

/* It stays to be waited for, so that its number is not given to another one. */
static bool has_ended(const struct child *child)
{
    siginfo_t how = {.si_pid = 0};
    return waitid(P_PID, (id_t)child->process, &how, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           how.si_pid == child->process;
}

size_t child_read(struct child *child, char *bytes, size_t size, int milliseconds, bool *ended)
{
    struct pollfd output = {.fd = child->output, .events = POLLIN};
    bool is_open = child->output >= 0;
    if (!is_open && milliseconds > WITHOUT_OUTPUT_MS) milliseconds = WITHOUT_OUTPUT_MS;
    poll(&output, is_open ? 1 : 0, milliseconds);
    bool over = has_ended(child); /* before the last look: nothing of its own comes after that */
    size_t got = read_now(child, bytes, size);
    *ended = over && got == 0;
    return got;
}

/* ---- the end ---- */

int child_end(struct child *child)
{
    int status = 0;
    kill(-child->process, SIGKILL);
    while (waitpid(child->process, &status, 0) < 0 && errno == EINTR) continue;
    if (child->output >= 0) close(child->output);
    free(child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : KILLED + WTERMSIG(status);
}
