/* jobs.c - the client of `./dev bench jobs`.
 *
 *     jobs ADDRESS ask "CASE COUNT"     asks the server for a case, and prints the figures it answers
 *     jobs ADDRESS stall block|job      ten players log in at once, which takes 0.2 s each; prints the
 *                                       longest time between two ticks that another player gets
 *
 * Packets are lines. Exit status: 0 fine, 1 the server answered wrongly, 2 usage, 3 the system refused. */
#include "client.h"

#include <poll.h>

enum {
    LOGINS = 10,
    WATCHER = LOGINS, /* the last connection */
    CONNECTIONS,
    TICKS_BEFORE = 10, /* logins begin after so many, */
    TICKS_AFTER = 4,   /* and so many more come once all are in */
    LINE_SIZE = 256,
};

struct stall {
    struct pollfd peers[CONNECTIONS];
    const char *login;
    uint32_t ticks, in, ticks_after;
    uint64_t tick_ns, asked_ns, in_ns, longest_ns;
};

static void say(int handle, const char *text)
{
    char line[LINE_SIZE];
    int size = snprintf(line, sizeof line, "%s\n", text);
    if (size < 0 || size >= (int)sizeof line) fail(2, "too long: %s", text);
    send_all(handle, line, (size_t)size);
}

static void ask(const struct address *address, const char *what)
{
    char line[LINE_SIZE + 1] = "";
    size_t size = 0;
    int handle = connect_to(address, 0, now_ns() + 5 * SECOND_NS);
    say(handle, what);
    while (strchr(line, '\n') == NULL) {
        if (size == LINE_SIZE) fail(1, "the answer is too long");
        receive_all(handle, line + size++, 1);
    }
    fputs(line, stdout);
    close(handle);
}

/* ---- the stall ---- */

static void hear_tick(struct stall *stall)
{
    uint64_t time_ns = now_ns();
    if (stall->asked_ns != 0 && time_ns - stall->tick_ns > stall->longest_ns)
        stall->longest_ns = time_ns - stall->tick_ns;
    stall->tick_ns = time_ns;
    if (stall->in == LOGINS) stall->ticks_after++;
    if (++stall->ticks != TICKS_BEFORE) return;
    stall->asked_ns = now_ns();
    for (size_t i = 0; i < LOGINS; i++) say(stall->peers[i].fd, stall->login);
}

/* Lines are "tick" to one and "in" to the others: each has one length. */
static void hear(struct stall *stall, size_t number)
{
    char line[LINE_SIZE];
    const char *expected = number == WATCHER ? "tick\n" : "in\n";
    size_t length = strlen(expected);
    receive_all(stall->peers[number].fd, line, length);
    if (memcmp(line, expected, length) != 0) fail(1, "something else came than %s", expected);
    if (number == WATCHER) {
        hear_tick(stall);
    } else {
        stall->in++;
        stall->in_ns = now_ns();
    }
}

static void measure(struct stall *stall, const struct address *address)
{
    for (size_t i = 0; i < CONNECTIONS; i++)
        stall->peers[i] = (struct pollfd){.fd = connect_to(address, i, now_ns() + 5 * SECOND_NS),
                                          .events = POLLIN};
    say(stall->peers[WATCHER].fd, "watch");
    while (stall->ticks_after < TICKS_AFTER) {
        if (poll(stall->peers, CONNECTIONS, ANSWER_SECONDS * 1000) <= 0)
            fail(1, "the server did not answer within %d seconds", ANSWER_SECONDS);
        for (size_t i = 0; i < CONNECTIONS; i++)
            if (stall->peers[i].revents != 0) hear(stall, i);
    }
    printf("longest_ms=%.1f logins_ms=%.0f\n", (double)stall->longest_ns / 1e6,
           (double)(stall->in_ns - stall->asked_ns) / 1e6);
}

int main(int count, char **words)
{
    static struct stall stall;
    struct address address;
    struct error error;
    if (count != 4) fail(2, "jobs ADDRESS ask \"CASE COUNT\" | stall block|job");
    if (!address_parse(words[1], &address, &error)) fail(2, "%s", error.text);
    if (strcmp(words[2], "ask") == 0) {
        ask(&address, words[3]);
        return 0;
    }
    if (strcmp(words[2], "stall") != 0) fail(2, "what is %s?", words[2]);
    stall.login = words[3];
    measure(&stall, &address);
    return 0;
}
