#include "system/system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <unistd.h>

/* Blocks from this size on are mapped individually; and the memory kept at the end of each thread's heap. */
enum { MAPPED_BYTES = 256 << 10, KEPT_BYTES = 1 << 20 };

const char system_separators[] = "/";
const char system_module[] = "?.so";

bool system_full_path(const char *path, char full[SYSTEM_PATH_MAX])
{
    static_assert(SYSTEM_PATH_MAX >= PATH_MAX, "realpath counts on it");
    return realpath(path, full) != NULL;
}

/* If standard input, output or error was closed at the start, printed text and log lines would go to the socket, or
 * whatever else gets its number. */
void system_begin(void)
{
    int file;
    do file = open("/dev/null", O_RDWR);
    while (file >= 0 && file <= STDERR_FILENO);
    if (file >= 0) close(file);
}

void system_show_output(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
}

/* By default, glibc maps no block that is smaller than the largest one freed so far, up to 32 MiB, and keeps
 * twice as much at the end of each thread's heap. */
void system_bound_heap(void)
{
    mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES);
    mallopt(M_TRIM_THRESHOLD, KEPT_BYTES);
}

uint64_t system_prepare(uint64_t files)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return files;
    if (limit.rlim_cur < files) {
        limit.rlim_cur = limit.rlim_max < files ? limit.rlim_max : files;
        setrlimit(RLIMIT_NOFILE, &limit);
        getrlimit(RLIMIT_NOFILE, &limit);
    }
    return limit.rlim_cur;
}

bool system_random(void *bytes, size_t size)
{
    return getrandom(bytes, size, 0) == (ssize_t)size;
}
