#include "test_command.h"

#include "lua_test.h"
#include "test_file.h"

struct tally {
    int passed, failed;
};

/* The lines of an error below its test. */
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
    char name[TEST_NAME_MAX];
    int count;
    printf("%s\n", file->name);
    if (!test_file_run(project, file, -1, &count, name, sizeof name, &error)) {
        print_result(tally, "loads", false, &error);
        return;
    }
    if (count == 0) puts("  has no tests: write test(\"name\", function() ... end)");
    for (int i = 0, seen; i < count; i++) {
        bool fine = test_file_run(project, file, i, &seen, name, sizeof name, &error);
        print_result(tally, name, fine, &error);
    }
}

static void run_all(struct project *project, struct tally *tally)
{
    project->config.workers = 1;
    for (uint32_t i = 0; i < project->source->count; i++)
        if (review_is_test(project->source->files[i].name))
            run_file(project, &project->source->files[i], tally);
}

int test_main(int count, char **words)
{
    static struct project project;
    struct tally tally = {0};
    struct error error = {.kind = ERROR_NONE};
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
