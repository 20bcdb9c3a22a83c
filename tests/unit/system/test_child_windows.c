/* The child is this program, which is told to run one test alone: it does what CHILD_ROLE says. */
#include "system/child.h"

#include <criterion/criterion.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>

#define PLENTY (UINT64_C(1) << 40)

static const char *const alone[] = {"unit", "--one", "child::does_what_it_is_told", NULL};

/* ---- the child ---- */

static void set(const char *name, const char *value)
{
    char setting[128];
    snprintf(setting, sizeof setting, "%s=%s", name, value);
    cr_assert_eq(_putenv(setting), 0);
}

static void hang(void)
{
    puts("here");
    fflush(stdout);
    Sleep(INFINITE);
}

/* Ends, and leaves one that hangs. */
static void leave_one(void)
{
    char own[MAX_PATH], line[] = "unit --one child::does_what_it_is_told";
    STARTUPINFOA how = {.cb = sizeof how};
    PROCESS_INFORMATION made;
    set("CHILD_ROLE", "hangs");
    GetModuleFileNameA(NULL, own, sizeof own);
    cr_assert(CreateProcessA(own, line, NULL, NULL, TRUE, 0, NULL, NULL, &how, &made));
    printf("process %lu is left\n", made.dwProcessId);
    fflush(stdout);
}

Test(child, does_what_it_is_told)
{
    const char *role = getenv("CHILD_ROLE"), *event = getenv("CHILD_EVENT");
    if (role == NULL) return; /* it is a test like the others */
    if (strcmp(role, "hangs") == 0) hang();
    if (strcmp(role, "leaves") == 0) leave_one();
    if (strcmp(role, "signals") == 0) {
        SetEvent((HANDLE)(uintptr_t)strtoull(event, NULL, 10));
        puts("tried");
        fflush(stdout);
    }
}

/* ---- its parent ---- */

static struct child *begin(const char *role)
{
    struct error error = {.text = ""};
    set("CHILD_ROLE", role);
    struct child *child = child_start(NULL, alone, PLENTY, &error);
    set("CHILD_ROLE", "");
    cr_assert_not_null(child, "%s", error.text);
    return child;
}

struct heard {
    char text[1024];
    size_t used;
};

/* False: it has ended. */
static bool hear(struct child *child, struct heard *heard)
{
    bool ended = false;
    size_t room = sizeof heard->text - 1 - heard->used;
    heard->used += child_read(child, heard->text + heard->used, room, 50, &ended);
    heard->text[heard->used] = '\0';
    cr_assert_lt(heard->used, sizeof heard->text - 1);
    return !ended;
}

static void hear_until(struct child *child, struct heard *heard, const char *word)
{
    while (strstr(heard->text, word) == NULL)
        cr_assert(hear(child, heard), "it has printed: %s", heard->text);
}

/* This program says which word it does not understand. */
Test(child, it_gets_its_words_as_they_are)
{
    static const char *const odd[] = {"plain",
                                      "with blanks",
                                      "",
                                      "\"quoted\"",
                                      "back\\slash",
                                      "ends\\",
                                      "\\\"both\\\\\"",
                                      "ends so\\",
                                      "a \"b\\\\\" c",
                                      "--framing=line,delimiter=a \"b\\\\"};
    for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
        char said[256];
        struct heard heard = {.used = 0};
        struct error error = {.text = ""};
        const char *words[] = {"unit", odd[i], "--verbose", NULL};
        struct child *child = child_start(NULL, words, PLENTY, &error);
        cr_assert_not_null(child, "%s", error.text);
        while (hear(child, &heard)) continue;
        snprintf(said, sizeof said, "what is %s? ", odd[i]);
        cr_assert(strncmp(heard.text, said, strlen(said)) == 0, "%s: %s", odd[i], heard.text);
        cr_assert_eq(child_end(child), 2);
    }
}

Test(child, a_program_that_is_not_there_is_an_error)
{
    struct error error = {.text = ""};
    const char *words[] = {"nothing", NULL};
    cr_assert_null(child_start("C:\\nothing\\like\\that.exe", words, PLENTY, &error));
    cr_assert(strncmp(error.text, "nothing cannot be started: Windows error ", 41) == 0, "%s",
              error.text);
    cr_assert_eq(error.kind, ERROR_SYSTEM);
}

Test(child, one_that_hangs_is_ended)
{
    struct heard heard = {.used = 0};
    struct child *child = begin("hangs");
    hear_until(child, &heard, "here");
    cr_assert(hear(child, &heard));
    cr_assert_gt(child_end(child), 128);
}

/* It has its parent's output, and that keeps nobody waiting. */
Test(child, what_it_leaves_behind_goes_with_it)
{
    struct heard heard = {.used = 0};
    struct child *child = begin("leaves");
    hear_until(child, &heard, " is left");
    DWORD number = strtoul(strstr(heard.text, "process ") + 8, NULL, 10);
    HANDLE left = OpenProcess(SYNCHRONIZE, FALSE, number);
    cr_assert_not_null(left, "process %lu: error %lu", number, GetLastError());
    cr_assert_neq(WaitForSingleObject(left, 0), WAIT_OBJECT_0);
    child_end(child);
    cr_assert_eq(WaitForSingleObject(left, 60000), WAIT_OBJECT_0);
    CloseHandle(left);
}

Test(child, it_has_no_handle_of_its_parent)
{
    char number[32];
    struct heard heard = {.used = 0};
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    HANDLE event = CreateEventA(&inherited, TRUE, FALSE, NULL);
    cr_assert_not_null(event);
    snprintf(number, sizeof number, "%" PRIuPTR, (uintptr_t)event);
    set("CHILD_EVENT", number);
    struct child *child = begin("signals");
    hear_until(child, &heard, "tried");
    child_end(child);
    cr_assert_neq(WaitForSingleObject(event, 0), WAIT_OBJECT_0);
    CloseHandle(event);
}
