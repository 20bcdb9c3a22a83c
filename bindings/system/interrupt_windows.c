/* The thread is suspended while the function runs on the caller's thread: for the data they share, that is as if
 * it ran on the suspended one. */
#include "system/interrupt.h"

#include <stdlib.h>
#include <windows.h>

struct interrupted {
    HANDLE thread;
    void (*function)(void *context);
    void *context;
};

void *interrupt_open(void (*function)(void *context), void *context)
{
    struct interrupted *interrupted = malloc(sizeof *interrupted);
    if (interrupted == NULL) return NULL;
    *interrupted = (struct interrupted){.function = function, .context = context};
    if (DuplicateHandle(GetCurrentProcess(), GetCurrentThread(), GetCurrentProcess(),
                        &interrupted->thread, 0, FALSE, DUPLICATE_SAME_ACCESS))
        return interrupted;
    free(interrupted);
    return NULL;
}

void interrupt_close(void *thread)
{
    struct interrupted *interrupted = thread;
    CloseHandle(interrupted->thread);
    free(interrupted);
}

void interrupt(void *thread)
{
    struct interrupted *interrupted = thread;
    CONTEXT registers = {.ContextFlags = CONTEXT_CONTROL};
    if (SuspendThread(interrupted->thread) == (DWORD)-1) return;
    /* SuspendThread may return earlier; this waits until the thread is suspended. */
    if (GetThreadContext(interrupted->thread, &registers))
        interrupted->function(interrupted->context);
    ResumeThread(interrupted->thread);
}
