#define _CRT_RAND_S /* declares rand_s, which is cryptographically secure */
#include "system/system.h"

#include "base/clock.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

const char system_separators[] = "/\\";
const char system_module[] = "?.dll";

/* After its console was closed, a program has 5 seconds, and stopping at once may take 2 of them. */
enum { OUTPUT_SIZE = 32768, FLUSH_MS = 50, DRAIN_MS = 2500 };

static HANDLE stops; /* a semaphore: counts the requests */
static _Atomic uint64_t stop_ns;
static UINT code_page_before;

static void restore_code_page(void)
{
    SetConsoleOutputCP(code_page_before);
}

bool system_full_path(const char *path, char full[SYSTEM_PATH_MAX])
{
    return _fullpath(full, path, SYSTEM_PATH_MAX) != NULL;
}

void system_begin(void)
{
    setvbuf(stderr, NULL, _IONBF, 0);
    setvbuf(stdout, NULL, _IOFBF, OUTPUT_SIZE); /* otherwise a console gets every piece apart */
    code_page_before = GetConsoleOutputCP();
    if (code_page_before == 0 || code_page_before == CP_UTF8) return;
    if (SetConsoleOutputCP(CP_UTF8)) atexit(restore_code_page);
}

static DWORD WINAPI flush_output(void *context)
{
    for (;; Sleep(FLUSH_MS)) fflush(context);
    return 0;
}

/* On Windows, line buffering is full buffering, and without a buffer each piece of a line is a write. Lua's print
 * flushes its line itself; this is for io.write. */
void system_show_output(void)
{
    HANDLE thread = CreateThread(NULL, 0, flush_output, stdout, 0, NULL);
    if (thread != NULL) CloseHandle(thread);
}

uint64_t system_prepare(uint64_t files)
{
    return files; /* sockets are limited by memory alone */
}

void system_take_signals(void)
{
}

void system_bound_heap(void)
{
}

/* Services are notified when any user logs off, and keep running. */
static bool is_service(void)
{
    DWORD session;
    return ProcessIdToSessionId(GetCurrentProcessId(), &session) && session == 0;
}

void system_ask_to_stop(void)
{
    if (stops != NULL && system_stop_counts(&stop_ns, clock_now_ns()))
        ReleaseSemaphore(stops, 1, NULL);
}

/* The system runs this on a thread of its own. When a console is closed, or a user logs off, the program is ended
 * when this returns, or a few seconds later if it does not. A server that has not drained by then stops at once,
 * so that scripts still get to end. */
static BOOL WINAPI note_stop(DWORD event)
{
    if (event == CTRL_LOGOFF_EVENT && is_service()) return FALSE;
    system_ask_to_stop();
    if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) return TRUE;
    Sleep(DRAIN_MS);
    system_ask_to_stop();
    Sleep(INFINITE);
    return TRUE;
}

void system_catch_stops(void)
{
    stops = CreateSemaphoreW(NULL, 0, LONG_MAX, NULL);
    if (stops == NULL) return;          /* then a stop request ends the program */
    SetConsoleCtrlHandler(NULL, FALSE); /* the parent may have had ^C ignored */
    SetConsoleCtrlHandler(note_stop, TRUE);
}

void system_catch_hangup(void (*function)(void *context), void *context)
{
    (void)function, (void)context;
}

bool system_wait_for_stop(int milliseconds)
{
    DWORD patience = milliseconds < 0 ? INFINITE : (DWORD)milliseconds;
    if (stops != NULL) return WaitForSingleObject(stops, patience) == WAIT_OBJECT_0;
    Sleep(patience);
    return false;
}

bool system_random(void *bytes, size_t size)
{
    uint8_t *next = bytes;
    for (; size > 0; size--, next++) {
        unsigned value;
        if (rand_s(&value) != 0) return false;
        *next = (uint8_t)value;
    }
    return true;
}

bool system_execute(const char *command, int *status)
{
    (void)command, (void)status;
    return false;
}
