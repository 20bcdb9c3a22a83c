#include "script_tree_posix.h"
#include "source_try.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

Test(source_posix, follows_links_to_files_and_directories)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "../shared");
    tree_put(&tree, "../shared/json.lua", "json");
    tree_put_link(&tree, "lib", "../shared");
    tree_put_link(&tree, "json.lua", "lib/json.lua");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 3);
    cr_assert_eq(source_find(source, "lib/json.lua")->text.size, 4);
    cr_assert_eq(source_find(source, "json.lua")->text.size, 4);
    source_drop(source);
    tree_end(&tree);
}

Test(source_posix, does_not_follow_links_that_lead_back_up)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "game");
    tree_put(&tree, "game/rules.lua", "");
    tree_put_link(&tree, "itself", ".");
    tree_put_link(&tree, "game/above", "..");
    tree_put_link(&tree, "game/around", "../../scripts/game");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 2);
    source_drop(source);
    tree_end(&tree);
}

Test(source_posix, names_the_file_that_cannot_be_read)
{
    tree_begin(&tree);
    tree_put_link(&tree, "lost.lua", "nowhere");
    fails("lost.lua", "No such file or directory");
    tree_end(&tree);
}

Test(source_posix, does_not_wait_for_what_is_no_file)
{
    char path[TREE_PATH_MAX];
    tree_begin(&tree);
    cr_assert_eq(mkfifo(tree_path(&tree, "pipe.lua", path), 0600), 0);
    tree_put_link(&tree, "loose end", "nowhere");
    struct source *source = read_fine();
    cr_assert_eq(source->count, 1);
    source_drop(source);
    tree_end(&tree);
}

/* Even root is refused then what permissions forbid. */
static void give_up_privileges(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3];
    cr_assert_eq(syscall(SYS_capget, &header, sets), 0);
    for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++) sets[i].effective = 0;
    cr_assert_eq(syscall(SYS_capset, &header, sets), 0);
}

Test(source_posix, passes_over_directories_below_that_may_not_be_listed)
{
    char path[TREE_PATH_MAX];
    tree_begin(&tree);
    tree_put_directory(&tree, "private");
    cr_assert_eq(chmod(tree_path(&tree, "private", path), 0), 0);
    give_up_privileges();
    cr_assert_eq(faccessat(AT_FDCWD, path, R_OK, AT_EACCESS), -1);
    struct source *source = read_fine();
    cr_assert_eq(source->count, 1);
    source_drop(source);
    cr_assert_eq(chmod(path, 0700), 0);
    tree_end(&tree);
}
