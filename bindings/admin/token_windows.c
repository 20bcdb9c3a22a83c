#include "admin/token_system.h"

#include <direct.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <windows.h>

/* Only the user and administrators can enter the folder of the user's local data. */
bool token_folder(int index, char *path)
{
    const char *local = getenv("LOCALAPPDATA");
    if (index > 0 || local == NULL) return false;
    return snprintf(path, TOKEN_PATH_MAX, "%s\\moonport", local) < TOKEN_PATH_MAX;
}

bool token_owns_folder(const char *path)
{
    return access(path, F_OK) == 0;
}

bool token_use_folder(const char *path)
{
    return _mkdir(path) == 0 || errno == EEXIST;
}

bool token_write_file(const char *path, struct span text)
{
    char made[TOKEN_PATH_MAX + 8];
    snprintf(made, sizeof made, "%s.new", path);
    FILE *file = fopen(made, "wb");
    if (file == NULL) return false;
    bool fine = fwrite(text.data, 1, text.size, file) == text.size;
    fine = fclose(file) == 0 && fine && MoveFileExA(made, path, MOVEFILE_REPLACE_EXISTING) != 0;
    if (!fine) {
        remove(made);
        errno = EACCES; /* the system has not set it */
    }
    return fine;
}

int token_read_file(const char *path, char *text, int size, int64_t *written_ns)
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return -1;
    size_t got = fread(text, 1, (size_t)size, file);
    fclose(file);
    *written_ns = 0; /* there is one folder */
    return (int)got;
}
