#include "tmux.h"

#include "harness_process.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct {
    pid_t server;
    char directory[256], socket[300], out[300];
    char *screen;
} tmux;

static const char *program(void)
{
    static const char *const paths[] = {"/usr/bin/tmux", "/bin/tmux", "/usr/local/bin/tmux"};
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        if (access(paths[i], X_OK) == 0) return paths[i];
    return NULL;
}

void need_tmux(void)
{
    if (on_windows()) cr_skip_test("NOT TESTED: a console of Windows cannot be driven from here");
    if (program() == NULL) cr_skip_test("NOT TESTED: there is no tmux to see a terminal with");
}

/* What it prints is in tmux.out. Returns the exit status. */
static int ask(const char *const *words)
{
    const char *all[16] = {program(), "-S", tmux.socket};
    for (int i = 0; words[i] != NULL; i++) {
        cr_assert(i + 4 < 16);
        all[i + 3] = words[i];
    }
    remove(tmux.out);
    return process_await(process_start(all, -1, tmux.out, "/dev/null"));
}

void tmux_begin(int columns, int rows, const char *command)
{
    char conf[4096], path[300];
    directory_new(tmux.directory, sizeof tmux.directory);
    snprintf(tmux.socket, sizeof tmux.socket, "%s/s", tmux.directory);
    snprintf(tmux.out, sizeof tmux.out, "%s/out", tmux.directory);
    snprintf(path, sizeof path, "%s/conf", tmux.directory);
    file_write(tmux.directory, "command", command);
    snprintf(conf, sizeof conf,
             "set -g default-shell /bin/sh\nset -g remain-on-exit on\n"
             "new-session -d -x %d -y %d \"sh %s/command\"\n",
             columns, rows, tmux.directory);
    file_write(tmux.directory, "conf", conf);
    setenv("LC_ALL", "C.UTF-8", 1);
    tmux.server = process_start(WORDS(program(), "-D", "-S", tmux.socket, "-f", path), -1,
                                "/dev/null", "/dev/null");
    uint64_t deadline_ms = now_ms() + (uint64_t)(20000 * patience());
    while (ask(WORDS("has-session")) != 0) cr_assert(now_ms() < deadline_ms, "no tmux");
}

void tmux_end(void)
{
    ask(WORDS("kill-server"));
    process_await(tmux.server);
    tree_remove(tmux.directory);
    free(tmux.screen);
    tmux.screen = NULL;
}

void tmux_press(const char *key)
{
    cr_assert_eq(ask(WORDS("send-keys", key)), 0);
}

void tmux_resize(int columns, int rows)
{
    char width[16], height[16];
    snprintf(width, sizeof width, "%d", columns);
    snprintf(height, sizeof height, "%d", rows);
    cr_assert_eq(ask(WORDS("resize-window", "-x", width, "-y", height)), 0);
}

const char *tmux_screen(void)
{
    cr_assert_eq(ask(WORDS("capture-pane", "-p")), 0);
    free(tmux.screen);
    return tmux.screen = file_read(tmux.out);
}

static void expect(const char *text, bool there)
{
    uint64_t deadline_ms = now_ms() + (uint64_t)(20000 * patience());
    while ((strstr(tmux_screen(), text) != NULL) != there) {
        cr_assert(now_ms() < deadline_ms, "\"%s\" is%s in:\n%s", text, there ? " not" : "",
                  tmux.screen);
        for (int i = 0; i < 10; i++) nap();
    }
}

void tmux_expect(const char *text)
{
    expect(text, true);
}

void tmux_expect_gone(const char *text)
{
    expect(text, false);
}
