/* What happens while the watch changes from what it has watched to what there is now. The linker leads
 * inotify_init1 here first (premake5.lua). */
#include "watch_try.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <sys/inotify.h>

static void (*meanwhile)(void); /* done once, before anything is watched anew */
static atomic_bool closed;
static pthread_t writer;

int __real_inotify_init1(int flags);
int __wrap_inotify_init1(int flags);
int __wrap_inotify_init1(int flags)
{
    void (*now)(void) = meanwhile;
    meanwhile = NULL;
    if (now != NULL) now();
    return __real_inotify_init1(flags);
}

static void *write_rest(void *argument)
{
    int *file = argument;
    usleep(300000);
    cr_assert_eq(write(*file, "-- rest\n", 8), 8);
    atomic_store(&closed, true);
    close(*file);
    return NULL;
}

/* Half of it; the rest comes later. */
static void begin_to_write(void)
{
    static int file;
    char path[TREE_PATH_MAX];
    file = open(tree_path(&tree, "main.lua", path), O_WRONLY | O_TRUNC);
    cr_assert(file >= 0);
    cr_assert_eq(write(file, "-- half\n", 8), 8);
    cr_assert_eq(pthread_create(&writer, NULL, write_rest, &file), 0);
}

Test(watch_posix, waits_for_a_file_that_was_begun_while_it_looked_what_to_watch)
{
    tree_begin(&tree);
    tree_put(&tree, "rules.lua", "-- old\n");
    begin_watching();
    meanwhile = begin_to_write;
    tree_move(&tree, "rules.lua", "more.lua"); /* directories may be others now */
    changes();
    cr_assert_null(meanwhile, "it has not looked again");
    cr_assert(atomic_load(&closed), "half of a file was told of");
    pthread_join(writer, NULL);
    end_watching();
}
