#include "shim.h"

#include "base/check.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

/* abort() exits with the first; an exception that nobody handles with its own code, and the codes of
 * errors begin at the second. */
#define ABORTED 3
#define EXCEPTIONS 0xC0000000u

/* What is in it ends together with this process. */
static HANDLE open_job(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {0};
    HANDLE job = CreateJobObjectW(NULL, NULL);
    limits.BasicLimitInformation.LimitFlags = JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE;
    SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

/* The process of a place; NULL: there is none. */
static struct child {
    HANDLE process;
    ULONGLONG hangs_ms; /* from then on it does */
} children[SHIM_PLACES];
static struct shim_ending not_started[SHIM_PLACES]; /* why, where it says why */

/* Of this program. */
static WCHAR own_path[32768]; /* the longest path there is */

enum { STARTS_MAX = 3 };

/* Not a word of the test has run then, so that it is started again. One process in some thousands ends in Wine's own
 * hands, and this is the error. */
static bool was_not_loaded(BOOL started)
{
    return !started && GetLastError() == ERROR_INTERNAL_ERROR;
}

static BOOL start(const char *test, const char *number, PROCESS_INFORMATION *child)
{
    WCHAR command[512];
    STARTUPINFOW startup = {.cb = sizeof startup,
                            .dwFlags = STARTF_USESTDHANDLES,
                            .hStdInput = GetStdHandle(STD_INPUT_HANDLE),
                            .hStdOutput = GetStdHandle(STD_OUTPUT_HANDLE),
                            .hStdError = GetStdHandle(STD_ERROR_HANDLE)};
    BOOL started = FALSE;
    for (int i = 0; i == 0 || (i < STARTS_MAX && was_not_loaded(started)); i++) {
        swprintf(command, sizeof command / sizeof command[0], L"unit --one %hs %hs", test, number);
        started = CreateProcessW(own_path, command, NULL, NULL, TRUE, CREATE_SUSPENDED, NULL, NULL,
                                 &startup, child);
    }
    return started;
}

static struct shim_ending ending_of(DWORD status)
{
    struct shim_ending ending = {.how = SHIM_DIED};
    if (status == ABORTED) {
        ending.number = SIGABRT;
        snprintf(ending.text, sizeof ending.text, "aborted");
    } else if (status >= EXCEPTIONS) {
        snprintf(ending.text, sizeof ending.text, "died by exception 0x%08lX", status);
    } else {
        ending.how = SHIM_EXITED;
        ending.number = (int)status;
        snprintf(ending.text, sizeof ending.text, "exited with status %lu", status);
    }
    return ending;
}

bool shim_begin(int place, const char *test, const char *number)
{
    static HANDLE job;
    PROCESS_INFORMATION child;
    struct shim_ending *ending = &not_started[place];
    check(children[place].process == NULL);
    if (job == NULL) {
        GetModuleFileNameW(NULL, own_path, sizeof own_path / sizeof own_path[0]);
        job = open_job();
    }
    ending->text[0] = 0;
    if (!start(test, number, &child)) {
        ending->how = SHIM_DIED;
        snprintf(ending->text, sizeof ending->text, "could not be started: error %lu",
                 GetLastError());
        return false;
    }
    AssignProcessToJobObject(job, child.hProcess);
    ResumeThread(child.hThread);
    CloseHandle(child.hThread);
    children[place] = (struct child){child.hProcess, GetTickCount64() + SHIM_WATCHDOG_S * 1000};
    return false;
}

static int find_not_started(void)
{
    for (int place = 0; place < SHIM_PLACES; place++)
        if (not_started[place].text[0] != 0) return place;
    return -1;
}

/* The place of one that has ended, or hangs. */
static int wait_for_any(void)
{
    HANDLE processes[SHIM_PLACES];
    int places[SHIM_PLACES], next = -1;
    DWORD count = 0;
    for (int place = 0; place < SHIM_PLACES; place++) {
        const struct child *child = &children[place];
        if (child->process == NULL) continue;
        processes[count] = child->process;
        places[count++] = place;
        if (next < 0 || child->hangs_ms < children[next].hangs_ms) next = place;
    }
    check(count > 0);
    ULONGLONG now_ms = GetTickCount64(), hangs_ms = children[next].hangs_ms;
    DWORD which = WaitForMultipleObjects(count, processes, FALSE,
                                         hangs_ms > now_ms ? (DWORD)(hangs_ms - now_ms) : 0);
    if (which == WAIT_TIMEOUT) return next;
    check(which < WAIT_OBJECT_0 + count);
    return places[which - WAIT_OBJECT_0];
}

int shim_await(struct shim_ending *ending)
{
    DWORD status = 0;
    int place = find_not_started();
    if (place >= 0) {
        *ending = not_started[place];
        not_started[place].text[0] = 0;
        return place;
    }
    place = wait_for_any();
    HANDLE process = children[place].process;
    if (WaitForSingleObject(process, 0) == WAIT_TIMEOUT) {
        *ending = (struct shim_ending){.how = SHIM_HUNG};
        snprintf(ending->text, sizeof ending->text, "ended after %d s", SHIM_WATCHDOG_S);
        TerminateProcess(process, SHIM_FAILED);
        WaitForSingleObject(process, INFINITE);
    } else {
        GetExitCodeProcess(process, &status);
        *ending = ending_of(status);
    }
    CloseHandle(process);
    children[place].process = NULL;
    return place;
}

/* Instead of the debugger that the system would ask for. */
static LONG WINAPI die_by(EXCEPTION_POINTERS *exception)
{
    (void)exception;
    return EXCEPTION_EXECUTE_HANDLER;
}

/* Instead of the report of the error that the C library would send. */
static void exit_at_once(int signal)
{
    (void)signal;
    _exit(ABORTED);
}

void shim_settle(void)
{
    SetErrorMode(SEM_FAILCRITICALERRORS | SEM_NOGPFAULTERRORBOX | SEM_NOOPENFILEERRORBOX);
    SetUnhandledExceptionFilter(die_by);
    signal(SIGABRT, exit_at_once);
}
