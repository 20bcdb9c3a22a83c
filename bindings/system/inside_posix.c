#include "system/inside.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

bool inside_leads_out(const char *path, const char *directory)
{
    char real[PATH_MAX], above[PATH_MAX];
    struct stat status;
    if (lstat(path, &status) != 0 || !S_ISLNK(status.st_mode)) return false;
    if (realpath(path, real) == NULL || realpath(directory, above) == NULL) return true;
    size_t size = strlen(above);
    if (above[size - 1] == '/') size--; /* the root */
    return strncmp(real, above, size) != 0 || real[size] != '/';
}
