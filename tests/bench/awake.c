/* awake.c - keeps the processor that it is pinned to from halting, until it is killed or its parent ends:
 *
 *     awake
 *
 * It runs only while nobody else wants to. A processor that halts, a virtual one above all, forgets
 * what its caches held and how branches went: whoever is woken then pays for it. */
#include "client.h"

#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>

int main(void)
{
    const struct sched_param none = {.sched_priority = 0};
    volatile bool forever = true;
    if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) fail(3, "SCHED_IDLE: %s", strerror(errno));
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (forever) continue;
}
