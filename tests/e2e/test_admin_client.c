/* moonport reload and the like, where what listens answers as no server of ours does. */
#include "harness_process.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct answering {
    int listener;
    const char *answer;
};

/* Takes the request, answers, and ends. */
static void *answer(void *argument)
{
    const struct answering *answering = argument;
    char request[1024];
    size_t used = 0;
    int client = accept(answering->listener, NULL, NULL);
    if (client < 0) return NULL;
    do {
        ssize_t size = recv(client, request + used, sizeof request - 1 - used, 0);
        if (size <= 0) return NULL;
        used += (size_t)size;
        request[used] = '\0';
    } while (strstr(request, "\r\n\r\n") == NULL);
    size_t size = strlen(answering->answer);
    if (send(client, answering->answer, size, MSG_NOSIGNAL) == (ssize_t)size) close(client);
    return argument;
}

/* What it prints for this answer, and what it says of it (a part; NULL: nothing). */
static void expect(const char *text, int status, const char *printed, const char *said)
{
    struct answering answering = {.answer = text};
    uint16_t port;
    pthread_t thread;
    char address[32], *out, *err;
    answering.listener = listen_anywhere(&port);
    snprintf(address, sizeof address, "127.0.0.1:%u", port);
    cr_assert_eq(pthread_create(&thread, NULL, answer, &answering), 0);
    int ended = program_run(&out, &err, WORDS("reload", "--admin", address));
    void *answered;
    shutdown(answering.listener, SHUT_RDWR); /* nobody else will ask */
    pthread_join(thread, &answered);
    cr_assert_not_null(answered, "it has asked nothing");
    program_ended(ended, status, out, printed, err, said);
    close(answering.listener);
}

#define FINE "HTTP/1.1 200 OK\r\nContent-Length: "

Test(admin_client, what_the_server_says_cannot_command_the_terminal)
{
    expect(FINE "24\r\n\r\nred \033[31m\a is\tnot\r red\177\n", 0, "red ?[31m? is\tnot? red?\n",
           NULL);
    expect("HTTP/1.1 409 Conflict\r\nContent-Length: 11\r\n\r\n\033]0;title\a\n", INPUT, "",
           "?]0;title?\n");
}

Test(admin_client, an_answer_that_breaks_off_is_none)
{
    static const char ended[] = "ended before the answer";
    expect("", SYSTEM, "", ended);
    expect("H", SYSTEM, "", ended);
    expect("HTTP/1.1 200 OK\r\n", SYSTEM, "", ended);
    expect(FINE "3\r\n\r\nok", SYSTEM, "", ended);
    expect("HTTP/1.1 200 OK\r\n\r\nok\n", SYSTEM, "", ended);
    expect(FINE "0\r\n\r\n", 0, "", NULL);
    expect("HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n", INPUT, "",
           "does not know the command reload: is it an older one?");
}

Test(admin_client, what_answers_in_another_way_is_no_moonport)
{
    static const char other[] = "is not a Moonport, or that is not its setting admin";
    expect("SSH-2.0-OpenSSH_9.2\r\n", SYSTEM, "", other);
    expect("ok\n", SYSTEM, "", other);
    expect("HTTP/2", SYSTEM, "", other);
}

Test(admin_client, without_the_token_it_says_where_to_find_it)
{
    expect("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nx\n", INPUT, "",
           "wants its token: run this as the server's user, or set MOONPORT_TOKEN");
}

Test(admin_client, an_address_is_missing_behind_its_flag)
{
    program_fail(USAGE, WORDS("reload", "--admin"), "reload: --admin needs an address",
                 "for example");
    program_fail(USAGE, WORDS("rollback", "--admin=127.0.0.1:1", "--admin"),
                 "rollback: --admin needs an address", "for example");
}

Test(admin_client, words_and_options_are_those_of_the_command)
{
    program_fail(USAGE, WORDS("reload", "now"), "reload: what is now?", "--help");
    program_fail(USAGE, WORDS("reload", "--json"), "no such option: --json", "--help");
    program_fail(USAGE, WORDS("stats", "--sort", "id"), "no such option: --sort", "--help");
    program_fail(USAGE, WORDS("connections", "--srot=id"), "did you mean --sort?", "--help");
    program_fail(USAGE, WORDS("connections", "--limit"), "--limit needs a value", "20");
    program_fail(USAGE, WORDS("connections", "close"), "usage: moonport connections [close ID]",
                 "");
    program_fail(USAGE, WORDS("connections", "close", "1x"), "usage: moonport connections", "");
    program_fail(USAGE, WORDS("listener"), "usage: moonport listener open|close N", "");
    program_fail(USAGE, WORDS("listener", "shut", "1"), "usage: moonport listener open|close N",
                 "");
    program_fail(USAGE, WORDS("listener", "open", "1", "2"), "listener: what is 2?", "");
    program_fail(USAGE, WORDS("log", "info", "debug"), "usage: moonport log [LEVEL]", "");
}

Test(admin_client, each_command_has_help)
{
    static const char *const names[] = {"reload", "rollback", "stats", "connections", "errors",
                                        "log",    "listener", "drain", "stop"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *out, *err, usage[64];
        snprintf(usage, sizeof usage, "moonport %s", names[i]);
        cr_assert_eq(program_run(&out, &err, WORDS(names[i], "--help")), 0);
        cr_assert_eq(strncmp(out, usage, strlen(usage)), 0, "%s", out);
        cr_assert_not_null(strstr(out, "MOONPORT_TOKEN"), "%s", out);
        cr_assert_str_eq(err, "");
        free(out);
        free(err);
    }
}
