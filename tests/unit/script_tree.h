/* script_tree.h - a directory of scripts for a test, and what people do in it. Names are relative to
 * it, with / between them. */
#ifndef MOONPORT_SCRIPT_TREE_H
#define MOONPORT_SCRIPT_TREE_H

#include "temporary.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

enum { TREE_PATH_MAX = TEMPORARY_PATH_MAX + 512, TREE_PATIENCE_S = 500 };

struct tree {
    char above[TEMPORARY_PATH_MAX]; /* has room beside it */
    char path[TREE_PATH_MAX];       /* above/scripts */
};

static inline const char *tree_path(const struct tree *tree, const char *name,
                                    char path[TREE_PATH_MAX])
{
    int size = snprintf(path, TREE_PATH_MAX, "%s/%s", tree->path, name);
    cr_assert(size < TREE_PATH_MAX);
    return path;
}

/* Empty, and open to be written. */
static inline FILE *tree_open(const struct tree *tree, const char *name)
{
    char path[TREE_PATH_MAX];
    FILE *file = fopen(tree_path(tree, name, path), "wb");
    cr_assert_not_null(file, "%s cannot be written", path);
    return file;
}

static inline void tree_write(const struct tree *tree, const char *name, const void *text,
                              size_t size)
{
    FILE *file = tree_open(tree, name);
    cr_assert_eq(fwrite(text, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
}

static inline void tree_put(const struct tree *tree, const char *name, const char *text)
{
    tree_write(tree, name, text, strlen(text));
}

static inline void tree_put_directory(const struct tree *tree, const char *name)
{
    char path[TREE_PATH_MAX];
    cr_assert(temporary_subdirectory(tree_path(tree, name, path)), "%s cannot be made", path);
}

static inline void tree_move(const struct tree *tree, const char *from, const char *to)
{
    char old[TREE_PATH_MAX], new[TREE_PATH_MAX];
    cr_assert(temporary_move(tree_path(tree, from, old), tree_path(tree, to, new)), "%s to %s", old,
              new);
}

static inline void tree_remove(const struct tree *tree, const char *name)
{
    char path[TREE_PATH_MAX];
    cr_assert(temporary_remove(tree_path(tree, name, path)), "%s cannot be removed", path);
}

/* The directory itself. */
static inline void tree_make(struct tree *tree)
{
    cr_assert(temporary_subdirectory(tree->path), "%s cannot be made", tree->path);
}

static inline void *tree_lose_patience(void *argument)
{
    sleep(TREE_PATIENCE_S);
    fprintf(stderr, "a test still waits after %d s\n", TREE_PATIENCE_S);
    abort();
    return argument;
}

/* With a main.lua in it. A test that waits for what never comes is ended. */
static inline void tree_begin(struct tree *tree)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, tree_lose_patience, NULL), 0);
    pthread_detach(thread);
    cr_assert(temporary_directory(tree->above), "there is no room for a directory");
    snprintf(tree->path, sizeof tree->path, "%s/scripts", tree->above);
    tree_make(tree);
    tree_put(tree, "main.lua", "-- main\n");
}

static inline void tree_end(const struct tree *tree)
{
    cr_assert(temporary_remove(tree->above), "%s cannot be removed", tree->above);
}

#endif
