#include "shim.h"

#include "base/check.h"
#include "base/clock.h"

#include <criterion/criterion.h>
#include <stdarg.h>

enum { NAME_SIZE = 256, MESSAGE_SIZE = 4096, NUMBER_SIZE = 16, USAGE_ERROR = 2 };

struct totals {
    int started, tested, passed, failed, crashed; /* those that skip themselves are not tested */
};

/* Several tests run at once, each in a place. When one has ended, the next begins in its place. */
struct round {
    const char *pattern;
    struct shim_test *next; /* the first that has not begun */
    int running;
    struct place {
        struct shim_test *test;
        uint64_t begun_ns;
        char number[NUMBER_SIZE];
    } places[SHIM_PLACES];
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

static void count_ending(struct totals *totals, const struct place *place,
                         const struct shim_ending *ending)
{
    char name[NAME_SIZE];
    if (ending->how == SHIM_EXITED && ending->number == SHIM_SKIPPED) return;
    name_of(place->test, "::", name);
    bool passed = passes(place->test, name, ending);
    bool crashed = !passed && ending->how == SHIM_DIED;
    totals->tested++;
    totals->passed += passed;
    totals->failed += !passed;
    totals->crashed += crashed;
    if (!passed)
        fprintf(stderr, "[FAIL] %s%s\n", name, crashed && ending->number != 0 ? ": CRASH!" : "");
    printf("%s %s - %s # %.2f s\n", passed ? "ok" : "not ok", place->number, name,
           (double)(clock_now_ns() - place->begun_ns) / 1e9);
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

/* The next test that is wanted; NULL: there are no more. */
static struct shim_test *take(struct round *round)
{
    struct shim_test *test = round->next;
    while (test != NULL && !selected(test, round->pattern)) test = test->next;
    if (test != NULL) round->next = test->next;
    return test;
}

static void begin_next(struct round *round, int at)
{
    struct place *place = &round->places[at];
    char name[NAME_SIZE];
    place->test = take(round);
    if (place->test == NULL) return;
    name_of(place->test, "::", name);
    check(find(name) == place->test);
    place->begun_ns = clock_now_ns();
    snprintf(place->number, sizeof place->number, "%d", ++round->totals.started);
    if (shim_begin(at, name, place->number)) exit(run_one(name, place->number));
    round->running++;
}

static int run_all(const char *pattern, int jobs)
{
    static struct round round;
    const struct totals *totals = &round.totals;
    int count = 0;
    round.pattern = pattern;
    round.next = tests;
    for (struct shim_test *test = tests; test != NULL; test = test->next)
        count += selected(test, pattern);
    printf("1..%d\n", count);
    fflush(stdout);
    for (int place = 0; place < jobs; place++) begin_next(&round, place);
    while (round.running > 0) {
        struct shim_ending ending;
        int place = shim_await(&ending);
        round.running--;
        count_ending(&round.totals, &round.places[place], &ending);
        begin_next(&round, place);
    }
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
    if (*jobs > SHIM_PLACES) *jobs = SHIM_PLACES;
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
    return run_all(pattern, jobs);
}
