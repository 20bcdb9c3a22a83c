#include "signals.h"

#include <signal.h>
#include <time.h>

static sigset_t stops;

void signals_hold(void)
{
    sigemptyset(&stops);
    sigaddset(&stops, SIGTERM);
    sigaddset(&stops, SIGINT);
    pthread_sigmask(SIG_BLOCK, &stops, NULL);
    signal(SIGPIPE, SIG_IGN);
}

bool signals_wait_for_stop(int milliseconds)
{
    struct timespec limit = {.tv_sec = milliseconds / 1000,
                             .tv_nsec = milliseconds % 1000 * 1000000L};
    if (milliseconds >= 0) return sigtimedwait(&stops, NULL, &limit) > 0;
    while (sigwaitinfo(&stops, NULL) < 0) {
    }
    return true;
}
