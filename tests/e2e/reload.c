#include "reload.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { CONNECTIONS_TRIED = 64 };

struct server server_begin_reloadable(const char *script, const char *workers)
{
    return server_begin(&(struct begin){
        .script = script,
        .admin = true,
        .flags = {"--workers", workers, "--reload", "signal", "--handler-timeout", "20"}});
}

void script_replace(const struct server *server, const char *name, const char *text)
{
    char path[600], beside[620];
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    snprintf(beside, sizeof beside, "%s.new", name);
    script_write(server, beside, text);
    snprintf(beside, sizeof beside, "%s.new", path);
    cr_assert_eq(rename(beside, path), 0, "%s: %s", path, strerror(errno));
}

void server_command(const struct server *server, const char *command, int status, const char *said)
{
    char address[64], *out, *err;
    server_admin(server, address, sizeof address);
    int ended = program_run(&out, &err, (const char *[]){command, "--admin", address, NULL});
    cr_assert_eq(ended, status, "%s: status %d, and it said: %s%s", command, ended, out, err);
    cr_assert_not_null(strstr(status == 0 ? out : err, said), "expected \"%s\" in:\n%s%s", said,
                       out, err);
    cr_assert_str_eq(status == 0 ? err : out, "");
    free(out);
    free(err);
}

void server_reload(const struct server *server, const char *script, int generation)
{
    char said[64];
    snprintf(said, sizeof said, "generation %d runs", generation);
    script_write(server, "main.lua", script);
    server_command(server, "reload", 0, said);
}

int client_connect_to_worker(const struct server *server, int worker)
{
    int others[CONNECTIONS_TRIED], count = 0, found = -1;
    while (found < 0) { /* the others stay open, so that the next is another worker's turn */
        size_t size;
        cr_assert(count < CONNECTIONS_TRIED, "no connection goes to worker %d", worker);
        int client = client_connect(server);
        client_put_text(client, "which");
        char *answer = (char *)client_take(client, &size);
        if (atoi(answer) == worker)
            found = client;
        else
            others[count++] = client;
        free(answer);
    }
    while (count > 0) close(others[--count]);
    return found;
}
