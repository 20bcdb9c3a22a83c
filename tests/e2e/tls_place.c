#include "tls_place.h"

#include "harness_process.h"
#include "packages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PATH_SIZE = 400, LINE_SIZE = 2000, TALK_S_MAX = 600 };

static void beside(char path[PATH_SIZE], const char *name)
{
    snprintf(path, PATH_SIZE, "%s/../tests/e2e/tls/%s", getenv("MOONPORT_SCRIPTS"), name);
}

/* Another program than this one would be told where it fails. */
static void run_quietly(const char *line, const char *log)
{
    unlink(log);
    int status = process_shell(line, log);
    char *said = file_read(log);
    cr_assert_eq(status, 0, "%s: status %d\n%s", line, status, said);
    free(said);
}

/* ---- places ---- */

static bool was_built_with_it(void)
{
    char *out, *err;
    char *directory = directory_make(
        "main.lua", ECHO, "config.lua",
        "return { listen = { { address = '127.0.0.1:0', tls = 'self-signed' } } }\n", NULL);
    int status = program_run(&out, &err, WORDS("check", directory));
    bool built = strstr(err, "built without OpenSSL") == NULL;
    cr_assert(!built || status == 0, "%s", err);
    free(out);
    free(err);
    directory_remove(directory);
    return built;
}

char *tls_place_make(const char *config, const char *certificates)
{
    char path[PATH_SIZE], line[LINE_SIZE], log[PATH_SIZE];
    if (!was_built_with_it()) cr_skip_test("NOT TESTED: moonport was built without OpenSSL");
    need_program("openssl", "openssl");
    need_python("ssl", "python3");
    beside(path, "main.lua");
    char *script = file_read(path);
    char *place = directory_make("main.lua", script, "config.lua", config, NULL);
    free(script);
    beside(path, "certificates.sh");
    snprintf(line, sizeof line, "%s %s %s", path, place, certificates);
    snprintf(log, sizeof log, "%s/log", place);
    run_quietly(line, log);
    return place;
}

void tls_place_write(const char *place, const char *name, const char *text)
{
    file_write(place, name, text);
}

void tls_place_remove(char *place)
{
    directory_remove(place);
}

struct server tls_place_serve(const char *place)
{
    return server_begin(&(struct begin){.directory = place, .admin = true});
}

void tls_place_run(const char *place, const char *line)
{
    char all[LINE_SIZE], log[PATH_SIZE];
    snprintf(all, sizeof all, "cd %s && %s", place, line);
    snprintf(log, sizeof log, "%s/log", place);
    run_quietly(all, log);
}

/* ---- who talks ---- */

static void expect_ok(const char *what, const char *log)
{
    char *said = file_read(log);
    cr_assert_str_eq(said, "ok\n", "%s said: %s", what, said);
    free(said);
}

void tls_place_talk_by(const char *program, const char *place, const char *script,
                       const char *words)
{
    char path[PATH_SIZE], line[LINE_SIZE], log[PATH_SIZE];
    beside(path, script);
    snprintf(line, sizeof line, "cd %s && exec 2>&1 && exec %s %s %s", place, program, path, words);
    snprintf(log, sizeof log, "%s/log", place);
    run_quietly(line, log);
    expect_ok(words, log);
}

void tls_place_talk(const char *place, const char *script, const char *words)
{
    tls_place_talk_by(PYTHON " -I", place, script, words);
}

struct tls_talker tls_place_start(const char *place, const char *script, const char *words)
{
    char path[PATH_SIZE], line[LINE_SIZE], log[PATH_SIZE];
    beside(path, script);
    snprintf(line, sizeof line, "cd %s && exec " PYTHON " -I %s %s", place, path, words);
    snprintf(log, sizeof log, "%s/%s.said", place, script);
    return (struct tls_talker){process_start_of_linux(WORDS("/bin/sh", "-c", line), log), script};
}

void tls_place_await(const char *place, struct tls_talker talker)
{
    char log[PATH_SIZE];
    uint64_t deadline_ms = now_ms() + (uint64_t)(1000 * TALK_S_MAX * patience());
    alarm((unsigned)(2 * TALK_S_MAX * patience())); /* such a test may take longer than others */
    while (!process_has_ended(talker.pid) && now_ms() < deadline_ms) nap();
    snprintf(log, sizeof log, "%s/%s.said", place, talker.script);
    int status = process_await(talker.pid);
    char *said = file_read(log);
    cr_assert_eq(status, 0, "%s: status %d\n%s", talker.script, status, said);
    free(said);
    expect_ok(talker.script, log);
}
