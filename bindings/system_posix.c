#include "system.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

/* What each thread keeps of freed memory at the end of its heap: so many of the largest packets, up to so
 * many bytes. And up to what size pieces come from there. */
enum { KEPT_PACKETS = 8, KEPT_MAX = 16 << 20, MAPPED_BYTES = 32 << 20 };

const char system_separators[] = "/";
const char system_module[] = "?.so";

/* Whoever is started without standard input, output or error would have what is printed and logged go
 * to a socket, or what else gets its number. */
bool system_full_path(const char *path, char full[SYSTEM_PATH_MAX])
{
    static_assert(SYSTEM_PATH_MAX >= PATH_MAX, "realpath counts on it");
    return realpath(path, full) != NULL;
}

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

/* Left alone, glibc comes to keep a little more than the largest piece that was freed. What large packets
 * need beyond that goes to the system and comes back all the time, page by page, which takes longer than
 * all else. */
void system_keep_memory(uint64_t packet_max)
{
    uint64_t kept = packet_max > KEPT_MAX / KEPT_PACKETS ? KEPT_MAX : packet_max * KEPT_PACKETS;
    if (mallopt(M_MMAP_THRESHOLD, MAPPED_BYTES) != 0) mallopt(M_TRIM_THRESHOLD, (int)kept);
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
