#include "shim.h"

#include <pthread.h>
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

/* Of this program, written before the first start: several threads read it. */
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

struct shim_ending shim_run(const char *program, const char *test, const char *number)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    static HANDLE job;
    PROCESS_INFORMATION child;
    DWORD status = 0;
    struct shim_ending ending = {.how = SHIM_DIED};
    (void)program; /* the system knows it better */
    pthread_mutex_lock(&mutex);
    if (job == NULL) {
        GetModuleFileNameW(NULL, own_path, sizeof own_path / sizeof own_path[0]);
        job = open_job();
    }
    pthread_mutex_unlock(&mutex);
    if (!start(test, number, &child)) {
        snprintf(ending.text, sizeof ending.text, "could not be started: error %lu",
                 GetLastError());
        return ending;
    }
    AssignProcessToJobObject(job, child.hProcess);
    ResumeThread(child.hThread);
    if (WaitForSingleObject(child.hProcess, SHIM_WATCHDOG_S * 1000) == WAIT_TIMEOUT) {
        ending.how = SHIM_HUNG;
        snprintf(ending.text, sizeof ending.text, "ended after %d s", SHIM_WATCHDOG_S);
        TerminateProcess(child.hProcess, SHIM_FAILED);
        WaitForSingleObject(child.hProcess, INFINITE);
    } else {
        GetExitCodeProcess(child.hProcess, &status);
        ending = ending_of(status);
    }
    CloseHandle(child.hThread);
    CloseHandle(child.hProcess);
    return ending;
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
