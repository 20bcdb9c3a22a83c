#include "temporary.h"

#include <fcntl.h>
#include <io.h>
#include <string.h>
#include <windows.h>

enum { TRIES_MAX = 1000 };

/* The tmpfile of msvcrt would write where only an administrator may. */
FILE *temporary_file(void)
{
    char directory[MAX_PATH + 1], path[MAX_PATH];
    if (GetTempPathA(sizeof directory, directory) == 0) return NULL;
    if (GetTempFileNameA(directory, "unit", 0, path) == 0) return NULL;
    int file = _open(path, _O_RDWR | _O_BINARY | _O_TEMPORARY);
    return file < 0 ? NULL : _fdopen(file, "w+b");
}

/* Each test is a process: its number, and a count for what is left of an earlier one, make a name of its own. */
bool temporary_directory(char path[TEMPORARY_PATH_MAX])
{
    char above[MAX_PATH + 1];
    if (GetTempPathA(sizeof above, above) == 0) return false;
    for (unsigned count = 0; count < TRIES_MAX; count++) {
        int size = snprintf(path, TEMPORARY_PATH_MAX, "%sunit-%lu-%u", above,
                            (unsigned long)GetCurrentProcessId(), count);
        if (size < 0 || size >= TEMPORARY_PATH_MAX) return false;
        if (CreateDirectoryA(path, NULL)) return true;
        if (GetLastError() != ERROR_ALREADY_EXISTS) return false;
    }
    return false;
}

bool temporary_subdirectory(const char *path)
{
    return CreateDirectoryA(path, NULL);
}

bool temporary_move(const char *from, const char *to)
{
    return MoveFileExA(from, to, MOVEFILE_REPLACE_EXISTING);
}

static bool remove_entries(const char *path)
{
    char inner[MAX_PATH + 1];
    WIN32_FIND_DATAA entry;
    bool fine = true;
    snprintf(inner, sizeof inner, "%s\\*", path);
    HANDLE search = FindFirstFileA(inner, &entry);
    if (search == INVALID_HANDLE_VALUE) return false;
    do {
        const char *name = entry.cFileName;
        if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0) continue;
        int size = snprintf(inner, sizeof inner, "%s\\%s", path, name);
        fine = size < (int)sizeof inner && temporary_remove(inner) && fine;
    } while (FindNextFileA(search, &entry));
    FindClose(search);
    return fine;
}

bool temporary_remove(const char *path)
{
    DWORD kind = GetFileAttributesA(path);
    if (kind == INVALID_FILE_ATTRIBUTES) return false;
    if ((kind & FILE_ATTRIBUTE_DIRECTORY) == 0) return DeleteFileA(path);
    bool link = (kind & FILE_ATTRIBUTE_REPARSE_POINT) != 0;
    return (link || remove_entries(path)) && RemoveDirectoryA(path);
}

bool temporary_is_on_wine(void)
{
    return GetProcAddress(GetModuleHandleA("ntdll.dll"), "wine_get_version") != NULL;
}
