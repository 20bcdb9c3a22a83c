/* http_files.h - files in memory, as an HTTP server shows them. They are added one by one; from then on nothing of them
 * changes, so any thread may read them, and the last holder to drop them frees them. No path leads out of them: a file is
 * found by its whole path, or not at all. */
#ifndef MOONPORT_HTTP_FILES_H
#define MOONPORT_HTTP_FILES_H

#include "frame/http_answer.h"
#include "frame/http_head.h"

enum {
    HTTP_FILE_PATH_MAX = 255, /* bytes of a path, decoded */
    HTTP_FILES_FIELDS = 1536, /* room for the fields of any answer */
};

/* Without files, and with one holder. NULL: no memory. */
struct http_files *http_files_make(void);

/* Adds a copy of a file. The path is decoded, without a "/" in front: "game/index.html", of 1 to HTTP_FILE_PATH_MAX
 * bytes; no file may be there yet. Only before others hold them. False: no memory; nothing was added. */
bool http_files_add(struct http_files *files, const char *path, const void *bytes, size_t size);

/* Any thread. */
void http_files_hold(struct http_files *files);
void http_files_drop(struct http_files *files);

uint32_t http_files_count(const struct http_files *files);
uint64_t http_files_size(const struct http_files *files); /* bytes of all of them */

/* Whether both have the same files with the same content. */
bool http_files_are_same(const struct http_files *one, const struct http_files *other);

/* Answers a GET or a HEAD (RFC 9110 sections 9.3.1, 9.3.2). False: there is no such file, and the answer is as it was.
 *
 *     /a/b.js     that file: 200, with a type by its extension, or 304 if the peer has it (13.1.2)
 *     /a/         a/index.html
 *     /a          301 to /a/ if a/index.html is there (15.4.2)
 *
 * Caches must ask each time (RFC 9111 section 5.2.2.4), so that a saved file is seen at once. Of the answer, the body and
 * the type lie in the files; `headers` lies in the room, of HTTP_FILES_FIELDS bytes. Ranges are not looked at, as 9110
 * section 14.2 allows. */
bool http_files_answer(const struct http_files *files, const struct http_head *head,
                       struct http_answer *answer, char room[HTTP_FILES_FIELDS]);

#endif
