#include "frame/http_files.h"

#include "base/check.h"
#include "base/hash.h"
#include "base/text.h"
#include "frame/http_path.h"
#include "frame/http_text.h"
#include "frame/http_type.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdlib.h>

enum { TAG_SIZE = sizeof "\"0123456789abcdef-0123456789abcdef\"", FIRST_SLOTS = 64 };

/* One piece of memory: the struct, its path, its content. */
struct http_file {
    const char *path;
    const char *type;
    struct span bytes;
    char tag[TAG_SIZE]; /* of the field ETag: what the content hashes to, and its size */
};

/* A table with open addressing: a file is in the slot its path hashes to, or in the next free one. */
struct http_files {
    _Atomic uint32_t holders;
    uint32_t count;
    uint64_t size;  /* bytes of all files */
    uint32_t slots; /* a power of two, at least twice the count; 0: there is no table yet */
    struct http_file **table; /* NULL: a free slot */
};

static const char page[] = "index.html"; /* of a directory */

struct http_files *http_files_make(void)
{
    struct http_files *files = calloc(1, sizeof *files);
    if (files != NULL) atomic_init(&files->holders, 1);
    return files;
}

void http_files_hold(struct http_files *files)
{
    uint32_t before = atomic_fetch_add_explicit(&files->holders, 1, memory_order_relaxed);
    check(before > 0);
    check(before < UINT32_MAX);
}

void http_files_drop(struct http_files *files)
{
    /* All reads by other holders happen before the last one frees it. */
    uint32_t before = atomic_fetch_sub_explicit(&files->holders, 1, memory_order_acq_rel);
    check(before > 0);
    if (before > 1) return;
    for (uint32_t i = 0; i < files->slots; i++) free(files->table[i]);
    free(files->table);
    free(files);
}

uint32_t http_files_count(const struct http_files *files)
{
    return files->count;
}

uint64_t http_files_size(const struct http_files *files)
{
    return files->size;
}

/* ---- the table ---- */

/* The slot of that path, or the free one where it belongs. There must be a table. */
static struct http_file **find_slot(const struct http_files *files, const char *path)
{
    uint32_t slot = (uint32_t)hash_bytes(0, span_text(path));
    for (;; slot++) {
        struct http_file **at = &files->table[slot & (files->slots - 1)];
        if (*at == NULL || strcmp((*at)->path, path) == 0) return at;
    }
}

static const struct http_file *find(const struct http_files *files, const char *path)
{
    return files->slots == 0 ? NULL : *find_slot(files, path);
}

/* One of two slots stays free. */
static bool make_room(struct http_files *files)
{
    struct http_file **before = files->table;
    uint32_t slots = files->slots;
    if (slots >= 2 * (files->count + 1)) return true;
    uint32_t more = slots == 0 ? FIRST_SLOTS : 2 * slots;
    struct http_file **table = calloc(more, sizeof *table);
    if (table == NULL) return false;
    files->table = table;
    files->slots = more;
    for (uint32_t i = 0; i < slots; i++)
        if (before[i] != NULL) *find_slot(files, before[i]->path) = before[i];
    free(before);
    return true;
}

static struct http_file *make_file(const char *path, struct span bytes)
{
    size_t name_size = strlen(path) + 1;
    struct http_file *file = malloc(sizeof *file + name_size + bytes.size);
    if (file == NULL) return NULL;
    char *name = (char *)(file + 1);
    memcpy(name, path, name_size);
    if (bytes.size != 0) memcpy(name + name_size, bytes.data, bytes.size);
    file->path = name;
    file->type = http_type_of(path);
    file->bytes = span_of(name + name_size, bytes.size);
    snprintf(file->tag, sizeof file->tag, "\"%016" PRIx64 "-%zx\"", hash_bytes(0, bytes),
             bytes.size);
    return file;
}

bool http_files_add(struct http_files *files, const char *path, const void *bytes, size_t size)
{
    check(path[0] != '\0');
    check(path[0] != '/');
    check(strlen(path) <= HTTP_FILE_PATH_MAX);
    if (!make_room(files)) return false;
    struct http_file **slot = find_slot(files, path);
    check(*slot == NULL);
    *slot = make_file(path, span_of(bytes, size));
    if (*slot == NULL) return false;
    files->count++;
    files->size += size;
    return true;
}

bool http_files_are_same(const struct http_files *one, const struct http_files *other)
{
    if (one->count != other->count || one->size != other->size) return false;
    for (uint32_t i = 0; i < one->slots; i++) {
        const struct http_file *file = one->table[i];
        if (file == NULL) continue;
        const struct http_file *same = find(other, file->path);
        if (same == NULL || same->bytes.size != file->bytes.size) return false;
        if (memcmp(same->bytes.data, file->bytes.data, file->bytes.size) != 0) return false;
    }
    return true;
}

/* ---- answers ---- */

/* Tags are compared without the mark of a weak one (RFC 9110 section 8.8.3.2): the content is the same, or it is not. */
static bool is_tag(struct span element, const char *tag)
{
    if (http_is(span_first(element, 2), "W/")) element = span_skip(element, 2);
    return http_is(element, tag);
}

/* Whether the peer has this content (RFC 9110 section 13.1.2). */
static bool has_already(const struct http_head *head, const char *tag)
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct span list = head->fields[i].value, element;
        if (!http_is_like(head->fields[i].name, "if-none-match")) continue;
        if (http_is(list, "*")) return true;
        while (http_list_next(&list, &element))
            if (is_tag(element, tag)) return true;
    }
    return false;
}

static void answer_file(const struct http_file *file, const struct http_head *head,
                        struct http_answer *answer, char room[HTTP_FILES_FIELDS])
{
    struct text text = text_in(room, HTTP_FILES_FIELDS);
    text_add(&text, "ETag: %s\r\nCache-Control: no-cache\r\n", file->tag);
    bool unchanged = has_already(head, file->tag);
    *answer = (struct http_answer){
        .status = unchanged ? 304 : 200,
        .type = file->type,
        .body = unchanged ? span_of(NULL, 0) : file->bytes,
        .headers = room,
        .without_body = http_is(head->method, "HEAD"),
    };
}

/* To the directory, so that what its page names is looked for in it. The query goes with it if there is room. The path is
 * that of a file, so it does not begin with "//", which would lead to another host. */
static void answer_elsewhere(const char *path, const struct http_head *head,
                             struct http_answer *answer, char room[HTTP_FILES_FIELDS])
{
    static const char body[] = "The page is in a directory: add a / to the address.\n";
    char encoded[3 * HTTP_FILE_PATH_MAX + 1];
    struct text text = text_in(room, HTTP_FILES_FIELDS);
    check(http_path_encode(span_text(path), encoded, sizeof encoded));
    text_add(&text, "Cache-Control: no-cache\r\nLocation: /%s/", encoded);
    if (head->query.data != NULL && head->query.size + 3 < text.size - text.used)
        text_add(&text, "?%.*s", (int)head->query.size, (const char *)head->query.data);
    text_add(&text, "\r\n");
    check(!text.cut);
    *answer = (struct http_answer){
        .status = 301,
        .type = "text/plain; charset=utf-8",
        .body = span_text(body),
        .headers = room,
        .without_body = http_is(head->method, "HEAD"),
    };
}

bool http_files_answer(const struct http_files *files, const struct http_head *head,
                       struct http_answer *answer, char room[HTTP_FILES_FIELDS])
{
    /* Behind the first "/", with room for the page of a directory. */
    char path[HTTP_FILE_PATH_MAX + sizeof page + 1];
    if (head->path.data[0] != '/') return false;
    if (!http_path_decode(span_skip(head->path, 1), path, HTTP_FILE_PATH_MAX + 1)) return false;
    size_t size = strlen(path);
    bool is_directory = size == 0 || path[size - 1] == '/';
    if (is_directory) memcpy(path + size, page, sizeof page);
    const struct http_file *file = find(files, path);
    if (file == NULL && !is_directory) {
        path[size] = '/';
        memcpy(path + size + 1, page, sizeof page);
        if (find(files, path) == NULL) return false;
        path[size] = '\0';
        answer_elsewhere(path, head, answer, room);
        return true;
    }
    if (file == NULL) return false;
    answer_file(file, head, answer, room);
    return true;
}
