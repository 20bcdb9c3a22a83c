/* What `moonport test` prints (commands/test_command.c):
 *
 *     till_test.lua
 *       ok    prices add up
 *       FAIL  what has no price
 *             main.lua:5: no such price
 *     1 passed, 1 failed
 *
 * Scripts may print anything in between, and what the program has to say of itself begins with "moonport: ". */
#include "reload/test_lines.h"

#include "reload/review.h"

#include <stdio.h>
#include <string.h>

static const char ok_mark[] = "  ok    ", fail_mark[] = "  FAIL  ", of_test[] = "        ";
static const char own_mark[] = "moonport: ", more[] = "...\n";

static bool begins(const char *line, const char *with)
{
    return strncmp(line, with, strlen(with)) == 0;
}

static void keep(struct test_lines *lines, const char *before, const char *line)
{
    size_t room = sizeof lines->kept - lines->used;
    size_t size = strlen(before) + strlen(line) + 1;
    if (lines->cut) return;
    lines->cut = size + sizeof more > room;
    if (lines->cut)
        lines->used += (size_t)snprintf(lines->kept + lines->used, room, "%s", more);
    else
        lines->used += (size_t)snprintf(lines->kept + lines->used, room, "%s%s\n", before, line);
}

/* Behind a number; NULL: there is none. */
static const char *after_number(const char *text)
{
    size_t digits = strspn(text, "0123456789");
    return digits > 0 ? text + digits : NULL;
}

static bool is_sum(const char *line)
{
    static const char between[] = " passed, ", last[] = " failed";
    const char *after = after_number(line);
    if (after == NULL || !begins(after, between)) return false;
    after = after_number(after + strlen(between));
    return after != NULL && strcmp(after, last) == 0;
}

static void copy(char *place, size_t size, const char *line)
{
    struct span cut = span_cut_text(span_text(line), size - 1);
    memcpy(place, cut.data, cut.size);
    place[cut.size] = '\0';
}

static void begin_failure(struct test_lines *lines, const char *name)
{
    char before[sizeof lines->file + 2] = "";
    if (lines->file[0] != '\0') snprintf(before, sizeof before, "%s: ", lines->file);
    keep(lines, before, name);
    lines->fails = true;
}

static void take_line(struct test_lines *lines, const char *line)
{
    if (line[strspn(line, " \t\r")] == '\0') return;
    copy(lines->last, sizeof lines->last, line);
    if (begins(line, fail_mark)) {
        begin_failure(lines, line + strlen(fail_mark));
    } else if (begins(line, own_mark)) {
        keep(lines, "", line + strlen(own_mark));
        lines->fails = true;
    } else if (begins(line, ok_mark)) {
        lines->fails = false;
    } else if (is_sum(line)) {
        copy(lines->sum, sizeof lines->sum, line);
        lines->fails = false;
    } else if (review_is_test(line)) {
        copy(lines->file, sizeof lines->file, line);
        lines->fails = false;
    } else if (lines->fails) {
        keep(lines, "  ", begins(line, of_test) ? line + strlen(of_test) : line);
    }
}

static void end_line(struct test_lines *lines)
{
    if (lines->line_size > 0 && lines->line[lines->line_size - 1] == '\r') lines->line_size--;
    lines->line[lines->line_size] = '\0';
    take_line(lines, lines->line);
    lines->line_size = 0;
}

void test_lines_take(struct test_lines *lines, struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        char byte = (char)bytes.data[i];
        if (byte == '\n')
            end_line(lines);
        else if (byte != '\0' && lines->line_size < sizeof lines->line - 1)
            lines->line[lines->line_size++] = byte;
    }
}

void test_lines_end(struct test_lines *lines)
{
    if (lines->line_size > 0) end_line(lines);
}
