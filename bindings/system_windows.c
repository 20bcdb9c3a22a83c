#include "system.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>

const char system_separators[] = "/\\";
const char system_module[] = "?.dll";

static HANDLE stops; /* a semaphore: how many were asked for */
static UINT code_page_before;

static void restore_code_page(void)
{
    SetConsoleOutputCP(code_page_before);
}

void system_begin(void)
{
    setvbuf(stderr, NULL, _IONBF, 0);
    code_page_before = GetConsoleOutputCP();
    if (code_page_before == 0 || code_page_before == CP_UTF8) return;
    if (SetConsoleOutputCP(CP_UTF8)) atexit(restore_code_page);
}

/* Line buffering is full buffering here. */
void system_show_output(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
}

uint64_t system_prepare(uint64_t files)
{
    return files; /* sockets are limited by memory alone */
}

/* The system runs this in a thread of its own. When a console is closed, or a user leaves, the
 * program is ended as soon as this returns, or a few seconds later if it does not. */
static BOOL WINAPI note_stop(DWORD event)
{
    ReleaseSemaphore(stops, 1, NULL);
    if (event != CTRL_C_EVENT && event != CTRL_BREAK_EVENT) Sleep(INFINITE);
    return TRUE;
}

void system_catch_stops(void)
{
    stops = CreateSemaphoreW(NULL, 0, LONG_MAX, NULL);
    if (stops == NULL) return;          /* then a stop request ends it, as it would without us */
    SetConsoleCtrlHandler(NULL, FALSE); /* whoever started this may have had ^C ignored */
    SetConsoleCtrlHandler(note_stop, TRUE);
}

bool system_wait_for_stop(int milliseconds)
{
    DWORD patience = milliseconds < 0 ? INFINITE : (DWORD)milliseconds;
    if (stops != NULL) return WaitForSingleObject(stops, patience) == WAIT_OBJECT_0;
    Sleep(patience);
    return false;
}
