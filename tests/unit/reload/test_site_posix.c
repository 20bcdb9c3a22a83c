#include "reload/site.h"
#include "script_tree_posix.h"
#include "system/inside.h"

#include <sys/stat.h>

static struct tree tree;
static struct error error;

static void begin(void)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "public");
    tree_put_directory(&tree, "public/in");
    tree_put_directory(&tree, "public2");
    tree_put(&tree, "public/in/a", "inside");
    tree_put(&tree, "public2/a", "outside");
}

static bool leads_out(const char *name)
{
    char path[TREE_PATH_MAX], directory[TREE_PATH_MAX];
    return inside_leads_out(tree_path(&tree, name, path), tree_path(&tree, "public", directory));
}

Test(site_posix, links_lead_out_unless_they_lead_below)
{
    begin();
    tree_put_link(&tree, "public/file", "in/a");
    tree_put_link(&tree, "public/directory", "in");
    tree_put_link(&tree, "public/itself", ".");
    tree_put_link(&tree, "public/main", "../main.lua");
    tree_put_link(&tree, "public/beside", "../public2");
    tree_put_link(&tree, "public/above", "..");
    tree_put_link(&tree, "public/root", "/");
    tree_put_link(&tree, "public/null", "/dev/null");
    tree_put_link(&tree, "public/nowhere", "none");
    tree_put_link(&tree, "public/round", "round");
    tree_put_link(&tree, "public2/back", "../public/in/a");
    tree_put_link(&tree, "public/there", "../public2/back");
    static const char *const in[] = {"public/file", "public/directory", "public/there",
                                     "public/in/a", "public/in",        "public/none"};
    static const char *const out[] = {"public/itself",  "public/main", "public/beside",
                                      "public/above",   "public/root", "public/null",
                                      "public/nowhere", "public/round"};
    for (size_t i = 0; i < sizeof in / sizeof *in; i++)
        cr_assert_not(leads_out(in[i]), "%s", in[i]);
    for (size_t i = 0; i < sizeof out / sizeof *out; i++)
        cr_assert(leads_out(out[i]), "%s", out[i]);
    cr_assert_not(inside_leads_out("/etc", "/"));
    tree_end(&tree);
}

Test(site_posix, only_what_is_inside_is_shown)
{
    struct http_site site;
    begin();
    tree_put_link(&tree, "public/file", "in/a");
    tree_put_link(&tree, "public/directory", "in");
    tree_put_link(&tree, "public/main", "../main.lua");
    tree_put_link(&tree, "public/beside", "../public2");
    tree_put_link(&tree, "public/nowhere", "none");
    tree_put_link(&tree, "public/in/up", "..");
    cr_assert(site_open(&site, tree.path, "public", &error), "%s", error.text);
    cr_assert_eq(http_files_count(site.files), 3); /* in/a, file, directory/a */
    cr_assert_eq(http_files_size(site.files), 3 * strlen("inside"));
    http_site_close(&site);
    tree_end(&tree);
}

Test(site_posix, the_directory_itself_may_be_a_link)
{
    struct http_site site;
    begin();
    tree_put_link(&tree, "shown", "public2");
    tree_put_link(&tree, "public2/file", "a");
    cr_assert(site_open(&site, tree.path, "shown", &error), "%s", error.text);
    cr_assert_eq(http_files_count(site.files), 2);
    http_site_close(&site);
    tree_end(&tree);
}

Test(site_posix, what_is_no_file_is_left_out)
{
    char path[TREE_PATH_MAX];
    struct http_site site;
    begin();
    cr_assert_eq(mkfifo(tree_path(&tree, "public/pipe", path), 0600), 0);
    cr_assert(site_open(&site, tree.path, "public", &error), "%s", error.text);
    cr_assert_eq(http_files_count(site.files), 1);
    http_site_close(&site);
    tree_end(&tree);
}

Test(site_posix, a_file_that_may_not_be_read_is_named)
{
    char path[TREE_PATH_MAX];
    struct http_site site;
    if (geteuid() == 0) cr_skip_test("root reads everything");
    begin();
    cr_assert_eq(chmod(tree_path(&tree, "public/in/a", path), 0), 0);
    cr_assert_not(site_open(&site, tree.path, "public", &error));
    cr_assert_not_null(strstr(error.text, "public/in/a: "), "%s", error.text);
    tree_end(&tree);
}

/* Not under Wine, where it takes minutes to make so many. */
Test(site_posix, there_are_at_most_so_many_files)
{
    char name[64];
    struct http_site site;
    begin();
    tree_put_directory(&tree, "many");
    for (int i = 0; i < SITE_FILES_MAX; i++) {
        snprintf(name, sizeof name, "many/%d", i);
        tree_put(&tree, name, "");
    }
    cr_assert(site_open(&site, tree.path, "many", &error), "%s", error.text);
    http_site_close(&site);
    tree_put(&tree, "many/more", "");
    cr_assert_not(site_open(&site, tree.path, "many", &error));
    cr_assert_not_null(strstr(error.text, "more than 10000 files"), "%s", error.text);
    tree_end(&tree);
}
