/* A log that nobody takes. */
#include "base/log.h"
#include "base/output.h"
#include "base/output_system.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { WRITERS = 4, LINES = 1000, HELD_MAX = 1 << 20 };

static char held[HELD_MAX + 1]; /* what was read of the pipe */
static int ends[2], real_stderr;

/* What is written to standard error goes there from now on. Returns where it went before. */
static int lead_to(int file)
{
    int before = dup(2);
    dup2(file, 2);
    return before;
}

static void lead_back(int before)
{
    dup2(before, 2);
    close(before);
}

/* What is written to standard error is read from the first of both ends. */
static void ends_begin(void)
{
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    fflush(stderr);
    real_stderr = lead_to(ends[1]);
    close(ends[1]);
}

static void pipe_begin(void)
{
    cr_assert_eq(pipe(ends), 0);
    ends_begin();
}

static void terminal_begin(void)
{
    ends[0] = posix_openpt(O_RDWR | O_NOCTTY);
    cr_assert(ends[0] >= 0);
    cr_assert_eq(unlockpt(ends[0]), 0);
    ends[1] = open(ptsname(ends[0]), O_RDWR | O_NOCTTY);
    cr_assert(ends[1] >= 0);
    ends_begin();
}

static void socket_begin(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    int little = 1, listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_RCVBUF, &little, sizeof little);
    cr_assert_eq(bind(listener, (struct sockaddr *)&address, size), 0);
    cr_assert_eq(listen(listener, 1), 0);
    cr_assert_eq(getsockname(listener, (struct sockaddr *)&address, &size), 0);
    ends[1] = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &little, sizeof little);
    cr_assert_eq(connect(ends[1], (struct sockaddr *)&address, size), 0);
    ends[0] = accept(listener, NULL, NULL);
    cr_assert(ends[0] >= 0);
    close(listener);
    ends_begin();
}

static void pipe_end(void)
{
    lead_back(real_stderr);
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

/* The system brings them a moment later. */
static void expect_back(void)
{
    do {
        log_line(LOG_INFO, "back");
        usleep(1000);
        take();
    } while (strstr(held, "info  back") == NULL);
}

static void expect_no_wait(void)
{
    pthread_t threads[WRITERS];
    for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, log_lines, NULL);
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    bool waits = (fcntl(2, F_GETFL) & O_NONBLOCK) == 0;
    expect_back();
    pipe_end();
    cr_assert(waits, "the descriptor has changed for all who have it");
}

Test(log_posix, nobody_waits_for_a_terminal_that_nobody_reads)
{
    terminal_begin();
    expect_no_wait();
}

Test(log_posix, nobody_waits_for_a_socket_that_nobody_reads)
{
    static char text[4000];
    memset(text, 'x', sizeof text - 1);
    socket_begin();
    for (int i = 0; i < LINES; i++) log_line(LOG_INFO, "%s", text); /* hardly any has room */
    expect_no_wait();
}

static void put_until_it_is_full(void)
{
    static const char text[4000];
    int written;
    while ((written = output_put(OUTPUT_ERROR, text, sizeof text)) > 0) continue;
    pipe_end();
    cr_assert_eq(written, 0);
}

Test(log_posix, what_has_no_room_is_refused_at_once)
{
    pipe_begin();
    put_until_it_is_full();
    socket_begin();
    put_until_it_is_full();
}

Test(log_posix, another_file_in_its_place_is_written_to)
{
    for (int i = 0; i < 3; i++) {
        if (i == 1)
            terminal_begin();
        else
            pipe_begin();
        expect_back();
        pipe_end();
    }
}

static _Atomic int over;

static void *log_lines_and_tell(void *argument)
{
    log_lines(argument);
    atomic_fetch_add(&over, 1);
    return argument;
}

/* With no descriptor left the terminal cannot be opened once more: one of them hangs in it. */
Test(log_posix, one_that_hangs_keeps_no_other_thread)
{
    pthread_t threads[WRITERS];
    struct rlimit limit;
    terminal_begin();
    getrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit none = {.rlim_cur = 3, .rlim_max = limit.rlim_max};
    setrlimit(RLIMIT_NOFILE, &none);
    for (int i = 0; i < WRITERS; i++) pthread_create(&threads[i], NULL, log_lines_and_tell, NULL);
    while (atomic_load(&over) < WRITERS - 1) usleep(1000);
    while (atomic_load(&over) < WRITERS) take();
    for (int i = 0; i < WRITERS; i++) pthread_join(threads[i], NULL);
    setrlimit(RLIMIT_NOFILE, &limit);
    expect_back();
    pipe_end();
}

/* ---- a reader that is behind ---- */

enum { PAGE = 4096 };

static _Atomic int read_lines, pause_us;

/* A page at a time; without a pause, until there is nothing more. */
static void *read_slowly(void *argument)
{
    char page[PAGE];
    for (;;) {
        int pause = atomic_load(&pause_us), lines = 0;
        ssize_t count = read(ends[0], page, sizeof page);
        if (count < 0 && pause == 0) return argument;
        for (ssize_t i = 0; i < count; i++) lines += page[i] == '\n';
        atomic_fetch_add(&read_lines, lines);
        usleep((useconds_t)pause);
    }
}

/* How many lines came through, of so many times LINES. */
static int log_to(void *(*reads)(void *), int times, int pause)
{
    pthread_t reader;
    atomic_store(&read_lines, 0);
    atomic_store(&pause_us, pause);
    pthread_create(&reader, NULL, reads, NULL);
    for (int i = 0; i < times; i++) log_lines(NULL);
    atomic_store(&pause_us, 0);
    pthread_join(reader, NULL);
    return atomic_load(&read_lines);
}

/* It takes a page before anybody would lose patience, again and again. */
Test(log_posix, a_reader_that_stays_behind_is_not_waited_for_again_and_again)
{
    enum { TIMES = 5 };
    pipe_begin();
    int written = log_to(read_slowly, TIMES, 40000);
    pipe_end();
    cr_assert(written < TIMES * LINES / 2, "%d lines were written", written);
}

/* Reads all that there is, each time when there is no room for a line more: a log that does not wait then
 * loses one. */
static void *read_when_full(void *argument)
{
    char page[PAGE];
    const int full = fcntl(ends[0], F_GETPIPE_SZ) - 2 * PAGE;
    for (;;) {
        int there = 0, pause = atomic_load(&pause_us);
        ssize_t count;
        ioctl(ends[0], FIONREAD, &there);
        usleep(there >= full ? (useconds_t)pause : 100);
        if (there < full && pause > 0) continue;
        while ((count = read(ends[0], page, sizeof page)) > 0)
            for (ssize_t i = 0; i < count; i++) atomic_fetch_add(&read_lines, page[i] == '\n');
        if (pause == 0) return argument;
    }
}

Test(log_posix, a_reader_that_has_caught_up_is_waited_for_again)
{
    enum { TIMES = 3 };
    int written = 0;
    pipe_begin();
    while (written < TIMES * LINES) { /* a reader may be late on a busy machine */
        log_lines(NULL);
        take();
        written = log_to(read_when_full, TIMES, 2000);
    }
    pipe_end();
}

static size_t kept; /* bytes in `held` */

static void *keep_all(void *argument)
{
    while (atomic_load(&pause_us) > 0 || kept == 0) {
        ssize_t count = read(ends[0], held + kept, HELD_MAX - kept);
        if (count > 0) kept += (size_t)count;
    }
    return argument;
}

/* A terminal takes what it has room for. */
Test(log_posix, of_what_a_terminal_takes_in_parts_nothing_is_left_out)
{
    static char text[200000];
    pthread_t reader;
    for (size_t i = 0; i < sizeof text; i++) text[i] = (char)('a' + i * 7919 / 100 % 26);
    terminal_begin();
    atomic_store(&pause_us, 1);
    pthread_create(&reader, NULL, keep_all, NULL);
    output_write(OUTPUT_ERROR, text, sizeof text);
    atomic_store(&pause_us, 0);
    pthread_join(reader, NULL);
    pipe_end();
    cr_assert(memcmp(held, text, kept) == 0);
}

/* Whoever has read the beginning of a line is not told the next one as its end. */
Test(log_posix, what_was_cut_off_ends_before_the_next_line)
{
    static char line[200000];
    memset(line, 'x', sizeof line);
    line[sizeof line - 1] = '\n';
    pipe_begin();
    uint64_t without = output_write(OUTPUT_ERROR, line, sizeof line);
    int lines = take();
    output_write(OUTPUT_ERROR, "back\n", 5);
    take();
    pipe_end();
    cr_assert_eq(without, 1);
    cr_assert_eq(lines, 0);
    cr_assert_str_eq(held, "\nback\n");
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
        int reader = lead_to(full);
        for (int i = 0; i < 3; i++) log_line(LOG_INFO, "lost");
        lead_back(reader);
        log_line(LOG_INFO, "back");
    }
    take();
    pipe_end();
    if (full < 0) cr_skip_test("NOT TESTED: this machine has no /dev/full");
    close(full);
    cr_assert_eq(lost(), 3, "%s", held);
}

Test(log_posix, a_line_without_an_end_is_lost_as_any_other)
{
    int full = open("/dev/full", O_WRONLY);
    if (full < 0) cr_skip_test("NOT TESTED: this machine has no /dev/full");
    int before = lead_to(full);
    uint64_t nothing = output_write(OUTPUT_ERROR, "", 0);
    uint64_t begun = output_write(OUTPUT_ERROR, "begun", 5);
    uint64_t whole = output_write(OUTPUT_ERROR, "whole\n", 6);
    uint64_t both = output_write(OUTPUT_ERROR, "whole\nbegun", 11);
    lead_back(before);
    close(full);
    cr_assert_eq(nothing, 0);
    cr_assert_eq(begun, 1);
    cr_assert_eq(whole, 1);
    cr_assert_eq(both, 2);
}
