#include "reload/site.h"

#include "base/check.h"
#include "base/log.h"
#include "scripts/source.h"
#include "system/inside.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, FIRST_READ = 8192 };

/* ---- reading ---- */

struct site_reader {
    const char *directory;
    struct http_files *files;
    uint8_t *bytes; /* of one file */
    size_t capacity;
};

static bool too_deep(const char *name)
{
    int depth = 0;
    for (; *name != '\0'; name++) depth += *name == '/';
    return depth >= SOURCE_DEPTH_MAX;
}

static bool wants(void *context, const char *path, const char *name, bool is_directory)
{
    const struct site_reader *reader = context;
    const char *why = inside_leads_out(path, reader->directory)
                          ? "it is a link that leads elsewhere, or nowhere"
                      : is_directory && too_deep(name)    ? "it is too many directories down"
                      : strlen(name) > HTTP_FILE_PATH_MAX ? "its name is too long"
                                                          : NULL;
    if (why != NULL) log_line(LOG_WARN, "%s is not shown: %s", path, why);
    return why == NULL;
}

static bool no_memory(const char *path, struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "no memory to read %s", path);
}

/* Reads to the end, even if the file grows meanwhile; one byte more than a file may have is enough to tell. */
static bool read_stream(struct site_reader *reader, FILE *stream, const char *path, size_t *size,
                        struct error *error)
{
    size_t got;
    *size = 0;
    do {
        if (*size == reader->capacity) {
            size_t capacity = reader->capacity == 0 ? FIRST_READ : 2 * reader->capacity;
            uint8_t *grown = realloc(reader->bytes, capacity);
            if (grown == NULL) return no_memory(path, error);
            reader->bytes = grown;
            reader->capacity = capacity;
        }
        got = fread(reader->bytes + *size, 1, reader->capacity - *size, stream);
        *size += got;
    } while (got != 0 && *size <= SITE_FILE_MAX);
    return true;
}

static bool unreadable(const char *path, int number, struct error *error)
{
    return error_set(error, ERROR_INPUT, "%s: %s (all files of the directory are shown)", path,
                     strerror(number));
}

static bool check_bounds(const struct site_reader *reader, const char *path, size_t size,
                         struct error *error)
{
    if (size > SITE_FILE_MAX)
        return error_set(error, ERROR_INPUT,
                         "%s has more than %d MiB, and is not shown from memory: keep it elsewhere",
                         path, SITE_FILE_MAX >> 20);
    if (http_files_count(reader->files) == SITE_FILES_MAX)
        return error_set(error, ERROR_INPUT,
                         "%s: more than %d files are in and below it: move away those that nobody "
                         "is to see",
                         reader->directory, SITE_FILES_MAX);
    if (http_files_size(reader->files) + size > SITE_SIZE_MAX)
        return error_set(error, ERROR_INPUT,
                         "%s: the files in and below it have more than %d MiB: keep large ones "
                         "elsewhere",
                         reader->directory, SITE_SIZE_MAX >> 20);
    return true;
}

static bool read_file(void *context, const char *path, const char *name, struct error *error)
{
    struct site_reader *reader = context;
    size_t size;
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) return unreadable(path, errno, error);
    errno = 0;
    bool fine = read_stream(reader, stream, path, &size, error);
    if (fine && ferror(stream)) fine = unreadable(path, errno, error);
    fclose(stream);
    if (!fine || !check_bounds(reader, path, size, error)) return false;
    return http_files_add(reader->files, name, reader->bytes, size) || no_memory(path, error);
}

static bool read_directory(struct site_reader *reader, struct error *error)
{
    const struct source_visitor visitor = {.context = reader, .wants = wants, .file = read_file};
    struct stat status;
    if (stat(reader->directory, &status) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s (a directory of files to show is expected)",
                         reader->directory, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INPUT, "%s is a file: a directory is expected",
                         reader->directory);
    return source_walk(reader->directory, &visitor, error);
}

/* NULL with an error. */
static struct http_files *read_files(const char *script_dir, const char *public_dir,
                                     struct error *error)
{
    char directory[PATH_SIZE];
    struct site_reader reader = {.directory = directory, .files = http_files_make()};
    int written = snprintf(directory, sizeof directory, "%s/%s", script_dir, public_dir);
    bool fine = reader.files != NULL || no_memory(public_dir, error);
    if (fine && (size_t)written >= sizeof directory)
        fine = error_set(error, ERROR_INPUT, "the path is too long: %s", directory);
    fine = fine && read_directory(&reader, error);
    free(reader.bytes);
    if (fine) return reader.files;
    if (reader.files != NULL) http_files_drop(reader.files);
    return NULL;
}

/* ---- one site ---- */

bool site_open(struct http_site *site, const char *script_dir, const char *public_dir,
               struct error *error)
{
    struct http_files *files = read_files(script_dir, public_dir, error);
    if (files == NULL) return false;
    http_site_open(site);
    http_site_put(site, files);
    return true;
}

bool site_reread(struct http_site *site, const char *script_dir, const char *public_dir)
{
    struct error error;
    struct http_files *files = read_files(script_dir, public_dir, &error);
    if (files == NULL) {
        log_line(LOG_ERROR, "%s; the files from before are shown", error.text);
        return false;
    }
    struct http_files *before = http_site_take(site);
    check(before != NULL);
    bool same = http_files_are_same(before, files);
    http_files_drop(before);
    if (same) {
        http_files_drop(files);
        return true;
    }
    log_line(LOG_INFO, "%s has changed: %" PRIu32 " files of %" PRIu64 " bytes are shown",
             public_dir, http_files_count(files), http_files_size(files));
    http_site_put(site, files);
    return true;
}

/* ---- all that a server shows ---- */

struct site *sites_open(struct site **list, const char *script_dir, const char *public_dir,
                        struct error *error)
{
    for (struct site *site = *list; site != NULL; site = site->next)
        if (strcmp(site->public_dir, public_dir) == 0) return site;
    struct site *site = calloc(1, sizeof *site);
    size_t size = strlen(public_dir);
    check(size < sizeof site->public_dir);
    if (site == NULL) {
        no_memory(public_dir, error);
        return NULL;
    }
    memcpy(site->public_dir, public_dir, size + 1);
    if (!site_open(&site->http, script_dir, public_dir, error)) {
        free(site);
        return NULL;
    }
    site->next = *list;
    *list = site;
    return site;
}

void sites_reread(struct site *list, const char *script_dir)
{
    for (; list != NULL; list = list->next) site_reread(&list->http, script_dir, list->public_dir);
}

void sites_close(struct site **list)
{
    while (*list != NULL) {
        struct site *site = *list;
        *list = site->next;
        http_site_close(&site->http);
        free(site);
    }
}
