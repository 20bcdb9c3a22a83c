/* Sends a signal, whose handler calls the function. SIGURG: it is ignored by default, and nothing else here uses
 * it. */
#include "system/interrupt.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

struct interrupted {
    struct interrupted *volatile next; /* of the same thread */
    pthread_t thread;
    void (*function)(void *context);
    void *context;
};

/* Changed only on the thread they belong to, one pointer at a time: the handler may run between any two
 * instructions. */
static _Thread_local struct interrupted *volatile mine;

static void handle(int number)
{
    int kept = errno;
    (void)number;
    for (struct interrupted *each = mine; each != NULL; each = each->next)
        each->function(each->context);
    errno = kept;
}

void *interrupt_open(void (*function)(void *context), void *context)
{
    const struct sigaction action = {.sa_handler = handle, .sa_flags = SA_RESTART};
    struct interrupted *interrupted = malloc(sizeof *interrupted);
    if (interrupted == NULL) return NULL;
    *interrupted = (struct interrupted){
        .next = mine, .thread = pthread_self(), .function = function, .context = context};
    mine = interrupted;
    sigaction(SIGURG, &action, NULL);
    return interrupted;
}

void interrupt_close(void *thread)
{
    struct interrupted *volatile *place = &mine;
    while (*place != thread) place = &(*place)->next;
    *place = (*place)->next;
    free(thread);
}

void interrupt(void *thread)
{
    struct interrupted *interrupted = thread;
    pthread_kill(interrupted->thread, SIGURG);
}
