#include "harness_process.h"

#include <criterion/hooks.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DIRECTORY_OF_THE_RUN "MOONPORT_E2E_DIRECTORY" /* which every test inherits */

enum { END_PATIENCE_MS = 30000, TEST_PATIENCE_S = 60, NOT_TESTED = 77 };

/* ---- files ---- */

/* Lines of a console end with \r\n there. */
static void forget_returns(char *text)
{
    char *end = text;
    for (const char *c = text; *c != '\0'; c++)
        if (c[0] != '\r' || c[1] != '\n') *end++ = *c;
    *end = '\0';
}

char *file_read(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return strdup("");
    size_t size = 0, capacity = 4096;
    char *text = malloc(capacity);
    cr_assert_not_null(text);
    while ((size += fread(text + size, 1, capacity - size - 1, file)) + 1 == capacity) {
        text = realloc(text, capacity *= 2);
        cr_assert_not_null(text);
    }
    fclose(file);
    text[size] = '\0';
    if (on_windows()) forget_returns(text);
    return text;
}

void file_write(const char *directory, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", directory, name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file, "%s: %s", path, strerror(errno));
    fputs(text, file);
    cr_assert_eq(fclose(file), 0);
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
    (void)status;
    (void)kind;
    (void)where;
    return remove(path);
}

void tree_remove(const char *path)
{
    nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

void directory_new(char *path, size_t size)
{
    const char *parent = getenv("TMPDIR"), *own = getenv(DIRECTORY_OF_THE_RUN);
    if (parent == NULL) parent = "/tmp";
    snprintf(path, size, "%s/%s-XXXXXX", own == NULL ? parent : own,
             own == NULL ? "moonport" : "t");
    cr_assert_not_null(mkdtemp(path), "%s: %s", path, strerror(errno));
}

char *directory_make(const char *name, const char *text, ...)
{
    char path[200];
    va_list more;
    directory_new(path, sizeof path);
    va_start(more, text);
    while (name != NULL) {
        file_write(path, name, text);
        name = va_arg(more, const char *);
        if (name != NULL) text = va_arg(more, const char *);
    }
    va_end(more);
    return strdup(path);
}

char *directory_make_of(const char *const *files)
{
    char directory[200], path[512];
    directory_new(directory, sizeof directory);
    for (; files[0] != NULL; files += 2) {
        const char *slash = strchr(files[0], '/');
        if (slash != NULL) {
            snprintf(path, sizeof path, "%s/%.*s", directory, (int)(slash - files[0]), files[0]);
            cr_assert(mkdir(path, 0700) == 0 || errno == EEXIST, "%s", path);
        }
        file_write(directory, files[0], files[1]);
    }
    return strdup(directory);
}

void directory_remove(char *directory)
{
    tree_remove(directory);
    free(directory);
}

/* ---- what is tested ---- */

const char *backend(void)
{
    return getenv("MOONPORT_BACKEND");
}

bool on_windows(void)
{
    return strcmp(backend(), "iocp") == 0;
}

void need_unix_sockets(void)
{
    if (on_windows()) cr_skip_test("NOT TESTED: unix sockets are for Linux");
}

bool has_luajit(void)
{
    char *out, *err;
    const char *words[] = {"--version", NULL};
    cr_assert_eq(program_run(&out, &err, words), 0);
    bool found = strstr(out, "LuaJIT") != NULL;
    free(out);
    free(err);
    return found;
}

void need_lua_5_4(const char *why)
{
    if (has_luajit()) cr_skip_test("NOT TESTED: %s", why);
}

/* What starts a program that is not this system's own; NULL: nothing need. */
static const char *launcher(void)
{
    const char *path = getenv("MOONPORT_LAUNCHER");
    return path == NULL || *path == '\0' ? NULL : path;
}

/* A sanitized program names its runtime. */
int patience(void)
{
    static int times;
    if (times != 0) return times;
    FILE *file = fopen(getenv("MOONPORT_PROGRAM"), "rb");
    cr_assert_not_null(file, "MOONPORT_PROGRAM cannot be opened");
    fseek(file, 0, SEEK_END);
    size_t size = (size_t)ftell(file);
    rewind(file);
    char *program = malloc(size);
    cr_assert_not_null(program);
    cr_assert_eq(fread(program, 1, size, file), size);
    fclose(file);
    times = memmem(program, size, "__tsan_init", 11) != NULL   ? THREAD_SANITIZED
            : memmem(program, size, "__asan_init", 11) != NULL ? 4
            : launcher() != NULL                               ? 4
                                                               : 1;
    free(program);
    return times;
}

/* ---- processes ---- */

uint64_t now_ms(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void nap(void)
{
    nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
}

static void redirect(int descriptor, const char *path, int flags)
{
    int file = open(path, flags | O_CLOEXEC, 0600);
    if (file < 0 || dup2(file, descriptor) < 0) _exit(126);
}

/* Criterion ends only tests that name a limit themselves. What the server said is shown at exit. */
static void give_up(int signal_number)
{
    (void)signal_number;
    signal(SIGALRM, SIG_DFL);
    alarm(5);
    fputs("---- this test takes far too long\n", stderr);
    exit(1);
}

static unsigned files_max;

void process_limit_files(unsigned count)
{
    files_max = count;
}

static sigset_t blocked; /* none */

void process_block_signal(int number)
{
    sigaddset(&blocked, number);
}

static pid_t start(const char *first, const char *const *program, int input, const char *out,
                   const char *err)
{
    const char *words[WORDS_MAX + 1];
    pid_t parent = getpid();
    int count = 0;
    if (first != NULL) words[count++] = first;
    while (*program != NULL) words[count++] = *program++;
    words[count] = NULL;
    signal(SIGALRM, give_up);
    alarm((unsigned)(TEST_PATIENCE_S * patience()));
    pid_t child = fork();
    cr_assert(child >= 0, "fork: %s", strerror(errno));
    if (child != 0) return child;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    setpgid(0, 0);
    sigprocmask(SIG_SETMASK, &blocked, NULL);
    if (input < 0)
        redirect(0, "/dev/null", O_RDONLY);
    else
        dup2(input, 0);
    redirect(1, out, O_WRONLY | O_CREAT | O_APPEND);
    redirect(2, err, O_WRONLY | O_CREAT | O_APPEND);
    if (files_max > 0)
        setrlimit(RLIMIT_NOFILE, &(struct rlimit){.rlim_cur = files_max, .rlim_max = files_max});
    execv(words[0], (char *const *)words);
    fprintf(stderr, "%s: %s\n", words[0], strerror(errno));
    _exit(127);
}

pid_t process_start(const char *const *program, int input, const char *out, const char *err)
{
    if (launcher() != NULL)
        setenv("LC_ALL", "C.UTF-8", 1); /* Wine takes words and names of files for that */
    return start(launcher(), program, input, out, err);
}

pid_t process_start_of_linux(const char *const *program, const char *out)
{
    return start(NULL, program, -1, out, out);
}

int process_shell(const char *line, const char *out)
{
    pid_t parent = getpid(), child = fork();
    cr_assert(child >= 0, "fork: %s", strerror(errno));
    if (child != 0) return process_await(child);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(126);
    redirect(0, "/dev/null", O_RDONLY);
    redirect(1, out, O_WRONLY | O_CREAT | O_APPEND);
    redirect(2, out, O_WRONLY | O_CREAT | O_APPEND);
    execl("/bin/sh", "sh", "-c", line, (char *)NULL);
    _exit(127);
}

bool process_is_there(const char *name)
{
    char line[128];
    snprintf(line, sizeof line, "command -v %s", name);
    return process_shell(line, "/dev/null") == 0;
}

bool process_has_ended(pid_t child)
{
    siginfo_t info = {.si_pid = 0};
    return child == 0 || waitid(P_PID, (id_t)child, &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == child;
}

int process_await(pid_t child)
{
    int status;
    uint64_t deadline_ms = now_ms() + (uint64_t)(END_PATIENCE_MS * patience());
    while (!process_has_ended(child) && now_ms() < deadline_ms) nap();
    bool ended = process_has_ended(child);
    if (!ended) kill(child, SIGKILL);
    cr_assert_eq(waitpid(child, &status, 0), child);
    if (!ended) return -1;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

const char *sanitizer_complaint(const char *log)
{
    static const char *const complaints[] = {"AddressSanitizer", "LeakSanitizer",
                                             "runtime error:", "ThreadSanitizer", "this is a bug:"};
    for (size_t i = 0; i < sizeof complaints / sizeof *complaints; i++)
        if (strstr(log, complaints[i]) != NULL) return complaints[i];
    return NULL;
}

/* ---- programs that end by themselves ---- */

static int prepare_input(const char *input)
{
    int ends[2];
    if (input == NULL) return -1;
    size_t size = strlen(input);
    cr_assert_eq(pipe2(ends, O_CLOEXEC), 0);
    cr_assert(size <= 65536, "a pipe does not hold it");
    cr_assert_eq(write(ends[1], input, size), (ssize_t)size);
    close(ends[1]);
    return ends[0];
}

static int run_once(char **out, char **err, const char *input, const char *const *all)
{
    char base[200], out_path[300], err_path[300];
    directory_new(base, sizeof base);
    snprintf(out_path, sizeof out_path, "%s/out", base);
    snprintf(err_path, sizeof err_path, "%s/err", base);
    int from = prepare_input(input);
    int status = process_await(process_start(all, from, out_path, err_path));
    if (from >= 0) close(from);
    *out = file_read(out_path);
    *err = file_read(err_path);
    tree_remove(base);
    return status;
}

bool process_was_not_loaded(int status, const char *out, const char *err)
{
    return on_windows() && status == 1 && out[0] == '\0' && err[0] == '\0';
}

int program_run_input(char **out, char **err, const char *input, const char *const *words)
{
    const char *all[WORDS_MAX] = {getenv("MOONPORT_PROGRAM")};
    for (int i = 0; words[i] != NULL; i++) {
        cr_assert(i + 2 < WORDS_MAX);
        all[i + 1] = words[i];
    }
    int status = run_once(out, err, input, all);
    for (int i = 0; i < LOADS_MAX && process_was_not_loaded(status, *out, *err); i++) {
        fprintf(stderr, "%s was not loaded: it is started again\n", all[0]);
        free(*out);
        free(*err);
        status = run_once(out, err, input, all);
    }
    cr_assert(status >= 0, "it does not end:\n%s", *err);
    cr_assert_null(sanitizer_complaint(*err), "%s", *err);
    return status;
}

int program_run(char **out, char **err, const char *const *words)
{
    return program_run_input(out, err, NULL, words);
}

void program_ended(int ended, int status, char *out, const char *printed, char *err,
                   const char *said)
{
    cr_assert_eq(ended, status, "status %d: %s", ended, err);
    cr_assert_str_eq(out, printed, "\"%s\"", out);
    if (said == NULL)
        cr_assert_str_eq(err, "");
    else
        cr_assert_not_null(strstr(err, said), "no \"%s\" in:\n%s", said, err);
    free(out);
    free(err);
}

void program_fail(int status, const char *const *words, const char *first, const char *second)
{
    char *out, *err;
    int ended = program_run(&out, &err, words);
    cr_assert_eq(ended, status, "status %d, and it said: %s", ended, err);
    cr_assert_not_null(strstr(err, first), "expected \"%s\" in:\n%s", first, err);
    cr_assert_not_null(strstr(err, second), "expected \"%s\" in:\n%s", second, err);
    cr_assert_str_eq(out, "");
    free(out);
    free(err);
}

static void need_environment(void)
{
    static const char *const names[] = {"MOONPORT_PROGRAM", "MOONPORT_BACKEND", "MOONPORT_SCRIPTS",
                                        "MOONPORT_ECHO"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (getenv(names[i]) != NULL) continue;
        fprintf(stderr, "!!!! %s is not set: run these tests with ./dev test e2e\n", names[i]);
        _exit(1);
    }
}

static bool backend_works(void)
{
    char *out, *err; /* the script fails once the backend has been found to work */
    char *directory = directory_make("main.lua", "error('the backend works')\n", NULL);
    const char *words[] = {directory, "--listen", "127.0.0.1:0", "--backend", backend(), NULL};
    int status = program_run(&out, &err, words);
    bool works = status == 1 && strstr(err, "the backend works") != NULL;
    bool known = strstr(err, "io_uring does not work here") != NULL;
    if (!works)
        fprintf(stderr, "%s!!!! backend %s: NOTHING WAS TESTED, %s\n", err, backend(),
                known ? "it does not work here" : "moonport does not even load a script");
    directory_remove(directory);
    free(out);
    free(err);
    if (!works && !known) _exit(1);
    return works;
}

/* Before all tests; no assertion works here yet. */
ReportHook(PRE_ALL)(struct criterion_test_set *tests)
{
    static char directory[200];
    (void)tests;
    need_environment();
    if (!backend_works()) _exit(NOT_TESTED);
    alarm(0);
    directory_new(directory, sizeof directory);
    setenv(DIRECTORY_OF_THE_RUN, directory, 1);
}

ReportHook(POST_ALL)(struct criterion_global_stats *stats)
{
    (void)stats;
    tree_remove(getenv(DIRECTORY_OF_THE_RUN));
}
