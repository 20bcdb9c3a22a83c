/* Changes the scripts of the server while it runs: its directory is a copy of server/ in which
 * generation.lua is written anew, good or broken. The server watches it, and is asked, too. */
#include "soak.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

static const char *const broken[] = {
    "local x = = 1\n",     "error('on purpose')\n", "pritn()\n", "require 'nothing_like_that'\n",
    "while true do end\n",
};
enum { BROKEN = sizeof broken / sizeof *broken };

/* In one step, so that the server never sees half of it. */
static void replace(const struct soak *soak, const char *text)
{
    char path[1024], beside[1024];
    snprintf(path, sizeof path, "%s/generation.lua", soak->scripts);
    snprintf(beside, sizeof beside, "%s/generation.new", soak->scripts);
    FILE *file = fopen(beside, "we");
    if (file == NULL || fputs(text, file) < 0 || fclose(file) != 0 || rename(beside, path) != 0)
        fail(3, "%s: %s", path, strerror(errno));
}

void scripts_write_good(struct soak *soak, uint64_t ballast)
{
    char text[256];
    snprintf(text, sizeof text,
             "local ballast = {}\n"
             "for i = 1, %" PRIu64 " do ballast[i] = i .. ' of %" PRIu64 "' end\n"
             "return { number = %" PRIu64 ", ballast = ballast }\n",
             ballast, soak->written + 1, soak->written + 1);
    replace(soak, text);
    soak->written++;
}

/* The token is run.sh's. */
static const char reload[] =
    "POST /reload HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nX-Moonport: 1\r\n"
    "Authorization: Bearer soak-soak-soak-soak\r\n\r\n";

static void ask(struct soak *soak)
{
    union address_system system;
    socklen_t size = address_to_system(&soak->admin, &system);
    if (soak->admin_handle >= 0) return; /* the last one is still being answered */
    int handle = socket(system.any.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (handle < 0) fail(3, "socket: %s", strerror(errno));
    soak->admin_handle = handle;
    const ssize_t whole = sizeof reload - 1;
    if (connect(handle, &system.any, size) == 0 &&
        send(handle, reload, sizeof reload - 1, MSG_NOSIGNAL) == whole)
        return;
    close(handle);
    soak->admin_handle = -1;
}

/* What it says stands in the server's log as well. */
static void hear(struct soak *soak)
{
    char bytes[4096];
    if (soak->admin_handle < 0) return;
    ssize_t size = recv(soak->admin_handle, bytes, sizeof bytes, MSG_DONTWAIT);
    if (size > 0 || (size < 0 && errno == EAGAIN)) return;
    close(soak->admin_handle);
    soak->admin_handle = -1;
}

void scripts_turn(struct soak *soak)
{
    hear(soak);
    if (!soak->noisy || soak->reload_ns_max == 0 || soak->now_ns < soak->reload_due_ns) return;
    soak->reload_due_ns = soak->now_ns + SECOND_NS / 5 + draw(soak, soak->reload_ns_max);
    if (draw(soak, 3) != 0) {
        scripts_write_good(soak, draw(soak, 5000));
    } else {
        soak->broken++;
        replace(soak, broken[draw(soak, BROKEN)]);
    }
    if (draw(soak, 2) == 0) ask(soak);
}
