#include "workers.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct server begin_workers(const char *script, const char *question, int *clients, int count)
{
    char workers[] = {(char)('0' + count), '\0'};
    struct server server =
        server_begin(&(struct begin){.script = script, .flags = {"--workers", workers}});
    for (int i = 0; i < count; i++) clients[i] = -1;
    for (int i = 0; i < count; i++) {
        int client = client_connect(&server);
        client_put_text(client, question);
        uint8_t *answer = client_take(client, &(size_t){0});
        char number = (char)answer[0];
        free(answer);
        cr_assert(number >= '1' && number < '1' + count, "it is of worker %c", number);
        cr_assert_eq(clients[number - '1'], -1, "worker %c has two", number);
        clients[number - '1'] = client;
    }
    return server;
}

void end_workers(struct server *server, const int *clients, int count)
{
    for (int i = 0; i < count; i++) close(clients[i]);
    server_end(server);
}

void client_ask_for_error(int client, const char *call, const char *part)
{
    char question[512];
    snprintf(question, sizeof question, "raised(%s)", call);
    client_ask_for_part(client, question, part);
}
