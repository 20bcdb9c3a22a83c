#include "base/log.h"

#include "capture.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { PREFIX_SIZE = sizeof "2026-11-23 04:22:06.123 info  " - 1 };

/* Logs one text and returns what was written behind time and level. */
static char *logged(const char *text)
{
    capture_begin();
    log_line(LOG_INFO, "%s", text);
    char *line = capture_end();
    cr_assert(strlen(line) > PREFIX_SIZE);
    return line + PREFIX_SIZE;
}

/* '0' in the pattern stands for any digit. */
static bool looks_like(const char *text, const char *pattern)
{
    for (; *pattern != 0; text++, pattern++)
        if (*pattern == '0' ? !isdigit((unsigned char)*text) : *text != *pattern) return false;
    return true;
}

Test(log, a_line_is_time_and_level_and_text)
{
    capture_begin();
    log_line(LOG_INFO, "%d connections, %s", 3, "none refused");
    log_line(LOG_ERROR, "no");
    char *line = capture_end();
    const char *pattern = "0000-00-00 00:00:00.000 info  3 connections, none refused\n";
    cr_assert(looks_like(line, "0000-00-00 00:00:00.000 info  "), "\"%s\"", line);
    line += PREFIX_SIZE;
    cr_assert_eq(strncmp(line, pattern + PREFIX_SIZE, strlen(pattern) - PREFIX_SIZE), 0);
    line += strlen(pattern) - PREFIX_SIZE;
    cr_assert(looks_like(line, "0000-00-00 00:00:00.000 error no\n"), "\"%s\"", line);
}

static void *log_elsewhere(void *argument)
{
    log_line(LOG_INFO, "elsewhere");
    return argument;
}

Test(log, a_threads_name_stands_in_front_of_its_lines_only)
{
    pthread_t thread;
    log_name_thread("admin");
    cr_assert_str_eq(logged("here"), "admin: here\n");
    capture_begin();
    cr_assert_eq(pthread_create(&thread, NULL, log_elsewhere, NULL), 0);
    pthread_join(thread, NULL);
    cr_assert_str_eq(capture_end() + PREFIX_SIZE, "elsewhere\n");
    log_name_thread(NULL);
    cr_assert_str_eq(logged("here"), "here\n");
}

Test(log, the_time_is_now_and_local)
{
    struct tm parts = {.tm_isdst = -1};
    time_t before = time(NULL);
    capture_begin();
    log_line(LOG_INFO, "now");
    char *line = capture_end();
    time_t after = time(NULL);
    int fields = sscanf(line, "%d-%d-%d %d:%d:%d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
                        &parts.tm_hour, &parts.tm_min, &parts.tm_sec);
    cr_assert_eq(fields, 6);
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    time_t written = mktime(&parts);
    cr_assert(written >= before && written <= after, "\"%s\"", line);
}

Test(log, lines_above_the_level_are_not_written)
{
    enum log_level levels[] = {LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG};
    cr_assert(log_wants(LOG_INFO));
    cr_assert_not(log_wants(LOG_DEBUG));
    for (int i = 0; i < 4; i++) {
        log_set_level(levels[i]);
        for (int k = 0; k < 4; k++) {
            cr_assert_eq(log_wants(levels[k]), k <= i);
            capture_begin();
            log_line(levels[k], "text");
            cr_assert_eq(*capture_end() != 0, k <= i);
        }
    }
    log_set_level(LOG_INFO);
}

Test(log, levels_have_names)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    enum log_level level;
    for (int i = 0; i < 4; i++) {
        cr_assert(log_level_of(names[i], &level));
        cr_assert_eq((int)level, i);
    }
    cr_assert_not(log_level_of("", &level));
    cr_assert_not(log_level_of("INFO", &level));
    cr_assert_not(log_level_of("information", &level));
}

Test(log, control_characters_are_escaped)
{
    cr_assert_str_eq(logged("a\x1b[31mb\rc\x7f\x01"), "a\\x1b[31mb\\x0dc\\x7f\\x01\n");
    cr_assert_str_eq(logged("a\tb"), "a\tb\n");
    cr_assert_str_eq(logged("Gr\xc3\xbc\xc3\x9f"), "Gr\xc3\xbc\xc3\x9f\n");
}

Test(log, a_text_of_several_lines_cannot_forge_another_entry)
{
    cr_assert_str_eq(logged("failed\n2026-01-01 00:00:00.000 info  all is well\n\tat main.lua:3"),
                     "failed\n  2026-01-01 00:00:00.000 info  all is well\n  \tat main.lua:3\n");
    cr_assert_str_eq(logged("ends with line ends\n\n"), "ends with line ends\n");
    cr_assert_str_eq(logged("\n"), "\n");
}

Test(log, a_text_that_is_too_long_is_cut_and_says_so)
{
    static char text[10001];
    for (size_t size = 3900; size <= 10000; size = size < 4200 ? size + 1 : size * 2) {
        memset(text, 'x', size);
        text[size] = 0;
        char *line = logged(text);
        size_t written = strlen(line), count = strspn(line, "x");
        bool whole = count == size && strcmp(line + count, "\n") == 0;
        bool cut = count > 3900 && count < size && strcmp(line + count, "...\n") == 0;
        if (!(whole || cut) || PREFIX_SIZE + written > 4096)
            cr_assert(false, "%zu bytes became %zu", size, written);
        if (size == 3900 || size > 4100) cr_assert_eq(whole, size == 3900);
    }
}

Test(log, a_text_is_cut_where_it_is_too_long_once_escaped)
{
    char text[3001];
    memset(text, 1, 3000);
    text[3000] = 0;
    char *line = logged(text);
    size_t size = strlen(line);
    cr_assert(size > 3900 && PREFIX_SIZE + size <= 4096);
    cr_assert_str_eq(line + size - 8, "\\x01...\n", "no escape is cut in two");
}

Test(log, no_character_is_cut_in_two)
{
    static const char *const letters[] = {"\xc3\xbc", "\xe2\x82\xac", "\xf0\x9f\x8c\x99"};
    static char text[6001];
    for (int i = 0; i < 3; i++) {
        size_t width = strlen(letters[i]);
        for (size_t shift = 0; shift < 4; shift++) {
            size_t size = shift;
            memset(text, 'x', shift);
            for (; size + width < sizeof text; size += width)
                memcpy(text + size, letters[i], width);
            text[size] = 0;
            char *line = logged(text);
            size_t left = strlen(line) - strlen("...\n");
            cr_assert_str_eq(line + left, "...\n");
            cr_assert_eq((left - shift) % width, 0, "letter %d, behind %zu", i, shift);
        }
    }
}

Test(log, bytes_that_are_no_characters_are_cut_all_the_same)
{
    static char text[6001];
    memset(text, 0x80, 6000);
    char *line = logged(text);
    size_t count = strspn(line, "\x80");
    cr_assert(count > 3900);
    cr_assert_str_eq(line + count, "...\n");
}

enum { WRITERS = 4, LINES = 500, BODY = 100 };

static void *write_lines(void *argument)
{
    char body[BODY + 1];
    memset(body, 'a' + *(int *)argument, BODY);
    body[BODY] = 0;
    for (int i = 0; i < LINES; i++) log_line(LOG_INFO, "%s", body);
    return NULL;
}

Test(log, lines_of_several_threads_are_not_torn)
{
    pthread_t threads[WRITERS];
    int numbers[WRITERS], counts[WRITERS] = {0};
    capture_begin();
    for (int i = 0; i < WRITERS; i++) {
        numbers[i] = i;
        pthread_create(&threads[i], NULL, write_lines, &numbers[i]);
    }
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    char *line = capture_end();
    for (; *line != 0; line += PREFIX_SIZE + BODY + 1) {
        char letter = line[PREFIX_SIZE], all[2] = {letter, 0};
        bool whole = strspn(line + PREFIX_SIZE, all) == BODY && line[PREFIX_SIZE + BODY] == '\n' &&
                     letter >= 'a' && letter < 'a' + WRITERS;
        if (!whole) cr_assert(whole, "\"%.200s\"", line);
        counts[letter - 'a']++;
    }
    for (int i = 0; i < WRITERS; i++) cr_assert_eq(counts[i], LINES);
}

Test(log, a_text_of_any_bytes_is_written_to_its_end)
{
    static const char text[] = "before\0behind\x1b[1m\n";
    capture_begin();
    log_text(LOG_INFO, span_of(text, sizeof text - 1));
    cr_assert_str_eq(capture_end() + PREFIX_SIZE, "before\\x00behind\\x1b[1m\n");
    capture_begin();
    log_text(LOG_INFO, span_of("\0", 1));
    cr_assert_str_eq(capture_end() + PREFIX_SIZE, "\\x00\n");
}

Test(log, a_nul_in_a_plain_text_is_escaped_whole_or_not_at_all)
{
    char room[16];
    cr_assert_str_eq(log_plain(span_of("a\0b", 3), room, sizeof room), "a\\x00b");
    cr_assert_str_eq(log_plain(span_of("a\0b", 3), room, 5), "a");
    cr_assert_str_eq(log_plain(span_of("a\0b", 3), room, 6), "a\\x00");
    cr_assert_str_eq(log_plain(span_of("abc", 3), room, 3), "ab");
    cr_assert_str_eq(log_plain(span_of("", 0), room, 1), "");
}
