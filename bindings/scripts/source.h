/* source.h - the Lua files of SCRIPT_DIR, read once: every worker loads these bytes, even if the files change
 * meanwhile.
 *
 * Its files are those named *.lua in the directory and in the directories below it. A name that begins with a dot
 * is skipped: it is hidden, or an editor's temporary file. Symbolic links are followed, except to a directory
 * that contains the link. A directory below that may not be listed has no files.
 *
 * A source never changes after it was read, so any thread may read it; the last to drop it frees it. */
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
    uint64_t hash; /* of names and texts, not of the directory */
};

/* Reads the directory, which must contain a main.lua. The caller is the one holder. NULL with an error if a file
 * cannot be read, or if the files are too many or too large. */
struct source *source_read(const char *directory, struct error *error);

/* Any thread. */
void source_hold(struct source *source);
void source_drop(struct source *source);

/* NULL: there is no such file. */
const struct source_file *source_find(const struct source *source, const char *name);

/* The text as luaL_loadfile reads it: without a byte order mark, and without a first line for the shell. The end
 * of that line stays, so that lines keep their numbers. */
struct span source_code(const struct source_file *file);

/* Are names and texts the same? The directories may differ. */
bool source_is_same(const struct source *left, const struct source *right);

/* Names the files that are in only one of the two, or differ, for a log line: "main.lua, game/rules.lua,
 * game/world.lua and 3 more"; "6 files" if that does not fit; "" for none. */
void source_changes(const struct source *before, const struct source *after, char *text,
                    size_t size);

/* ---- walking through a directory, for code that watches the same files ---- */

struct source_visitor {
    void *context;
    /* Whether a directory is entered, or a file visited; NULL: all directories, and the Lua files. Not asked of hidden
     * names. */
    bool (*wants)(void *context, const char *path, const char *name, bool is_directory);
    /* Either may be NULL; false ends the walk, with its error. `enter` is called for each directory, the first
     * included, before it is listed; `file` for each file, with its path and its name in a source. */
    bool (*enter)(void *context, const char *path, struct error *error);
    bool (*file)(void *context, const char *path, const char *name, struct error *error);
};

bool source_walk(const char *directory, const struct source_visitor *visitor, struct error *error);

/* Does a file of this name, without a path, belong to a source? */
bool source_has_name(const char *name);

#endif
