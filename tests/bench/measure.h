/* measure.h - what the clients that measure share: how they fail, and their clock. */
#ifndef MOONPORT_MEASURE_H
#define MOONPORT_MEASURE_H

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#define SECOND_NS UINT64_C(1000000000)

_Noreturn __attribute__((format(printf, 2, 3))) static inline void fail(int status,
                                                                        const char *format, ...)
{
    va_list arguments;
    fprintf(stderr, "%s: ", program_invocation_short_name);
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(status);
}

static inline uint64_t ns_of(struct timespec time)
{
    return (uint64_t)time.tv_sec * SECOND_NS + (uint64_t)time.tv_nsec;
}

static inline uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return ns_of(now);
}

static inline void rest(uint64_t duration_ns)
{
    nanosleep(&(struct timespec){.tv_sec = (time_t)(duration_ns / SECOND_NS),
                                 .tv_nsec = (long)(duration_ns % SECOND_NS)},
              NULL);
}

/* As many sockets as the system lets this process have. */
static inline void raise_descriptor_limit(void)
{
    struct rlimit files;
    if (getrlimit(RLIMIT_NOFILE, &files) != 0) return;
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
}

#endif
