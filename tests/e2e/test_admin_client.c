/* moonport reload, where what listens answers as no server of ours does. */
#include "harness_process.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct answering {
    int listener;
    const char *answer;
};

/* Takes the command, answers, and ends. */
static void *answer(void *argument)
{
    const struct answering *answering = argument;
    char line[64];
    int client = accept(answering->listener, NULL, NULL);
    if (client < 0 || recv(client, line, sizeof line, 0) <= 0) return NULL;
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

Test(admin_client, what_the_server_says_cannot_command_the_terminal)
{
    expect("ok\nred \033[31m\a is\tnot\r red\177\n", 0, "red ?[31m? is\tnot? red?\n", NULL);
    expect("error\n\033]0;title\a\n", INPUT, "", "?]0;title?\n");
}

Test(admin_client, an_answer_that_breaks_off_is_none)
{
    static const char ended[] = "ended before the answer";
    expect("", SYSTEM, "", ended);
    expect("o", SYSTEM, "", ended);
    expect("ok", SYSTEM, "", ended);
    expect("err", SYSTEM, "", ended);
    expect("error", SYSTEM, "", ended);
    expect("ok\n", 0, "", NULL);
    expect("error\n", INPUT, "", "does not know the command reload: is it an older one?");
}

Test(admin_client, what_answers_in_another_way_is_no_moonport)
{
    static const char other[] = "is not a Moonport, or that is not its setting admin";
    expect("HTTP/1.1 400 Bad Request\r\n\r\n", SYSTEM, "", other);
    expect("okay\n", SYSTEM, "", other);
    expect("oh", SYSTEM, "", other);
    expect("errors\n", SYSTEM, "", other);
}

Test(admin_client, an_address_is_missing_behind_its_flag)
{
    program_fail(USAGE, WORDS("reload", "--admin"), "reload: --admin needs an address",
                 "for example");
    program_fail(USAGE, WORDS("rollback", "--admin=127.0.0.1:1", "--admin"),
                 "rollback: --admin needs an address", "for example");
}
