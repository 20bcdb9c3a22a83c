#include "reload/reload_tests.h"

#include "base/clock.h"
#include "reload/review.h"
#include "reload/test_lines.h"
#include "system/child.h"

#include <stdlib.h>
#include <string.h>

enum { OUTPUT_SIZE = 4096, WORDS_BEFORE = 3 };
#define PROGRAM_BYTES \
    (UINT64_C(512) << 20) /* the program, its libraries, the stacks of its threads */

bool reload_tests_any(const struct source *source)
{
    for (uint32_t i = 0; i < source->count; i++)
        if (review_is_test(source->files[i].name)) return true;
    return false;
}

/* ---- how it is called ---- */

struct words {
    const char *word[WORDS_BEFORE + FLAGS_MAX + 1];
    char flags[]; /* "--framing=line" and a NUL, one after another */
};

static struct words *make_words(const struct command_line *line)
{
    size_t size = 0, used = 0;
    int count = 0;
    for (int i = 0; i < line->count; i++)
        size += strlen(line->flags[i].name) + strlen(line->flags[i].value) + sizeof "--=";
    struct words *words = malloc(sizeof *words + size);
    if (words == NULL) return NULL;
    words->word[count++] = "moonport";
    words->word[count++] = "test";
    words->word[count++] = line->directory;
    for (int i = 0; i < line->count; i++) {
        words->word[count++] = words->flags + used;
        used += 1 + (size_t)snprintf(words->flags + used, size - used, "--%s=%s",
                                     line->flags[i].name, line->flags[i].value);
    }
    words->word[count] = NULL;
    return words;
}

/* A worker's Lua and that of a job, and what both share. */
static uint64_t memory_of(const struct options *options)
{
    const struct config *config = &options->config;
    return PROGRAM_BYTES + 2 * options->lua_memory + options->shared_memory + config->memory +
           (uint64_t)config->blocks * (config->block_size + 128);
}

/* ---- how it ends ---- */

enum ending { ENDED, LATE, CALLED_OFF };

static enum ending listen_to(const struct reload_tests *tests, struct child *child,
                             struct test_lines *lines)
{
    uint64_t end_ns = clock_after_ns(tests->patience_ns);
    for (bool ended = false; !ended;) {
        char bytes[OUTPUT_SIZE];
        size_t size = child_read(child, bytes, sizeof bytes, RELOAD_TESTS_LOOK_MS, &ended);
        test_lines_take(lines, span_of(bytes, size));
        if (ended) break;
        if (!tests->goes_on(tests->context)) return CALLED_OFF;
        if (clock_now_ns() >= end_ns) return LATE;
    }
    test_lines_end(lines);
    return ENDED;
}

static void tell_failed(const struct test_lines *lines, int status, struct report *report)
{
    report_add(report, "the tests fail%s%s\n", lines->sum[0] != '\0' ? ": " : "", lines->sum);
    if (lines->used > 0)
        report_add(report, "%s", lines->kept);
    else
        report_add(report, "they have ended with status %d; the last that they said: %s\n", status,
                   lines->last[0] != '\0' ? lines->last : "nothing");
}

static bool tell(const struct reload_tests *tests, enum ending ending, int status,
                 const struct test_lines *lines, struct report *report)
{
    switch (ending) {
    case CALLED_OFF: report_add(report, "the tests were called off\n"); return false;
    case LATE:
        report_add(report, "the tests have not ended within %.0f s%s%s\n",
                   (double)tests->patience_ns / 1e9,
                   lines->last[0] != '\0' ? ", and said last: " : "", lines->last);
        return false;
    case ENDED: break;
    }
    if (status == 0)
        report_add(report, "tests: %s\n", lines->sum);
    else
        tell_failed(lines, status, report);
    return status == 0;
}

bool reload_tests_run(const struct reload_tests *tests, const struct command_line *line,
                      const struct options *options, struct report *report)
{
    struct error error = {.text = "no memory to run the tests"};
    struct words *words = make_words(line);
    struct child *child = NULL;
    if (words != NULL) child = child_start(tests->program, words->word, memory_of(options), &error);
    free(words);
    if (child == NULL) {
        report_add(report, "%s\n", error.text);
        return false;
    }
    struct test_lines lines = {.used = 0};
    enum ending ending = listen_to(tests, child, &lines);
    return tell(tests, ending, child_end(child), &lines, report);
}
