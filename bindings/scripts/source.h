/* source.h - the Lua files of SCRIPT_DIR, read once: every worker loads these bytes, whatever becomes
 * of the files meanwhile.
 *
 * Its files are those called *.lua in the directory and in the directories below it. A name that
 * begins with a dot is passed over: it is hidden, or an editor's for the moment. Symbolic links are
 * followed, except to a directory that the link is in. A directory below that may not be listed has
 * no files.
 *
 * What has been read never changes, so any thread may look at it; the last to drop it frees it. */
#ifndef MOONPORT_SOURCE_H
#define MOONPORT_SOURCE_H

#include "base/error.h"
#include "base/span.h"

#include <stdatomic.h>

enum {
    SOURCE_DEPTH_MAX = 8,       /* directories below the first */
    SOURCE_FILES_MAX = 4096,    /* of one source */
    SOURCE_SIZE_MAX = 64 << 20, /* bytes of all its files */
};

struct source_file {
    const char *name; /* "main.lua", "game/rules.lua": always / between names */
    struct span text; /* all of it */
};

struct source {
    _Atomic uint32_t holders;
    char *directory;           /* as it was typed */
    struct source_file *files; /* by name, in the order of strcmp */
    uint32_t count;
    uint64_t hash; /* of names and texts, wherever they are */
};

/* Reads the directory, in which there must be a main.lua. One holder. NULL, and an error, if a file
 * cannot be read or they are too many or too large. */
struct source *source_read(const char *directory, struct error *error);

/* Any thread. */
void source_hold(struct source *source);
void source_drop(struct source *source);

/* NULL: there is no such file. */
const struct source_file *source_find(const struct source *source, const char *name);

/* The text as luaL_loadfile would take it: without a byte order mark, and without a first line that
 * is for the shell, of which the end stays: lines keep their numbers. */
struct span source_code(const struct source_file *file);

/* Same names, same texts; the directories may be others. */
bool source_is_same(const struct source *left, const struct source *right);

/* Names the files that are in only one of them or not the same in both, for a log line: "main.lua,
 * game/rules.lua, game/world.lua and 3 more", "6 files" where that has no room, "" for none. */
void source_changes(const struct source *before, const struct source *after, char *text,
                    size_t size);

/* ---- the way through it, for whoever watches the same directories ---- */

struct source_visitor {
    void *context;
    /* Either may be NULL; false ends the way, with its error. `enter` sees the first directory and
     * every other before it is listed, `file` each file: its path, and its name in a source. */
    bool (*enter)(void *context, const char *path, struct error *error);
    bool (*file)(void *context, const char *path, const char *name, struct error *error);
};

bool source_walk(const char *directory, const struct source_visitor *visitor, struct error *error);

/* Whether a file of this name, without a path, belongs to a source. */
bool source_has_name(const char *name);

#endif
