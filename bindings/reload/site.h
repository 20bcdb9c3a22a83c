/* site.h - the directories of static files that a server shows (the setting `public`), read into memory, and read again
 * when something in them has changed. What cannot be read changes nothing: the files from before stay.
 *
 * All files below the directory are shown, with these exceptions: hidden ones, whose names begin with a dot, or are in
 * such a directory; symbolic links that lead out of the directory or nowhere; and what is more than SOURCE_DEPTH_MAX
 * directories below it. The log names what is left out but for hidden names. */
#ifndef MOONPORT_SITE_H
#define MOONPORT_SITE_H

#include "base/error.h"
#include "frame/http_site.h"
#include "frame/websocket_settings.h"

enum {
    SITE_FILES_MAX = 10000,   /* of one directory */
    SITE_SIZE_MAX = 64 << 20, /* bytes of all its files */
    SITE_FILE_MAX = 16 << 20, /* bytes of one */
};

/* Opens it with the files of a directory, whose name is relative to that of the scripts. False with an error: nothing is
 * open. It is closed by http_site_close. */
bool site_open(struct http_site *site, const char *script_dir, const char *public_dir,
               struct error *error);

/* Reads the directory again, and shows what is there now if that differs. The log tells which of both, or why it cannot
 * be read; then this is false. One thread at a time for each site. */
bool site_reread(struct http_site *site, const char *script_dir, const char *public_dir);

/* ---- all that a server shows ---- */

/* A directory, and what is shown of it; listeners with the same directory share it. */
struct site {
    struct site *next;
    struct http_site http;
    char public_dir[WEBSOCKET_PUBLIC_MAX + 1]; /* relative to that of the scripts */
};

/* The site of this directory: the one of the list, or a new one in it. Never moves. NULL with an error. */
struct site *sites_open(struct site **list, const char *script_dir, const char *public_dir,
                        struct error *error);

/* Reads all of them again. */
void sites_reread(struct site *list, const char *script_dir);

/* Once no listener uses them. */
void sites_close(struct site **list);

#endif
