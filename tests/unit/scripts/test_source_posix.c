#include "script_tree_posix.h"
#include "source_try.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <limits.h>
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
    tree_remove(&tree, "lost.lua");
    tree_put_link(&tree, "broken.lua", "/proc/self/mem"); /* whose first byte cannot be read */
    fails("broken.lua", "Input/output error");
    tree_end(&tree);
}

/* Directories of these names, each in the one before, until their path has room for `room` more. */
static int go_deep(char path[PATH_MAX], int room)
{
    char name[201];
    int directory = open(path, O_RDONLY | O_DIRECTORY);
    size_t used = strlen(path), end = PATH_MAX - 1 - (size_t)room;
    while (used < end) {
        size_t left = end - used - 1, size = left > 400 ? 200 : left > 200 ? left / 2 : left;
        memset(name, 'd', size);
        name[size] = '\0';
        cr_assert_eq(mkdirat(directory, name, 0700), 0);
        int inner = openat(directory, name, O_RDONLY | O_DIRECTORY);
        cr_assert(inner >= 0);
        close(directory);
        directory = inner;
        used += (size_t)snprintf(path + used, PATH_MAX - used, "/%s", name);
    }
    return directory;
}

static void make_at(int directory, const char *name)
{
    int file = openat(directory, name, O_WRONLY | O_CREAT, 0600);
    cr_assert(file >= 0, "%s", name);
    close(file);
}

Test(source_posix, reads_a_path_that_is_as_long_as_it_may_be_and_none_beyond)
{
    struct error error = {.kind = ERROR_NONE};
    char path[PATH_MAX];
    tree_begin(&tree);
    snprintf(path, sizeof path, "%s", tree.path);
    int directory = go_deep(path, (int)strlen("/longest.lua"));
    make_at(directory, "main.lua");
    make_at(directory, "longest.lua");
    struct source *source = source_read(path, &error);
    cr_assert_not_null(source, "%s", error.text);
    cr_assert_eq(source->count, 2);
    cr_assert_not_null(source_find(source, "longest.lua"));
    source_drop(source);
    make_at(directory, "longest1.lua");
    cr_assert_null(source_read(path, &error));
    cr_assert_eq(strncmp(error.text, "a path is longer than 4095 characters: /", 40), 0, "%.80s",
                 error.text);
    cr_assert_eq(unlinkat(directory, "longest1.lua", 0), 0);
    close(directory);
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

Test(source_posix, of_a_directory_that_may_not_be_listed_is_an_error_that_says_so)
{
    tree_begin(&tree);
    cr_assert_eq(chmod(tree.path, 0100), 0);
    give_up_privileges();
    fails(NULL, "Permission denied (it cannot be listed)");
    cr_assert_eq(chmod(tree.path, 0700), 0);
    tree_end(&tree);
}
