/* source_try.h - for the tests of sources: a tree, and what comes of reading it. */
#ifndef MOONPORT_SOURCE_TRY_H
#define MOONPORT_SOURCE_TRY_H

#include "script_tree.h"
#include "scripts/source.h"

#include <criterion/criterion.h>

static struct tree tree;

static inline struct source *read_fine(void)
{
    struct error error = {.kind = ERROR_NONE};
    struct source *source = source_read(tree.path, &error);
    cr_assert_not_null(source, "%s", error.text);
    return source;
}

/* The error begins with the path of `name`, or with the directory's if it is NULL. */
static inline void fails(const char *name, const char *why)
{
    struct error error = {.kind = ERROR_NONE};
    char path[TREE_PATH_MAX];
    cr_assert_null(source_read(tree.path, &error));
    cr_assert_eq(error.kind, ERROR_INPUT);
    if (name == NULL)
        snprintf(path, sizeof path, "%s", tree.path);
    else
        tree_path(&tree, name, path);
    cr_assert_eq(strncmp(error.text, path, strlen(path)), 0, "%s", error.text);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
}

#endif
