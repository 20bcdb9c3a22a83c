#include "admin/token.h"

#include "admin/token_system.h"
#include "system/system.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { RANDOM_BYTES = 16 };

bool token_make(char token[TOKEN_MAX + 1])
{
    uint8_t bytes[RANDOM_BYTES];
    if (!system_random(bytes, sizeof bytes)) return false;
    for (size_t i = 0; i < sizeof bytes; i++) snprintf(token + 2 * i, 3, "%02x", bytes[i]);
    return true;
}

bool token_matches(const char *token, struct span text)
{
    size_t size = strlen(token);
    unsigned difference = size == 0 || text.size != size;
    for (size_t i = 0; i < text.size; i++)
        difference |= text.data[i] ^ (uint8_t)token[size > 0 ? i % size : 0];
    return difference == 0;
}

/* The file's name: the address, of characters that any file system takes. */
static bool make_path(const struct address *address, const char *folder, char *path)
{
    char name[ADDRESS_TEXT_MAX];
    address_format(address, name);
    for (char *next = name; *next != '\0'; next++)
        if (!isalnum((unsigned char)*next) && *next != '.') *next = '-';
    return snprintf(path, TOKEN_PATH_MAX, "%s/%s.token", folder, name) < TOKEN_PATH_MAX;
}

bool token_write(const struct address *address, const char *token, char path[TOKEN_PATH_MAX],
                 struct error *error)
{
    char folder[TOKEN_PATH_MAX];
    const char *why = "there is no folder for it that belongs to this user alone";
    for (int i = 0; token_folder(i, folder); i++) {
        if (!token_use_folder(folder) || !make_path(address, folder, path)) continue;
        if (token_write_file(path, span_text(token))) return true;
        why = strerror(errno);
    }
    path[0] = '\0';
    return error_set(error, ERROR_SYSTEM, "%s", why);
}

static bool read_path(const char *path, char token[TOKEN_MAX + 1], int64_t *written_ns)
{
    int size = token_read_file(path, token, TOKEN_MAX, written_ns);
    if (size <= 0) return false;
    token[size] = '\0';
    return true;
}

/* A file that was found; the newest counts, since a server that has crashed leaves its own, perhaps in another folder. */
struct found {
    bool any;
    int64_t written_ns;
    char token[TOKEN_MAX + 1];
};

static void look_for(const struct address *address, struct found *newest)
{
    char folder[TOKEN_PATH_MAX], path[TOKEN_PATH_MAX];
    for (int i = 0; token_folder(i, folder); i++) {
        struct found other = {.any = true};
        if (!token_owns_folder(folder) || !make_path(address, folder, path) ||
            !read_path(path, other.token, &other.written_ns))
            continue;
        if (!newest->any || other.written_ns > newest->written_ns) *newest = other;
    }
}

bool token_read(const struct address *address, char token[TOKEN_MAX + 1])
{
    const struct address all = {.family = address->family, .port = address->port};
    struct found newest = {.any = false};
    look_for(address, &newest);
    if (address_is_loopback(address)) look_for(&all, &newest);
    if (newest.any) memcpy(token, newest.token, sizeof newest.token);
    return newest.any;
}

bool token_is_there(const char *path)
{
    return path[0] == '\0' || access(path, F_OK) == 0;
}

void token_remove(const char *path, const char *token)
{
    char there[TOKEN_MAX + 1];
    int64_t written_ns;
    if (path[0] != '\0' && read_path(path, there, &written_ns) && strcmp(there, token) == 0)
        remove(path);
}
