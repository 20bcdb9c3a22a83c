#include "system/child.h"

#include "base/text.h"
#include "system/system.h"

#include <stdlib.h>
#include <string.h>
#include <windows.h>

enum { LINE_MAX = 32767 /* of CreateProcess */, LOOK_MS = 10, KILLED = 129 };

struct child {
    HANDLE process, output; /* the second: of a pipe, to be read */
    HANDLE job;             /* all that it starts is in it, too; NULL: the system has none */
};

/* ---- its command line ---- */

static void add_backslashes(struct text *line, size_t count)
{
    while (count-- > 0) text_add(line, "\\");
}

/* As a C program takes it apart: in quotes, with \" for each quote, and \\ for each backslash before one. */
static void add_word(struct text *line, const char *word)
{
    size_t backslashes = 0;
    text_add(line, line->used > 0 ? " \"" : "\"");
    for (; *word != '\0'; word++) {
        if (*word == '"') add_backslashes(line, backslashes + 1);
        backslashes = *word == '\\' ? backslashes + 1 : 0;
        text_add(line, "%c", *word);
    }
    add_backslashes(line, backslashes);
    text_add(line, "\"");
}

/* ---- the start ---- */

static HANDLE make_job(uint64_t memory_max)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION limits = {.JobMemoryLimit = (SIZE_T)memory_max};
    limits.BasicLimitInformation.LimitFlags =
        JOB_OBJECT_LIMIT_KILL_ON_JOB_CLOSE | JOB_OBJECT_LIMIT_JOB_MEMORY;
    HANDLE job = CreateJobObjectW(NULL, NULL);
    if (job != NULL)
        SetInformationJobObject(job, JobObjectExtendedLimitInformation, &limits, sizeof limits);
    return job;
}

/* It gets these two handles and no other: not this program's sockets. */
static bool spawn(struct child *child, const char *program, char *line, HANDLE input, HANDLE output)
{
    HANDLE handles[] = {input, output};
    STARTUPINFOEXA how = {.StartupInfo = {.cb = sizeof how,
                                          .dwFlags = STARTF_USESTDHANDLES,
                                          .hStdInput = input,
                                          .hStdOutput = output,
                                          .hStdError = output}};
    PROCESS_INFORMATION made;
    SIZE_T size = 0;
    InitializeProcThreadAttributeList(NULL, 1, 0, &size);
    how.lpAttributeList = malloc(size);
    if (how.lpAttributeList == NULL) return false;
    const DWORD flags = EXTENDED_STARTUPINFO_PRESENT | CREATE_SUSPENDED | CREATE_NO_WINDOW |
                        CREATE_NEW_PROCESS_GROUP | BELOW_NORMAL_PRIORITY_CLASS;
    bool fine =
        InitializeProcThreadAttributeList(how.lpAttributeList, 1, 0, &size) &&
        UpdateProcThreadAttribute(how.lpAttributeList, 0, PROC_THREAD_ATTRIBUTE_HANDLE_LIST,
                                  handles, sizeof handles, NULL, NULL) &&
        CreateProcessA(program, line, NULL, NULL, TRUE, flags, NULL, NULL, &how.StartupInfo, &made);
    free(how.lpAttributeList);
    if (!fine) return false;
    child->process = made.hProcess;
    if (child->job != NULL) AssignProcessToJobObject(child->job, made.hProcess);
    ResumeThread(made.hThread);
    CloseHandle(made.hThread);
    return true;
}

static bool start(struct child *child, const char *program, char *line)
{
    SECURITY_ATTRIBUTES inherited = {.nLength = sizeof inherited, .bInheritHandle = TRUE};
    HANDLE output = NULL;
    HANDLE input = CreateFileA("NUL", GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE, &inherited,
                               OPEN_EXISTING, 0, NULL);
    bool fine = input != INVALID_HANDLE_VALUE &&
                CreatePipe(&child->output, &output, &inherited, 0) &&
                SetHandleInformation(child->output, HANDLE_FLAG_INHERIT, 0) &&
                spawn(child, program, line, input, output);
    DWORD number = GetLastError();
    if (output != NULL) CloseHandle(output);
    if (input != INVALID_HANDLE_VALUE) CloseHandle(input);
    SetLastError(number);
    return fine;
}

static void free_child(struct child *child)
{
    if (child->process != NULL) CloseHandle(child->process);
    if (child->output != NULL) CloseHandle(child->output);
    if (child->job != NULL) CloseHandle(child->job); /* which ends what is left */
    free(child);
}

struct child *child_start(const char *program, const char *const *words, uint64_t memory_max,
                          struct error *error)
{
    char own[SYSTEM_PATH_MAX];
    struct child *child = calloc(1, sizeof *child);
    char *place = malloc(LINE_MAX);
    if (child == NULL || place == NULL) {
        free(child);
        free(place);
        error_set(error, ERROR_SYSTEM, "%s cannot be started: no memory", words[0]);
        return NULL;
    }
    struct text line = text_in(place, LINE_MAX);
    for (const char *const *word = words; *word != NULL; word++) add_word(&line, *word);
    child->job = make_job(memory_max);
    bool fine = program != NULL || GetModuleFileNameA(NULL, own, sizeof own) < sizeof own;
    fine = fine && !line.cut && start(child, program != NULL ? program : own, place);
    free(place);
    if (fine) return child;
    error_set(error, ERROR_SYSTEM, "%s cannot be started: Windows error %lu", words[0],
              GetLastError());
    free_child(child);
    return NULL;
}

/* ---- what it prints ---- */

static size_t read_now(struct child *child, char *bytes, size_t size)
{
    DWORD there = 0, got = 0;
    if (!PeekNamedPipe(child->output, NULL, 0, NULL, &there, NULL) || there == 0) return 0;
    if (size > there) size = there;
    return ReadFile(child->output, bytes, (DWORD)size, &got, NULL) ? got : 0;
}

size_t child_read(struct child *child, char *bytes, size_t size, int milliseconds, bool *ended)
{
    for (int waited = 0;; waited += LOOK_MS) { /* such a pipe cannot be waited for */
        bool over = WaitForSingleObject(child->process, 0) == WAIT_OBJECT_0;
        size_t got = read_now(child, bytes, size);
        *ended = over && got == 0;
        if (got > 0 || over || waited >= milliseconds) return got;
        WaitForSingleObject(child->process, LOOK_MS);
    }
}

/* ---- the end ---- */

int child_end(struct child *child)
{
    DWORD status = KILLED;
    if (WaitForSingleObject(child->process, 0) == WAIT_OBJECT_0)
        GetExitCodeProcess(child->process, &status);
    if (child->job != NULL) TerminateJobObject(child->job, KILLED);
    TerminateProcess(child->process, KILLED);
    WaitForSingleObject(child->process, INFINITE);
    free_child(child);
    return (int)status;
}
