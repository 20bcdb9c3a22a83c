/* A log that nobody takes. */
#include "log.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { WRITERS = 4, LINES = 1000, HELD_MAX = 1 << 20 };

static char held[HELD_MAX + 1]; /* what was read of the pipe */
static int ends[2], real_stderr;

static void pipe_begin(void)
{
    cr_assert_eq(pipe(ends), 0);
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(stderr);
    real_stderr = dup(2);
    dup2(ends[1], 2);
    close(ends[1]);
}

static void pipe_end(void)
{
    dup2(real_stderr, 2);
    close(real_stderr);
    close(ends[0]);
}

/* How many lines the pipe held. */
static int take(void)
{
    size_t size = 0;
    int lines = 0;
    ssize_t count;
    while ((count = read(ends[0], held + size, HELD_MAX - size)) > 0) size += (size_t)count;
    held[size] = '\0';
    for (size_t i = 0; i < size; i++) lines += held[i] == '\n';
    return lines;
}

/* Lines that the log says it could not write. */
static int lost(void)
{
    int count = 0;
    const char *told = strstr(held, "warn  ");
    if (told == NULL || sscanf(told, "warn  %d lines of this log could not be", &count) != 1)
        return 0;
    return count;
}

static void *log_lines(void *argument)
{
    for (int i = 0; i < LINES; i++)
        log_line(LOG_INFO,
                 "line %d: a hundred bytes and some, so that a pipe does not take them all", i);
    return argument;
}

Test(log_posix, nobody_waits_for_a_pipe_that_nobody_reads)
{
    pthread_t threads[WRITERS];
    pipe_begin();
    for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, log_lines, NULL);
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    int written = take();
    log_line(LOG_INFO, "back");
    int told = take();
    pipe_end();
    cr_assert(written > 0 && written < WRITERS * LINES, "%d lines were written", written);
    cr_assert_eq(told, 2, "%s", held);
    cr_assert_eq(lost(), WRITERS * LINES - written, "%d were written, and: %s", written, held);
    cr_assert_not_null(strstr(held, "info  back\n"), "%s", held);
}

Test(log_posix, what_was_lost_is_told_once)
{
    pipe_begin();
    log_lines(NULL);
    take();
    log_line(LOG_INFO, "back");
    take();
    log_line(LOG_INFO, "still here");
    int lines = take();
    pipe_end();
    cr_assert_eq(lines, 1, "%s", held);
    cr_assert_not_null(strstr(held, "info  still here\n"), "%s", held);
}

Test(log_posix, a_full_disk_loses_lines_and_nothing_else)
{
    int full = open("/dev/full", O_WRONLY);
    pipe_begin();
    if (full >= 0) {
        int reader = dup(2);
        dup2(full, 2);
        for (int i = 0; i < 3; i++) log_line(LOG_INFO, "lost");
        dup2(reader, 2);
        close(reader);
        log_line(LOG_INFO, "back");
    }
    take();
    pipe_end();
    if (full < 0) cr_skip_test("NOT TESTED: this machine has no /dev/full");
    close(full);
    cr_assert_eq(lost(), 3, "%s", held);
}
