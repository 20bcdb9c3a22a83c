#include "shim.h"

#include "base/check.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <stdarg.h>

enum { NAME_SIZE = 256, MESSAGE_SIZE = 4096, JOBS_MAX = 64, USAGE_ERROR = 2 };

struct totals {
    int started, tested, passed, failed, crashed; /* those that skip themselves are not tested */
};

/* Several threads take one test after the other. */
struct round {
    const char *program, *pattern;
    pthread_mutex_t mutex;  /* guards what follows, and what is said about a test */
    struct shim_test *next; /* the first that nobody has taken */
    struct totals totals;
};

static struct shim_test *tests;                       /* by suite, then by place in the file */
static const char *this_test = "", *this_number = ""; /* in a test's process */

static bool comes_before(const struct shim_test *left, const struct shim_test *right)
{
    int order = strcmp(left->suite, right->suite);
    if (order == 0) order = strcmp(left->file, right->file);
    if (order == 0) order = left->line - right->line;
    if (order == 0) order = strcmp(left->name, right->name);
    return order < 0;
}

void shim_add(struct shim_test *test)
{
    struct shim_test **place = &tests;
    while (*place != NULL && comes_before(*place, test)) place = &(*place)->next;
    test->next = *place;
    *place = test;
}

static void name_of(const struct shim_test *test, const char *between, char name[NAME_SIZE])
{
    int size = snprintf(name, NAME_SIZE, "%s%s%s", test->suite, between, test->name);
    check(size < NAME_SIZE);
}

static struct shim_test *find(const char *wanted)
{
    char name[NAME_SIZE];
    for (struct shim_test *test = tests; test != NULL; test = test->next) {
        name_of(test, "::", name);
        if (strcmp(name, wanted) == 0) return test;
    }
    return NULL;
}

/* For people, and for whoever reads the protocol. */
static void tell(const char *text)
{
    fprintf(stderr, "[----] %s\n", text);
    printf("# %s\n", text);
    fflush(stdout);
}

/* On one line; returns what is behind the space that it begins with. */
static const char *write_message(char message[MESSAGE_SIZE], const char *format, va_list arguments)
{
    vsnprintf(message, MESSAGE_SIZE, format, arguments);
    for (char *end = message; (end = strpbrk(end, "\r\n")) != NULL;) *end = ' ';
    return message + 1;
}

void shim_fail(const char *file, int line, const char *assertion, const char *format, ...)
{
    char message[MESSAGE_SIZE], text[2 * MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    const char *why = write_message(message, format, arguments);
    va_end(arguments);
    snprintf(text, sizeof text, "%s:%d: %s%s%s", file, line, assertion, *why != 0 ? ": " : "", why);
    tell(text);
    _Exit(SHIM_FAILED); /* other threads may be at work still */
}

void shim_skip(const char *format, ...)
{
    char message[MESSAGE_SIZE];
    va_list arguments;
    va_start(arguments, format);
    const char *why = write_message(message, format, arguments);
    va_end(arguments);
    fprintf(stderr, "[SKIP] %s: %s\n", this_test, why);
    printf("ok %s - %s # SKIP %s\n", this_number, this_test, why);
    fflush(stdout);
    _Exit(SHIM_SKIPPED);
}

/* The number is the parent's; a person gives none, and sees 0 for a test that passed. */
static int run_one(const char *name, const char *number)
{
    struct shim_test *test = find(name);
    if (test == NULL) {
        fprintf(stderr, "there is no test %s\n", name);
        return USAGE_ERROR;
    }
    this_test = name;
    this_number = number != NULL ? number : "1";
    shim_settle();
    test->run();
    return number != NULL ? SHIM_PASSED : EXIT_SUCCESS;
}

/* Tells what the test did not tell itself. */
static bool passes(const struct shim_test *test, const char *name, const struct shim_ending *ending)
{
    char text[NAME_SIZE + sizeof ending->text + 40];
    bool exited = ending->how == SHIM_EXITED;
    if (test->signal != 0 && ending->how == SHIM_DIED && ending->number == test->signal)
        return true;
    if (test->signal == 0 && exited && ending->number == SHIM_PASSED) return true;
    if (exited && ending->number == SHIM_PASSED)
        snprintf(text, sizeof text, "%s: should have died by signal %d", name, test->signal);
    else
        snprintf(text, sizeof text, "%s: %s", name, ending->text);
    if (!exited || ending->number != SHIM_FAILED) tell(text);
    return false;
}

static void count_ending(struct round *round, const struct shim_test *test, const char *number,
                         const struct shim_ending *ending)
{
    char name[NAME_SIZE];
    struct totals *totals = &round->totals;
    if (ending->how == SHIM_EXITED && ending->number == SHIM_SKIPPED) return;
    name_of(test, "::", name);
    bool passed = passes(test, name, ending);
    totals->tested++;
    totals->passed += passed;
    totals->failed += !passed;
    totals->crashed += !passed && ending->how == SHIM_DIED;
    if (!passed) fprintf(stderr, "[FAIL] %s\n", name);
    printf("%s %s - %s\n", passed ? "ok" : "not ok", number, name);
    fflush(stdout);
}

/* '*' stands for any text, '?' for any character. */
static bool matches(const char *text, const char *pattern)
{
    if (*pattern == '*') return matches(text, pattern + 1) || (*text && matches(text + 1, pattern));
    if (*text == 0 || *pattern == 0) return *text == *pattern;
    return (*pattern == '?' || *pattern == *text) && matches(text + 1, pattern + 1);
}

static bool selected(const struct shim_test *test, const char *pattern)
{
    char name[NAME_SIZE];
    name_of(test, "/", name);
    return matches(name, pattern);
}

/* The next test that is wanted, and its number; NULL: there are no more. */
static struct shim_test *take(struct round *round, char *number, size_t size)
{
    pthread_mutex_lock(&round->mutex);
    struct shim_test *test = round->next;
    while (test != NULL && !selected(test, round->pattern)) test = test->next;
    if (test != NULL) {
        round->next = test->next;
        snprintf(number, size, "%d", ++round->totals.started);
    }
    pthread_mutex_unlock(&round->mutex);
    return test;
}

static void *run_some(void *context)
{
    struct round *round = context;
    struct shim_test *test;
    char name[NAME_SIZE], number[16];
    while ((test = take(round, number, sizeof number)) != NULL) {
        name_of(test, "::", name);
        check(find(name) == test);
        struct shim_ending ending = shim_run(round->program, name, number);
        pthread_mutex_lock(&round->mutex);
        count_ending(round, test, number, &ending);
        pthread_mutex_unlock(&round->mutex);
    }
    return NULL;
}

static int run_all(const char *program, const char *pattern, int jobs)
{
    struct round round = {.program = program, .pattern = pattern, .next = tests};
    const struct totals *totals = &round.totals;
    pthread_t threads[JOBS_MAX];
    int count = 0;
    for (struct shim_test *test = tests; test != NULL; test = test->next)
        count += selected(test, pattern);
    printf("1..%d\n", count);
    fflush(stdout);
    pthread_mutex_init(&round.mutex, NULL);
    for (int i = 0; i < jobs; i++) check(pthread_create(&threads[i], NULL, run_some, &round) == 0);
    for (int i = 0; i < jobs; i++) pthread_join(threads[i], NULL);
    pthread_mutex_destroy(&round.mutex);
    if (count == 0) fprintf(stderr, "no test is called %s\n", pattern);
    fprintf(stderr, "[====] Synthesis: Tested: %d | Passing: %d | Failing: %d | Crashing: %d\n",
            totals->tested, totals->passed, totals->failed, totals->crashed);
    return totals->tested > 0 && totals->failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Those of Criterion's flags that change only what it says. */
static bool means_nothing(const char *flag)
{
    return strcmp(flag, "--verbose") == 0 || strncmp(flag, "--verbose=", 10) == 0;
}

/* -jN: so many tests at once. */
static bool read_jobs(const char *flag, int *jobs)
{
    if (strncmp(flag, "-j", 2) != 0 || flag[2] == 0 ||
        flag[2 + strspn(flag + 2, "0123456789")] != 0)
        return false;
    *jobs = atoi(flag + 2);
    if (*jobs < 1) *jobs = 1;
    if (*jobs > JOBS_MAX) *jobs = JOBS_MAX;
    return true;
}

int main(int count, char **arguments)
{
    const char *pattern = "*";
    int jobs = 1;
    if (count >= 3 && count <= 4 && strcmp(arguments[1], "--one") == 0)
        return run_one(arguments[2], count == 4 ? arguments[3] : NULL);
    for (int i = 1; i < count; i++) {
        if (strcmp(arguments[i], "--filter") == 0 && i + 1 < count) {
            pattern = arguments[++i];
        } else if (strncmp(arguments[i], "--filter=", 9) == 0) {
            pattern = arguments[i] + 9;
        } else if (!means_nothing(arguments[i]) && !read_jobs(arguments[i], &jobs)) {
            fprintf(stderr,
                    "what is %s? There are --filter SUITE/NAME (with * and ?), --verbose, -jN, and "
                    "--one SUITE::NAME to run a test in this process\n",
                    arguments[i]);
            return USAGE_ERROR;
        }
    }
    return run_all(arguments[0], pattern, jobs);
}
