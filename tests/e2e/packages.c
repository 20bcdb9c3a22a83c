#include "packages.h"

#include "harness_process.h"

#include <glob.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { PATH_SIZE = 400, WORDS_OF_ONE = 32, PATIENCE_MS = 30000 };

#define USER "postgres" /* it does not run as root */

void need_module(const char *module, const char *package)
{
    char script[200], *out, *err;
    if (on_windows()) cr_skip_test("NOT TESTED: %s is a package for Linux", package);
    snprintf(script, sizeof script, "require '%s'\n" ECHO, module);
    char *directory = directory_make("main.lua", script, NULL);
    bool found = program_run(&out, &err, WORDS("check", directory)) == 0;
    directory_remove(directory);
    free(out);
    free(err);
    if (!found) cr_skip_test("NOT TESTED: there is no %s here", package);
}

void need_python(const char *module, const char *package)
{
    char line[200];
    snprintf(line, sizeof line, PYTHON " -c 'import %s'", module);
    if (process_shell(line, "/dev/null") != 0)
        cr_skip_test("NOT TESTED: there is no %s here", package);
}

void need_program(const char *name, const char *package)
{
    if (!process_is_there(name)) cr_skip_test("NOT TESTED: there is no %s here", package);
}

bool has_tls(void)
{
    char *out, *err;
    program_run(&out, &err, WORDS("talk", "tls://127.0.0.1:1"));
    bool found = strstr(err, "built without OpenSSL") == NULL;
    free(out);
    free(err);
    return found;
}

void need_tls(void)
{
    if (!has_tls()) cr_skip_test("NOT TESTED: moonport was built without OpenSSL");
    need_program("openssl", "openssl");
}

void need_ws(void)
{
    char path[PATH_SIZE];
    need_program("node", "node");
    snprintf(path, sizeof path, "%s/../build/websocket/node_modules/ws/package.json",
             getenv("MOONPORT_SCRIPTS"));
    if (access(path, R_OK) != 0) cr_skip_test("NOT TESTED: there is no ws from npm here");
}

/* ---- PostgreSQL ---- */

/* The directory of its programs; false: there is none. */
static bool find_programs(char path[PATH_SIZE])
{
    glob_t found;
    bool there = glob("/usr/lib/postgresql/*/bin", 0, NULL, &found) == 0;
    if (there) snprintf(path, PATH_SIZE, "%s", found.gl_pathv[found.gl_pathc - 1]);
    globfree(&found);
    return there;
}

/* Starts one of its programs as who owns the directory: it dies with the test. */
static pid_t start(const struct postgres *postgres, const char *name, const char *const *words)
{
    static const char *const change[] = {"/usr/bin/setpriv", "--reuid=" USER, "--regid=" USER,
                                         "--clear-groups", "--pdeathsig=KILL"};
    char programs[PATH_SIZE], path[PATH_SIZE + 64], log[PATH_SIZE];
    const char *all[WORDS_OF_ONE];
    int count = 0;
    find_programs(programs);
    snprintf(path, sizeof path, "%s/%s", programs, name);
    snprintf(log, sizeof log, "%s/log", postgres->directory);
    if (geteuid() == 0)
        while (count < (int)(sizeof change / sizeof *change)) all[count] = change[count], count++;
    all[count++] = path;
    while (*words != NULL) {
        cr_assert(count + 1 < WORDS_OF_ONE);
        all[count++] = *words++;
    }
    all[count] = NULL;
    return process_start(all, -1, log, log);
}

static char *read_log(const struct postgres *postgres)
{
    char path[PATH_SIZE];
    snprintf(path, sizeof path, "%s/log", postgres->directory);
    return file_read(path);
}

static void run(const struct postgres *postgres, const char *name, const char *const *words)
{
    int status = process_await(start(postgres, name, words));
    cr_assert_eq(status, 0, "%s: status %d\n%s", name, status, read_log(postgres));
}

/* Those that its user can come to, if that is another one. */
static void give_directory(const char *directory)
{
    char parent[PATH_SIZE], room[1024];
    struct passwd entry, *user;
    if (geteuid() != 0) return;
    if (getpwnam_r(USER, &entry, room, sizeof room, &user) != 0 || user == NULL)
        cr_skip_test("NOT TESTED: there is no user " USER " here");
    cr_assert_eq(chown(directory, user->pw_uid, user->pw_gid), 0);
    snprintf(parent, sizeof parent, "%s", directory);
    *strrchr(parent, '/') = '\0';
    cr_assert_eq(chmod(parent, 0711), 0); /* of this run of the tests */
}

static void await_ready(const struct postgres *postgres)
{
    uint64_t deadline_ms = now_ms() + PATIENCE_MS;
    for (bool ready = false; !ready; nap()) {
        char *log = read_log(postgres);
        ready = strstr(log, "ready to accept connections") != NULL;
        cr_assert(ready || (now_ms() < deadline_ms && !process_has_ended(postgres->pid)),
                  "PostgreSQL does not start:\n%s", log);
        free(log);
    }
}

struct postgres postgres_begin(const char *database)
{
    struct postgres postgres = {.pid = 0};
    char data[PATH_SIZE], sockets[PATH_SIZE];
    if (!find_programs(data)) cr_skip_test("NOT TESTED: there is no PostgreSQL here");
    directory_new(postgres.directory, sizeof postgres.directory);
    give_directory(postgres.directory);
    snprintf(data, sizeof data, "%s/data", postgres.directory);
    snprintf(sockets, sizeof sockets, "unix_socket_directories=%s", postgres.directory);
    setenv("PGHOST", postgres.directory, 1);
    setenv("PGUSER", "moonport", 1);
    run(&postgres, "initdb",
        WORDS("-D", data, "-U", "moonport", "-A", "trust", "-E", "UTF8", "--no-locale", "-N"));
    postgres.pid = start(&postgres, "postgres",
                         WORDS("-D", data, "-c", sockets, "-c", "listen_addresses=", "-F"));
    await_ready(&postgres);
    run(&postgres, "createdb", WORDS(database));
    setenv("PGDATABASE", database, 1);
    return postgres;
}

void postgres_run(const struct postgres *postgres, const char *statement)
{
    run(postgres, "psql", WORDS("-X", "-c", statement));
}

void postgres_end(struct postgres *postgres)
{
    cr_assert_eq(kill(postgres->pid, SIGINT), 0); /* it ends its connections */
    cr_assert_eq(process_await(postgres->pid), 0, "%s", read_log(postgres));
    tree_remove(postgres->directory);
}
