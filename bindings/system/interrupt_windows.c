/* The thread is held still while the function runs in its stead: for what is shared with it, that
 * is as if it ran there. */
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
    /* Only this waits until it stands still. */
    if (GetThreadContext(interrupted->thread, &registers))
        interrupted->function(interrupted->context);
    ResumeThread(interrupted->thread);
}
