#include "commands/test_command.h"

#include "commands/lua_test.h"
#include "commands/test_file.h"

static const char help[] =
    "moonport test DIR [FLAGS]\n"
    "\n"
    "Runs the tests of the scripts in DIR without serving: all files called *_test.lua, such as\n"
    "\n"
    "  test(\"what is sent comes back\", function()\n"
    "    local client = test.connect()\n"
    "    client:receive(\"hello\")\n"
    "    test.equal(client.sent[1], \"hello\")\n"
    "  end)\n"
    "\n"
    "Each test has a server of its own, which only its clients reach, and a clock that only\n"
    "test.advance(seconds) moves. A handler that fails fails the test.\n"
    "\n"
    "  FLAGS   override config.lua, as when serving: moonport --help lists them\n"
    "\n"
    "Exit status: 0 all passed, 1 a test failed, or a script or setting is wrong, 2 usage,\n"
    "3 the system refused.\n";

struct tally {
    int passed, failed;
};

/* Prints the lines of an error below its test. */
static void print_indented(const char *text)
{
    fputs("        ", stdout);
    for (; *text != '\0'; text++) {
        putchar(*text);
        if (*text == '\n') fputs("        ", stdout);
    }
    putchar('\n');
}

static void print_result(struct tally *tally, const char *name, bool fine,
                         const struct error *error)
{
    printf("  %-5s %s\n", fine ? "ok" : "FAIL", name);
    if (!fine) print_indented(error->text);
    fflush(stdout);
    *(fine ? &tally->passed : &tally->failed) += 1;
}

static void run_file(struct project *project, const struct source_file *file, struct tally *tally)
{
    struct error error;
    struct test_file what = {.workers = 1}, again;
    printf("%s\n", file->name);
    if (!test_file_run(project, file, -1, &what, &error)) {
        print_result(tally, "loads", false, &error);
        return;
    }
    if (what.count == 0) puts("  has no tests: write test(\"name\", function() ... end)");
    for (int i = 0; i < what.count; i++) {
        again = what;
        bool fine = test_file_run(project, file, i, &again, &error);
        print_result(tally, again.name, fine, &error);
    }
}

static void run_all(struct project *project, struct tally *tally)
{
    project->options.config.workers = 1;
    for (uint32_t i = 0; i < project->source->count; i++)
        if (review_is_test(project->source->files[i].name))
            run_file(project, &project->source->files[i], tally);
}

int test_main(int count, char **words)
{
    static struct project project;
    struct tally tally = {0};
    struct error error = {.kind = ERROR_NONE};
    if (command_line_asks_for_help(count, words)) {
        fputs(help, stdout);
        return 0;
    }
    log_set_level(LOG_WARN);
    if (project_open(&project, count, words, true, &error)) {
        run_all(&project, &tally);
        if (tally.passed + tally.failed == 0)
            error_set(&error, ERROR_INPUT,
                      "%s has no tests: they are in files called *_test.lua, each of them "
                      "test(\"name\", function() ... end)",
                      project.line.directory);
        else
            printf("%d passed, %d failed\n", tally.passed, tally.failed);
    }
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    project_close(&project);
    return error.kind != ERROR_NONE ? (int)error.kind : tally.failed > 0;
}
