#include "temporary.h"

#include <ftw.h>
#include <stdlib.h>
#include <sys/stat.h>

FILE *temporary_file(void)
{
    return tmpfile();
}

bool temporary_directory(char path[TEMPORARY_PATH_MAX])
{
    const char *above = getenv("TMPDIR");
    int size = snprintf(path, TEMPORARY_PATH_MAX, "%s/unit-XXXXXX", above != NULL ? above : "/tmp");
    return size < TEMPORARY_PATH_MAX && mkdtemp(path) != NULL;
}

bool temporary_subdirectory(const char *path)
{
    return mkdir(path, 0777) == 0;
}

bool temporary_move(const char *from, const char *to)
{
    return rename(from, to) == 0;
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status, (void)kind, (void)place;
    return remove(path);
}

bool temporary_remove(const char *path)
{
    return nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS) == 0;
}

bool temporary_is_on_wine(void)
{
    return false;
}
