#include "temporary.h"

#include <fcntl.h>
#include <io.h>
#include <windows.h>

/* The tmpfile of msvcrt would write where only an administrator may. */
FILE *temporary_file(void)
{
    char directory[MAX_PATH + 1], path[MAX_PATH];
    if (GetTempPathA(sizeof directory, directory) == 0) return NULL;
    if (GetTempFileNameA(directory, "unit", 0, path) == 0) return NULL;
    int file = _open(path, _O_RDWR | _O_BINARY | _O_TEMPORARY);
    return file < 0 ? NULL : _fdopen(file, "w+b");
}
