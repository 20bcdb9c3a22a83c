#include "admin/token_system.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

bool token_folder(int index, char *path)
{
    const char *runtime = getenv("XDG_RUNTIME_DIR");
    unsigned user = geteuid();
    int size = 0;
    switch (index) {
    case 0:
        size = runtime != NULL && runtime[0] == '/'
                   ? snprintf(path, TOKEN_PATH_MAX, "%s/moonport", runtime)
                   : snprintf(path, TOKEN_PATH_MAX, "/run/user/%u/moonport", user);
        break;
    case 1: size = snprintf(path, TOKEN_PATH_MAX, "/run/user/%u/moonport", user); break;
    case 2: size = snprintf(path, TOKEN_PATH_MAX, "/tmp/moonport-%u", user); break;
    default: return false;
    }
    if (size >= TOKEN_PATH_MAX) path[0] = '\0';
    return true;
}

bool token_owns_folder(const char *path)
{
    struct stat there;
    return lstat(path, &there) == 0 && S_ISDIR(there.st_mode) && there.st_uid == geteuid() &&
           (there.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

bool token_use_folder(const char *path)
{
    return (mkdir(path, 0700) == 0 || errno == EEXIST) && token_owns_folder(path);
}

bool token_write_file(const char *path, struct span text)
{
    char made[TOKEN_PATH_MAX + 8];
    snprintf(made, sizeof made, "%s.XXXXXX", path);
    int file = mkostemp(made, O_CLOEXEC); /* mode 0600 */
    if (file < 0) return false;
    bool fine = write(file, text.data, text.size) == (ssize_t)text.size;
    fine = close(file) == 0 && fine && rename(made, path) == 0;
    if (!fine) {
        int why = errno;
        unlink(made);
        errno = why;
    }
    return fine;
}

int token_read_file(const char *path, char *text, int size, int64_t *written_ns)
{
    struct stat there;
    int file = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (file < 0) return -1;
    bool fine = fstat(file, &there) == 0 && S_ISREG(there.st_mode) && there.st_uid == geteuid();
    int got = fine ? (int)read(file, text, (size_t)size) : -1;
    if (fine) *written_ns = there.st_mtim.tv_sec * INT64_C(1000000000) + there.st_mtim.tv_nsec;
    close(file);
    return got;
}
