#include "scripts/source.h"

#include "base/check.h"
#include "base/text.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { PATH_SIZE = 4096, FIRST_READ = 8192, FIRST_FILES = 64, NAMES_SHOWN = 3 };

/* ---- walking through the directories ---- */

struct place {
    const struct place *above; /* NULL: the first directory */
    dev_t device;
    ino_t inode; /* 0: the system does not tell */
    unsigned depth;
};

struct walk {
    const struct source_visitor *visitor;
    struct error *error;
    size_t names; /* where in the path a file's name begins */
    char path[PATH_SIZE];
};

bool source_has_name(const char *name)
{
    size_t size = strlen(name);
    return name[0] != '.' && size > 4 && strcmp(name + size - 4, ".lua") == 0;
}

/* Does a link lead back up to an enclosing directory? */
static bool is_above(const struct place *place, const struct stat *status)
{
    for (; place != NULL; place = place->above)
        if (status->st_ino != 0 && place->inode == status->st_ino &&
            place->device == status->st_dev)
            return true;
    return false;
}

static bool walk_directory(struct walk *walk, size_t end, const struct place *place);

static bool is_wanted(const struct walk *walk, const char *name, bool is_directory)
{
    const struct source_visitor *visitor = walk->visitor;
    if (visitor->wants == NULL) return is_directory || source_has_name(name);
    return visitor->wants(visitor->context, walk->path, walk->path + walk->names, is_directory);
}

/* `end` is where the path of its directory ends in walk->path. */
static bool walk_entry(struct walk *walk, size_t end, const struct place *place, const char *name)
{
    struct stat status;
    if (name[0] == '.') return true;
    int written = snprintf(walk->path + end, sizeof walk->path - end, "/%s", name);
    if ((size_t)written >= sizeof walk->path - end)
        return error_set(walk->error, ERROR_INPUT, "a path is longer than %d characters: %s",
                         PATH_SIZE - 1, walk->path);
    /* If stat fails it is taken for a file: reading it reports why. */
    bool seen = stat(walk->path, &status) == 0;
    bool is_directory = seen && S_ISDIR(status.st_mode);
    if (!is_wanted(walk, name, is_directory)) return true;
    if (is_directory) {
        struct place inner = {place, status.st_dev, status.st_ino, place->depth + 1};
        if (place->depth == SOURCE_DEPTH_MAX || is_above(place, &status)) return true;
        return walk_directory(walk, end + (size_t)written, &inner);
    }
    if (seen && !S_ISREG(status.st_mode)) return true;
    const struct source_visitor *visitor = walk->visitor;
    if (visitor->file == NULL) return true;
    return visitor->file(visitor->context, walk->path, walk->path + walk->names, walk->error);
}

static bool walk_failed(struct walk *walk)
{
    return error_set(walk->error, ERROR_INPUT, "%s: %s (it cannot be listed)", walk->path,
                     strerror(errno));
}

static bool walk_directory(struct walk *walk, size_t end, const struct place *place)
{
    const struct source_visitor *visitor = walk->visitor;
    if (visitor->enter != NULL && !visitor->enter(visitor->context, walk->path, walk->error))
        return false;
    DIR *directory = opendir(walk->path);
    if (directory == NULL) {
        bool none = errno == EACCES || errno == ENOENT || errno == ENOTDIR; /* or just removed */
        return (none && place->above != NULL) || walk_failed(walk);
    }
    const struct dirent *entry;
    bool fine = true;
    while (fine && (errno = 0, entry = readdir(directory)) != NULL) {
        fine = walk_entry(walk, end, place, entry->d_name);
        walk->path[end] = '\0';
    }
    if (fine && errno != 0) fine = walk_failed(walk);
    closedir(directory);
    return fine;
}

bool source_walk(const char *directory, const struct source_visitor *visitor, struct error *error)
{
    struct walk walk = {.visitor = visitor, .error = error};
    struct stat status;
    size_t size = strlen(directory);
    if (size >= sizeof walk.path)
        return error_set(error, ERROR_INPUT, "the path is too long: %s", directory);
    memcpy(walk.path, directory, size + 1);
    walk.names = size + 1;
    if (stat(directory, &status) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s (a directory with a main.lua is expected)",
                         directory, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INPUT, "%s is a file: name the directory that it is in",
                         directory);
    struct place first = {NULL, status.st_dev, status.st_ino, 0};
    return walk_directory(&walk, size, &first);
}

/* ---- reading ---- */

struct reader {
    struct source *source;
    size_t capacity; /* files that fit in the list */
    size_t left;     /* bytes that more files may take */
};

static bool no_memory(const char *path, struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "no memory to read %s", path);
}

static bool note_file(void *context, const char *path, const char *name, struct error *error)
{
    struct reader *reader = context;
    struct source *source = reader->source;
    if (source->count == SOURCE_FILES_MAX)
        return error_set(error, ERROR_INPUT,
                         "%s: more than %d Lua files are in and below it: move away those that are "
                         "not the server's",
                         source->directory, SOURCE_FILES_MAX);
    if (source->count == reader->capacity) {
        size_t capacity = reader->capacity == 0 ? FIRST_FILES : 2 * reader->capacity;
        struct source_file *grown = realloc(source->files, capacity * sizeof *grown);
        if (grown == NULL) return no_memory(path, error);
        source->files = grown;
        reader->capacity = capacity;
    }
    char *kept = strdup(name);
    if (kept == NULL) return no_memory(path, error);
    source->files[source->count++] = (struct source_file){.name = kept};
    return true;
}

static bool too_large(const struct source *source, struct error *error)
{
    return error_set(error, ERROR_INPUT,
                     "%s: the Lua files in and below it have more than %d MiB: keep data in files "
                     "of other names, or elsewhere",
                     source->directory, SOURCE_SIZE_MAX >> 20);
}

static bool unreadable(const char *path, const char *name, int number, struct error *error)
{
    const char *advice = strcmp(name, "main.lua") == 0
                             ? "the handlers are expected there"
                             : "every Lua file of the directory is read: mend or remove it";
    return error_set(error, ERROR_INPUT, "%s: %s (%s)", path, strerror(number), advice);
}

/* Reads to the end, even if the file grows meanwhile. */
static bool read_stream(struct reader *reader, FILE *stream, const char *path, struct span *text,
                        struct error *error)
{
    size_t capacity = 0, got;
    do {
        if (text->size == capacity) {
            capacity = capacity == 0 ? FIRST_READ : 2 * capacity;
            uint8_t *grown = realloc(text->data, capacity);
            if (grown == NULL) return no_memory(path, error);
            text->data = grown;
        }
        got = fread(text->data + text->size, 1, capacity - text->size, stream);
        text->size += got;
        if (text->size > reader->left) return too_large(reader->source, error);
    } while (got != 0);
    reader->left -= text->size;
    uint8_t *fitting = realloc(text->data, text->size + 1); /* an empty text is not NULL, either */
    if (fitting != NULL) text->data = fitting;
    return true;
}

static bool read_file(struct reader *reader, struct source_file *file, struct error *error)
{
    char path[PATH_SIZE]; /* it fits: the walk has checked that */
    snprintf(path, sizeof path, "%s/%s", reader->source->directory, file->name);
    FILE *stream = fopen(path, "rb");
    if (stream == NULL) return unreadable(path, file->name, errno, error);
    errno = 0;
    bool fine = read_stream(reader, stream, path, &file->text, error);
    if (fine && ferror(stream)) fine = unreadable(path, file->name, errno, error);
    fclose(stream);
    return fine;
}

/* Checked first, so that for a wrong directory the error comes before a long walk through it. */
static bool find_main(const char *directory, struct error *error)
{
    char path[PATH_SIZE];
    struct stat status;
    if (stat(directory, &status) != 0 || !S_ISDIR(status.st_mode))
        return true; /* the walk reports it */
    snprintf(path, sizeof path, "%s/main.lua", directory);
    if (stat(path, &status) != 0) return unreadable(path, "main.lua", errno, error);
    if (S_ISREG(status.st_mode)) return true;
    return error_set(error, ERROR_INPUT, "%s is not a file (the handlers are expected there)",
                     path);
}

static int by_name(const void *left, const void *right)
{
    return strcmp(((const struct source_file *)left)->name,
                  ((const struct source_file *)right)->name);
}

/* FNV-1a */
static uint64_t hash_bytes(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * 0x100000001b3;
    return hash;
}

static uint64_t hash_files(const struct source *source)
{
    uint64_t hash = 0xcbf29ce484222325;
    for (uint32_t i = 0; i < source->count; i++) {
        const struct source_file *file = &source->files[i];
        uint64_t size = file->text.size;
        hash = hash_bytes(hash, file->name, strlen(file->name) + 1);
        hash = hash_bytes(hash, &size, sizeof size); /* a text must not pass for the next name */
        hash = hash_bytes(hash, file->text.data, file->text.size);
    }
    return hash;
}

static bool read_all(struct reader *reader, const char *directory, struct error *error)
{
    struct source *source = reader->source;
    struct source_visitor visitor = {.context = reader, .file = note_file};
    source->directory = strdup(directory);
    if (source->directory == NULL) return no_memory(directory, error);
    if (!find_main(directory, error) || !source_walk(directory, &visitor, error)) return false;
    if (source->count != 0) qsort(source->files, source->count, sizeof *source->files, by_name);
    for (uint32_t i = 0; i < source->count; i++)
        if (!read_file(reader, &source->files[i], error)) return false;
    if (source_find(source, "main.lua") == NULL) /* it was there at the beginning */
        return error_set(error, ERROR_INPUT, "%s/main.lua: %s (the handlers are expected there)",
                         directory, strerror(ENOENT));
    source->hash = hash_files(source);
    return true;
}

struct source *source_read(const char *directory, struct error *error)
{
    struct reader reader = {.source = calloc(1, sizeof *reader.source), .left = SOURCE_SIZE_MAX};
    if (reader.source == NULL) {
        no_memory(directory, error);
        return NULL;
    }
    atomic_init(&reader.source->holders, 1);
    if (read_all(&reader, directory, error)) return reader.source;
    source_drop(reader.source);
    return NULL;
}

void source_hold(struct source *source)
{
    uint32_t before = atomic_fetch_add_explicit(&source->holders, 1, memory_order_relaxed);
    check(before > 0);
    check(before < UINT32_MAX);
}

void source_drop(struct source *source)
{
    /* All reads by other holders happen before the last one frees it. */
    uint32_t before = atomic_fetch_sub_explicit(&source->holders, 1, memory_order_acq_rel);
    check(before > 0);
    if (before > 1) return;
    for (uint32_t i = 0; i < source->count; i++) {
        free((char *)source->files[i].name);
        free(source->files[i].text.data);
    }
    free(source->files);
    free(source->directory);
    free(source);
}

/* ---- a source that has been read ---- */

const struct source_file *source_find(const struct source *source, const char *name)
{
    struct source_file wanted = {.name = name};
    if (source->count == 0) return NULL;
    return bsearch(&wanted, source->files, source->count, sizeof wanted, by_name);
}

struct span source_code(const struct source_file *file)
{
    struct span text = file->text;
    if (text.size >= 3 && memcmp(text.data, "\xEF\xBB\xBF", 3) == 0) text = span_skip(text, 3);
    if (text.size == 0 || text.data[0] != '#') return text;
    const uint8_t *end = memchr(text.data, '\n', text.size);
    return span_skip(text, end == NULL ? text.size : (size_t)(end - text.data));
}

static bool is_same_text(const struct source_file *left, const struct source_file *right)
{
    return left->text.size == right->text.size &&
           memcmp(left->text.data, right->text.data, left->text.size) == 0;
}

/* The name of the next file that differs; NULL: there is none. *b and *a are positions in the two lists of files,
 * and move on. */
static const char *next_change(const struct source *before, uint32_t *b, const struct source *after,
                               uint32_t *a)
{
    while (*b < before->count || *a < after->count) {
        const struct source_file *old = &before->files[*b], *new = &after->files[*a];
        int order = *b == before->count ? 1 : *a == after->count ? -1 : by_name(old, new);
        *b += order <= 0;
        *a += order >= 0;
        if (order < 0) return old->name;
        if (order > 0 || !is_same_text(old, new)) return new->name;
    }
    return NULL;
}

bool source_is_same(const struct source *left, const struct source *right)
{
    uint32_t l = 0, r = 0;
    return left->hash == right->hash && next_change(left, &l, right, &r) == NULL;
}

/* Writes `count` of the names, and how many more there are; false: there is no room for them. */
static bool write_names(const char **names, uint32_t count, uint32_t total, char *place,
                        size_t size)
{
    struct text text = text_in(place, size);
    for (uint32_t i = 0; i < count; i++) text_add(&text, "%s%s", i == 0 ? "" : ", ", names[i]);
    if (count < total) text_add(&text, " and %u more", total - count);
    return !text.cut;
}

void source_changes(const struct source *before, const struct source *after, char *text,
                    size_t size)
{
    const char *names[NAMES_SHOWN], *name;
    uint32_t b = 0, a = 0, total = 0;
    for (; (name = next_change(before, &b, after, &a)) != NULL; total++)
        if (total < NAMES_SHOWN) names[total] = name;
    check(size > 0);
    text[0] = '\0';
    for (uint32_t count = total < NAMES_SHOWN ? total : NAMES_SHOWN; count > 0; count--)
        if (write_names(names, count, total, text, size)) return;
    if (total > 0) snprintf(text, size, "%u file%s", total, total == 1 ? "" : "s");
}
