/* watch_try.h - for the tests of the watch: one, and the tree that it watches. */
#ifndef MOONPORT_WATCH_TRY_H
#define MOONPORT_WATCH_TRY_H

#include "reload/watch.h"
#include "script_tree.h"

#include <criterion/criterion.h>
#include <pthread.h>
#include <unistd.h>

static struct tree tree;
static struct watch *watch;

static inline void begin_watching(void)
{
    struct error error = {.kind = ERROR_NONE};
    watch = watch_open(tree.path, &error);
    cr_assert_not_null(watch, "%s", error.text);
}

static inline void end_watching(void)
{
    watch_close(watch);
    tree_end(&tree);
}

static inline void changes(void)
{
    cr_assert_eq(watch_wait(watch, UINT64_MAX), WATCH_CHANGED);
}

static inline void *wake_later(void *argument)
{
    usleep(200000);
    watch_wake(watch);
    return argument;
}

/* A change would be told in less time, unless this machine is very slow: then this sees nothing. */
static inline void does_not_change(void)
{
    pthread_t thread;
    cr_assert_eq(pthread_create(&thread, NULL, wake_later, NULL), 0);
    cr_assert_eq(watch_wait(watch, UINT64_MAX), WATCH_WOKEN);
    pthread_join(thread, NULL);
}

#endif
