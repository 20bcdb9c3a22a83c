#include "system/inside.h"

#include "system/system.h"

#include <string.h>
#include <windows.h>

/* With all links followed, and \ between names. */
static bool real_path(const char *path, char real[SYSTEM_PATH_MAX])
{
    HANDLE file = CreateFileA(path, 0, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS, NULL);
    if (file == INVALID_HANDLE_VALUE) return false;
    DWORD size = GetFinalPathNameByHandleA(file, real, SYSTEM_PATH_MAX, 0);
    CloseHandle(file);
    return size > 0 && size < SYSTEM_PATH_MAX;
}

bool inside_leads_out(const char *path, const char *directory)
{
    char real[SYSTEM_PATH_MAX], above[SYSTEM_PATH_MAX];
    DWORD attributes = GetFileAttributesA(path);
    if (attributes == INVALID_FILE_ATTRIBUTES || (attributes & FILE_ATTRIBUTE_REPARSE_POINT) == 0)
        return false;
    if (!real_path(path, real) || !real_path(directory, above)) return true;
    size_t size = strlen(above);
    if (above[size - 1] == '\\') size--; /* of a drive */
    return _strnicmp(real, above, size) != 0 || real[size] != '\\';
}
