/* script_tree_posix.h - what is in such a directory only where there are links. */
#ifndef MOONPORT_SCRIPT_TREE_POSIX_H
#define MOONPORT_SCRIPT_TREE_POSIX_H

#include "script_tree.h"

static inline void tree_put_link(const struct tree *tree, const char *name, const char *target)
{
    char path[TREE_PATH_MAX];
    cr_assert_eq(symlink(target, tree_path(tree, name, path)), 0);
}

#endif
