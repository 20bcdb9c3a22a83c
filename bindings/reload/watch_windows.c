#include "reload/watch.h"

#include "base/check.h"
#include "base/log.h"
#include "reload/followed.h"
#include "reload/settle.h"
#include "scripts/source.h"

#include <stdlib.h>
#include <windows.h>

enum { LOOK_MS = 1000, CHANGES_SIZE = 65536 /* at most, for a directory on a network */ };

struct watch {
    HANDLE wake;      /* an auto-reset event */
    HANDLE directory; /* NULL: it is gone, or there is none */
    char *path;       /* NULL: nothing is watched */
    DWORD volume;     /* with `number`, the directory's identity */
    uint64_t number;
    uint64_t insist_ms; /* from when on open files are read as they are; UINT64_MAX: not set */
    uint64_t look_ms;   /* when to check where the path leads; UINT64_MAX: never */
    struct settle settle;
    struct followed followed;
    OVERLAPPED operation; /* always under way while there is a directory */
    DWORD changes[CHANGES_SIZE / sizeof(DWORD)];
};

/* ---- what is watched ---- */

static HANDLE open_directory(const char *path)
{
    /* Others may still move or delete it. */
    HANDLE directory = CreateFileA(
        path, FILE_LIST_DIRECTORY, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE, NULL,
        OPEN_EXISTING, FILE_FLAG_BACKUP_SEMANTICS | FILE_FLAG_OVERLAPPED, NULL);
    return directory == INVALID_HANDLE_VALUE ? NULL : directory;
}

static bool identify(HANDLE directory, DWORD *volume, uint64_t *number)
{
    BY_HANDLE_FILE_INFORMATION information;
    if (!GetFileInformationByHandle(directory, &information)) return false;
    *volume = information.dwVolumeSerialNumber;
    *number = (uint64_t)information.nFileIndexHigh << 32 | information.nFileIndexLow;
    return true;
}

static bool await_changes(struct watch *watch)
{
    const DWORD counted = FILE_NOTIFY_CHANGE_FILE_NAME | FILE_NOTIFY_CHANGE_DIR_NAME |
                          FILE_NOTIFY_CHANGE_SIZE | FILE_NOTIFY_CHANGE_LAST_WRITE;
    return ReadDirectoryChangesW(watch->directory, watch->changes, sizeof watch->changes, TRUE,
                                 counted, NULL, &watch->operation, NULL);
}

/* Takes over the handle, and begins to watch. False: it cannot be watched. */
static bool begin(struct watch *watch, HANDLE directory)
{
    watch->directory = directory;
    if (identify(directory, &watch->volume, &watch->number) && await_changes(watch)) return true;
    DWORD number = GetLastError();
    CloseHandle(directory);
    watch->directory = NULL;
    SetLastError(number);
    return false;
}

/* To be called when no operation is under way. While a deleted directory is open, its name is not free. */
static void let_go(struct watch *watch)
{
    if (watch->directory != NULL) CloseHandle(watch->directory);
    watch->directory = NULL;
}

static void end(struct watch *watch)
{
    DWORD size;
    if (watch->directory == NULL) return;
    CancelIoEx(watch->directory, &watch->operation);
    GetOverlappedResult(watch->directory, &watch->operation, &size, TRUE);
    let_go(watch);
}

/* Checks once a second where the path leads, because no event says that it leads elsewhere. */
static void look(struct watch *watch, uint64_t now)
{
    DWORD volume;
    uint64_t number;
    if (now < watch->look_ms) return;
    watch->look_ms = now + LOOK_MS;
    HANDLE directory = open_directory(watch->path);
    bool there = directory != NULL && identify(directory, &volume, &number);
    bool same =
        there && watch->directory != NULL && volume == watch->volume && number == watch->number;
    if (!same) end(watch);
    if (there && !same) {
        if (begin(watch, directory)) settle_note(&watch->settle, now);
    } else if (directory != NULL) {
        CloseHandle(directory);
    }
}

/* ---- what has happened ---- */

/* Is the file in a directory that is followed? What is too long for the room is in none. */
static bool is_followed(const struct watch *watch, const FILE_NOTIFY_INFORMATION *change)
{
    char name[1024];
    int size = WideCharToMultiByte(CP_UTF8, 0, change->FileName,
                                   (int)(change->FileNameLength / sizeof *change->FileName), name,
                                   sizeof name - 1, NULL, NULL);
    name[size] = '\0';
    return size > 0 && followed_has(&watch->followed, name);
}

/* Does the change count? Nothing below a hidden directory does. Of writes, only those to Lua files do, and those in
 * directories that are followed. A name that appears or disappears always does: it may be a link to Lua files. */
static bool counts(const struct watch *watch, const FILE_NOTIFY_INFORMATION *change)
{
    const WCHAR *name = change->FileName, *stop = name + change->FileNameLength / sizeof *name;
    for (const WCHAR *at = name; at < stop; at++) {
        if (*at != L'\\') continue;
        if (*name == L'.') return false;
        name = at + 1;
    }
    if (change->Action != FILE_ACTION_MODIFIED) return true;
    if (*name == L'.') return false;
    return (stop - name > 4 && _wcsnicmp(stop - 4, L".lua", 4) == 0) || is_followed(watch, change);
}

static bool any_counts(const struct watch *watch)
{
    const FILE_NOTIFY_INFORMATION *change = (const void *)watch->changes;
    while (!counts(watch, change)) {
        if (change->NextEntryOffset == 0) return false;
        change = (const void *)((const char *)change + change->NextEntryOffset);
    }
    return true;
}

static void read_changes(struct watch *watch, uint64_t now)
{
    DWORD size = 0;
    bool fine = GetOverlappedResult(watch->directory, &watch->operation, &size, FALSE);
    /* 0 bytes: the changes did not fit. */
    if (!fine || size == 0 || any_counts(watch)) settle_note(&watch->settle, now);
    /* If it was deleted, the next look finds a directory that replaces it. */
    if (!fine || !await_changes(watch)) let_go(watch);
}

/* No event says that a file was closed. But opening it without sharing writes fails while it is open for writing,
 * or open exclusively. */
static bool find_writing(void *context, const char *path, const char *name, struct error *error)
{
    (void)context;
    HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_DELETE, NULL,
                              OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
    if (file == INVALID_HANDLE_VALUE && GetLastError() == ERROR_SHARING_VIOLATION)
        return error_set(error, ERROR_SYSTEM, "%s", name); /* ends the walk */
    if (file != INVALID_HANDLE_VALUE) CloseHandle(file);
    return true;
}

/* The error names the file. */
static bool is_written_to(const struct watch *watch, struct error *error)
{
    struct source_visitor visitor = {.file = find_writing};
    *error = (struct error){.kind = ERROR_NONE};
    source_walk(watch->path, &visitor, error);
    return error->kind == ERROR_SYSTEM;
}

/* True if a burst is over. */
static bool has_settled(struct watch *watch, uint64_t now)
{
    struct error error;
    if (!settle_is_due(&watch->settle, now)) return false;
    bool writing = is_written_to(watch, &error);
    if (!settle_over(&watch->settle, now, writing)) return false;
    if (writing) {
        watch->insist_ms = now;
        log_line(LOG_WARN,
                 "%s has been open for writing for %d s since the last change: it is read as it is",
                 error.text, SETTLE_OPEN_MS / 1000);
    }
    return true;
}

enum watch_event watch_wait(struct watch *watch, uint64_t patience_ms)
{
    HANDLE events[] = {watch->wake, watch->operation.hEvent};
    uint64_t late_ms = settle_after_ms(GetTickCount64(), patience_ms);
    for (bool looked = false;; looked = true) {
        if (WaitForSingleObject(watch->wake, 0) == WAIT_OBJECT_0) return WATCH_WOKEN;
        uint64_t now = GetTickCount64();
        if (has_settled(watch, now)) return WATCH_CHANGED;
        if (looked && now >= late_ms) return WATCH_LATE;
        look(watch, now);
        uint64_t patience =
            settle_wait_ms(&watch->settle, now, settle_earlier(watch->look_ms, late_ms));
        DWORD come = WaitForMultipleObjects(watch->directory != NULL ? 2 : 1, events, FALSE,
                                            patience < INFINITE ? (DWORD)patience : INFINITE);
        if (come == WAIT_OBJECT_0) return WATCH_WOKEN;
        if (come == WAIT_OBJECT_0 + 1) read_changes(watch, GetTickCount64());
    }
}

bool watch_saw_writing(struct watch *watch)
{
    struct error error;
    uint64_t now = GetTickCount64();
    if (watch->path == NULL) return false;
    if (watch->directory != NULL &&
        WaitForSingleObject(watch->operation.hEvent, 0) == WAIT_OBJECT_0)
        read_changes(watch, now);
    bool writing = is_written_to(watch, &error);
    if (writing) settle_note(&watch->settle, now);
    if ((!writing && !watch->settle.changed) || now >= watch->insist_ms) {
        watch->insist_ms = UINT64_MAX;
        return false;
    }
    if (watch->insist_ms == UINT64_MAX) watch->insist_ms = now + SETTLE_OPEN_LATEST_MS;
    return true;
}

bool watch_follow(struct watch *watch, const char *below, struct error *error)
{
    return followed_add(&watch->followed, below) ||
           error_set(error, ERROR_SYSTEM, "no memory to watch for changes");
}

void watch_wake(struct watch *watch)
{
    check(SetEvent(watch->wake));
}

/* ---- opening and closing ---- */

struct watch *watch_open(const char *directory, struct error *error)
{
    struct watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) goto no_memory;
    watch->look_ms = watch->insist_ms = UINT64_MAX;
    watch->wake = CreateEventW(NULL, FALSE, FALSE, NULL);
    watch->operation.hEvent = CreateEventW(NULL, TRUE, FALSE, NULL);
    if (watch->wake == NULL || watch->operation.hEvent == NULL) goto no_memory;
    if (directory == NULL) return watch;
    watch->path = strdup(directory);
    if (watch->path == NULL) goto no_memory;
    watch->look_ms = GetTickCount64() + LOOK_MS;
    HANDLE opened = open_directory(directory);
    if (opened != NULL && begin(watch, opened)) return watch;
    error_set(error, ERROR_SYSTEM, "%s cannot be watched for changes: Windows error %lu", directory,
              GetLastError());
    goto failed;

no_memory:
    error_set(error, ERROR_SYSTEM, "no memory to watch for changes");
failed:
    if (watch != NULL) watch_close(watch);
    return NULL;
}

void watch_close(struct watch *watch)
{
    end(watch);
    if (watch->operation.hEvent != NULL) CloseHandle(watch->operation.hEvent);
    if (watch->wake != NULL) CloseHandle(watch->wake);
    followed_close(&watch->followed);
    free(watch->path);
    free(watch);
}
