#include "base/log.h"

#include "base/clock.h"
#include "base/log_recent.h"
#include "base/output.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

/* A pipe takes writes up to this size in one piece, even with several writers. */
enum { LINE_SIZE = 4096, TEXT_SIZE = LINE_SIZE };

struct line {
    char bytes[LINE_SIZE];
    size_t size;
    size_t begin; /* of what stands behind time and level */
    uint64_t time_us;
    enum log_level level;
};

static const char cut_mark[] = "...";
static const char *const level_names[] = {
    [LOG_ERROR] = "error", [LOG_WARN] = "warn", [LOG_INFO] = "info", [LOG_DEBUG] = "debug"};

static _Atomic int level_now = LOG_INFO;
static _Thread_local const char *thread_name;

static _Atomic uint64_t lost_lines; /* since the last line that was written */

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&level_now, (int)level, memory_order_relaxed);
}

enum log_level log_get_level(void)
{
    return (enum log_level)atomic_load_explicit(&level_now, memory_order_relaxed);
}

const char *log_level_text(enum log_level level)
{
    return level_names[level];
}

bool log_wants(enum log_level level)
{
    return (int)level <= atomic_load_explicit(&level_now, memory_order_relaxed);
}

void log_name_thread(const char *name)
{
    thread_name = name;
}

bool log_level_of(const char *name, enum log_level *level)
{
    for (int i = LOG_ERROR; i <= LOG_DEBUG; i++) {
        if (strcmp(name, level_names[i]) != 0) continue;
        *level = (enum log_level)i;
        return true;
    }
    return false;
}

static void begin_line(struct line *line, enum log_level level)
{
    struct tm parts = {0};
    line->level = level;
    line->time_us = clock_unix_us();
    clock_local_time((time_t)(line->time_us / 1000000), &parts);
    line->size = strftime(line->bytes, sizeof line->bytes, "%Y-%m-%d %H:%M:%S", &parts);
    line->size +=
        (size_t)snprintf(line->bytes + line->size, sizeof line->bytes - line->size, ".%03d %-5s ",
                         (int)(line->time_us / 1000 % 1000), level_names[level]);
    line->begin = line->size;
}

/* Adds all bytes or none, and always leaves room for the cut mark and the end of the line. */
static bool add(struct line *line, const char *bytes, size_t size)
{
    size_t room = sizeof line->bytes - sizeof cut_mark - line->size;
    if (size > room) return false;
    memcpy(line->bytes + line->size, bytes, size);
    line->size += size;
    return true;
}

static bool add_character(struct line *line, char character)
{
    unsigned char code = (unsigned char)character;
    char escaped[8];
    if (character == '\n') return add(line, "\n  ", 3);
    if (character == '\t' || (code >= 0x20 && code != 0x7f)) return add(line, &character, 1);
    return add(line, escaped, (size_t)snprintf(escaped, sizeof escaped, "\\x%02x", code));
}

static bool continues_character(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80; /* UTF-8, RFC 3629 section 3 */
}

/* `next` is the first byte that did not fit. Removes the part of its character that did. */
static void cut(struct line *line, char next)
{
    size_t back = 0;
    while (back < 3 && continues_character(next)) next = line->bytes[line->size - ++back];
    if ((unsigned char)next >= 0xc0) line->size -= back;
    memcpy(line->bytes + line->size, cut_mark, sizeof cut_mark - 1);
    line->size += sizeof cut_mark - 1;
}

/* False: the line was not written, or only in part. */
static bool write_line(const struct line *line)
{
    return output_write(OUTPUT_ERROR, line->bytes, line->size) == 0;
}

static bool tell_lost(void)
{
    struct line line;
    if (atomic_load_explicit(&lost_lines, memory_order_relaxed) == 0) return true;
    uint64_t lost = atomic_exchange(&lost_lines, 0);
    if (lost == 0) return true; /* another thread reports them */
    begin_line(&line, LOG_WARN);
    line.size +=
        (size_t)snprintf(line.bytes + line.size, sizeof line.bytes - line.size,
                         "%llu lines of this log could not be written\n", (unsigned long long)lost);
    if (write_line(&line)) return true;
    atomic_fetch_add(&lost_lines, lost);
    return false;
}

static void keep_line(const struct line *line)
{
    struct span text = span_of(line->bytes + line->begin, line->size - line->begin - 1);
    log_recent_add(line->time_us, (uint8_t)line->level, text);
}

/* If the log's reader is stuck, or the disk full, lines are lost rather than workers blocked. */
static void put_line(const struct line *line)
{
    keep_line(line);
    if (!tell_lost() || !write_line(line)) atomic_fetch_add(&lost_lines, 1);
}

static void write_text(enum log_level level, struct span text)
{
    struct line line;
    begin_line(&line, level);
    if (thread_name != NULL && add(&line, thread_name, strlen(thread_name))) add(&line, ": ", 2);
    size_t done = 0;
    while (done < text.size && add_character(&line, (char)text.data[done])) done++;
    if (done < text.size) cut(&line, (char)text.data[done]);
    line.bytes[line.size++] = '\n';
    put_line(&line);
}

void log_text(enum log_level level, struct span text)
{
    if (!log_wants(level)) return;
    while (text.size > 0 && text.data[text.size - 1] == '\n') text.size--;
    write_text(level, text);
}

void log_line(enum log_level level, const char *format, ...)
{
    if (!log_wants(level)) return;
    char text[TEXT_SIZE];
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (written < 0) snprintf(text, sizeof text, "%s", format);
    if (written < (int)sizeof text)
        log_text(level, span_text(text));
    else /* longer than `text`: pass it on, to be cut with a visible mark */
        write_text(level, span_text(text));
}

const char *log_plain(struct span text, char *room, size_t size)
{
    static const char escape[] = "\\x00";
    size_t used = 0;
    for (size_t i = 0; i < text.size; i++) {
        bool zero = text.data[i] == '\0';
        size_t taken = zero ? sizeof escape - 1 : 1;
        if (used + taken >= size) break;
        memcpy(room + used, zero ? escape : (const char *)&text.data[i], taken);
        used += taken;
    }
    room[used] = '\0';
    return room;
}
