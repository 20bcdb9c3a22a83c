#include "frame/http_site.h"

#include <criterion/criterion.h>

static struct http_files *files_of(const char *path)
{
    struct http_files *files = http_files_make();
    cr_assert_not_null(files);
    cr_assert(http_files_add(files, path, "x", 1));
    return files;
}

Test(http_site, what_is_taken_stays_while_others_are_put)
{
    struct http_site site;
    struct http_files *first = files_of("a"), *second = files_of("b");
    http_site_open(&site);
    cr_assert_null(http_site_take(&site));
    http_site_put(&site, first);
    struct http_files *taken = http_site_take(&site);
    cr_assert_eq(taken, first);
    http_site_put(&site, second);
    cr_assert_eq(http_files_count(taken), 1);
    struct http_files *now = http_site_take(&site);
    cr_assert_eq(now, second);
    http_files_drop(now);
    http_files_drop(taken);
    http_site_put(&site, NULL);
    cr_assert_null(http_site_take(&site));
    http_site_close(&site);
}

Test(http_site, closing_lets_go)
{
    struct http_site site;
    struct http_files *files = files_of("a");
    http_site_open(&site);
    http_files_hold(files);
    http_site_put(&site, files);
    http_site_close(&site);
    cr_assert_eq(http_files_count(files), 1);
    http_files_drop(files);
}

enum { TAKES = 2000 };

static void *take(void *context)
{
    for (int i = 0; i < TAKES; i++) {
        struct http_files *files = http_site_take(context);
        cr_assert_eq(http_files_count(files), 1);
        http_files_drop(files);
    }
    return NULL;
}

Test(http_site, threads_take_while_others_are_put)
{
    struct http_site site;
    pthread_t threads[3];
    http_site_open(&site);
    http_site_put(&site, files_of("a"));
    for (int i = 0; i < 3; i++) pthread_create(&threads[i], NULL, take, &site);
    for (int i = 0; i < TAKES; i++) http_site_put(&site, files_of("b"));
    for (int i = 0; i < 3; i++) pthread_join(threads[i], NULL);
    http_site_close(&site);
}
