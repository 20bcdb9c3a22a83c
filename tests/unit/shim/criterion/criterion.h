/* criterion.h - stands in for the Criterion test library where that does not run, or takes long: on
 * Windows, and under sanitizers. Offers what the unit tests use of it. Each test is run in a process of its
 * own, so that whichever thread fails ends the test, and nothing of it is left for the next. */
#ifndef MOONPORT_SHIM_CRITERION_H
#define MOONPORT_SHIM_CRITERION_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct shim_test {
    const char *suite, *name, *file;
    int line;
    int signal; /* by which it must end, or 0; Windows knows SIGABRT alone */
    void (*run)(void);
    struct shim_test *next; /* in the order of running */
};

/* Keeps it; call it before main. */
void shim_add(struct shim_test *test);

/* Tells what does not hold, or why it cannot be known here, and ends the process. The format begins
 * with a space. Any thread. */
_Noreturn __attribute__((format(printf, 4, 5))) void shim_fail(const char *file, int line,
                                                               const char *assertion,
                                                               const char *format, ...);
_Noreturn __attribute__((format(printf, 1, 2))) void shim_skip(const char *format, ...);

/* Test(suite, name) { ... } or, if it must end by a signal, Test(suite, name, .signal = SIGABRT). */
#define Test(of_suite, called, ...) \
    static void of_suite##_##called##_runs_(void); \
    __attribute__((constructor)) static void of_suite##_##called##_is_added_(void) \
    { \
        static struct shim_test test = {.suite = #of_suite, \
                                        .name = #called, \
                                        .file = __FILE__, \
                                        .line = __LINE__, \
                                        .run = of_suite##_##called##_runs_, \
                                        __VA_ARGS__}; \
        shim_add(&test); \
    } \
    static void of_suite##_##called##_runs_(void)

/* Each may be followed by a message, a literal format and its arguments. */
#define shim_assert(holds, assertion, ...) \
    ((holds) ? (void)0 : shim_fail(__FILE__, __LINE__, assertion, " " __VA_ARGS__))

#define cr_assert(condition, ...) shim_assert(condition, #condition, __VA_ARGS__)
#define cr_assert_not(condition, ...) shim_assert(!(condition), "!(" #condition ")", __VA_ARGS__)
#define cr_assert_null(pointer, ...) \
    shim_assert((pointer) == NULL, #pointer " == NULL", __VA_ARGS__)
#define cr_assert_not_null(pointer, ...) \
    shim_assert((pointer) != NULL, #pointer " != NULL", __VA_ARGS__)
#define cr_assert_eq(actual, expected, ...) \
    shim_assert((actual) == (expected), #actual " == " #expected, __VA_ARGS__)
#define cr_assert_neq(actual, expected, ...) \
    shim_assert((actual) != (expected), #actual " != " #expected, __VA_ARGS__)
#define cr_assert_leq(actual, limit, ...) \
    shim_assert((actual) <= (limit), #actual " <= " #limit, __VA_ARGS__)
#define cr_assert_lt(actual, limit, ...) \
    shim_assert((actual) < (limit), #actual " < " #limit, __VA_ARGS__)
#define cr_assert_geq(actual, limit, ...) \
    shim_assert((actual) >= (limit), #actual " >= " #limit, __VA_ARGS__)
#define cr_assert_gt(actual, limit, ...) \
    shim_assert((actual) > (limit), #actual " > " #limit, __VA_ARGS__)
#define cr_assert_str_eq(actual, expected, ...) \
    shim_assert(strcmp(actual, expected) == 0, #actual " says " #expected, __VA_ARGS__)
#define cr_assert_arr_eq(actual, expected, size, ...) \
    shim_assert(memcmp(actual, expected, size) == 0, #actual " is " #expected, __VA_ARGS__)
#define cr_skip_test(...) shim_skip(" " __VA_ARGS__)

#endif
