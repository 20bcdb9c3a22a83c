/* timers.c - what a timer costs that fires: for a server that answers a packet with how many have
 * fired so far, in decimal digits (servers/timers).
 *
 *     timers ADDRESS --pid PID [--timers N] [--seconds S]
 *
 * It waits until all have begun, two seconds after the server has, and tells the CPU time that the
 * server uses a firing. Of N timers, that fire once a second, N a second must have fired.
 *
 * Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "base/settings.h"
#include "client.h"

#include <stdlib.h>

static uint64_t fired(int handle)
{
    uint8_t header[HEADER], question[HEADER + 1] = {HEADER + 1};
    char digits[32] = "";
    send_all(handle, question, sizeof question);
    receive_all(handle, header, sizeof header);
    size_t size = header[0] - (size_t)HEADER;
    int64_t count;
    if (header[0] <= HEADER || header[1] + header[2] + header[3] != 0 || size >= sizeof digits)
        fail(1, "the server does not say how many have fired: is it servers/timers?");
    receive_all(handle, digits, size);
    if (!settings_integer(digits, &count) || count < 0)
        fail(1, "\"%s\" timers have fired: that is no number", digits);
    return (uint64_t)count;
}

static void rest_until(uint64_t time_ns)
{
    uint64_t now = now_ns();
    if (now < time_ns) rest(time_ns - now);
}

static void measure(const struct address *address, uint64_t timers, uint64_t duration_ns, pid_t pid)
{
    int handle = connect_to(address, 0, now_ns() + 5 * SECOND_NS);
    fired(handle);
    rest_until(now_ns() + SECOND_NS * 11 / 10); /* by then all of them run */
    uint64_t before = fired(handle);
    struct usage begin = usage_of(pid);
    uint64_t begin_ns = now_ns();
    rest_until(begin_ns + duration_ns);
    uint64_t count = fired(handle) - before;
    struct usage end = usage_of(pid);
    double seconds = (double)(now_ns() - begin_ns) / (double)SECOND_NS;
    double due = (double)timers * seconds;
    if ((double)count < due * 0.9 - 2 || (double)count > due * 1.1 + 2)
        fail(1, "%" PRIu64 " timers fired in %.2f seconds, not %.0f", count, seconds, due);
    printf("timers=%" PRIu64 " firings_per_second=%.1f cpu_us_per_firing=%.4f firings=%" PRIu64
           " rss_begin_bytes=%" PRIu64 " rss_end_bytes=%" PRIu64 " seconds=%.3f\n",
           timers, (double)count / seconds,
           (double)(end.cpu_ns - begin.cpu_ns) / 1000 / (double)count, count, begin.memory,
           end.memory, seconds);
}

int main(int count, char **words)
{
    struct address address;
    struct error error;
    uint64_t timers = 1000, duration_ns = SECOND_NS, pid = 0;
    if (count < 2) fail(2, "timers ADDRESS --pid PID [--timers N] [--seconds S]");
    if (!address_parse(words[1], &address, &error)) fail(2, "%s", error.text);
    for (int i = 2; i < count; i += 2) {
        const char *name = words[i], *value = i + 1 < count ? words[i + 1] : "";
        bool good = false;
        if (strcmp(name, "--timers") == 0)
            good = settings_size(value, &timers) && timers != 0;
        else if (strcmp(name, "--seconds") == 0)
            good = settings_seconds(value, &duration_ns) && duration_ns != 0;
        else if (strcmp(name, "--pid") == 0)
            good = settings_size(value, &pid);
        else
            fail(2, "no such option: %s", name);
        if (!good) fail(2, "%s cannot be \"%s\"", name, value);
    }
    if (pid == 0) fail(2, "which process is the server? --pid PID");
    measure(&address, timers, duration_ns, (pid_t)pid);
    return 0;
}
