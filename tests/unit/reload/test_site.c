#include "reload/site.h"
#include "script_tree.h"
#include "scripts/source.h"

static struct tree tree;
static struct http_site site;
static struct error error;

static void begin(void)
{
    tree_begin(&tree);
    tree_put_directory(&tree, "public");
    tree_put_directory(&tree, "public/game");
    tree_put(&tree, "public/index.html", "<p>first");
    tree_put(&tree, "public/game/a.css", "a{}");
    tree_put(&tree, "public/empty", "");
    tree_put(&tree, "public/.secret", "x");
    tree_put_directory(&tree, "public/.git");
    tree_put(&tree, "public/.git/config", "x");
    tree_put(&tree, "public/script.lua", "-- shown as well");
}

/* The status of a GET, and whether the content is this. */
static uint16_t status_of(const char *path, const char *content)
{
    char text[300], room[HTTP_FILES_FIELDS];
    struct http_head head = {.scanned = 0};
    struct http_answer answer = {.status = 404};
    snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path);
    cr_assert_eq(http_head_read(&head, span_text(text)), HTTP_HEAD);
    struct http_files *files = http_site_take(&site);
    cr_assert_not_null(files);
    if (http_files_answer(files, &head, &answer, room) && content != NULL) {
        cr_assert_eq(answer.body.size, strlen(content), "%s", path);
        cr_assert_eq(memcmp(answer.body.data, content, answer.body.size), 0, "%s", path);
    }
    http_files_drop(files);
    return answer.status;
}

static void opens(void)
{
    cr_assert(site_open(&site, tree.path, "public", &error), "%s", error.text);
}

static bool rereads(void)
{
    return site_reread(&site, tree.path, "public");
}

static void end(void)
{
    http_site_close(&site);
    tree_end(&tree);
}

Test(site, all_files_are_shown_but_hidden_ones)
{
    begin();
    opens();
    cr_assert_eq(status_of("/", "<p>first"), 200);
    cr_assert_eq(status_of("/game/a.css", "a{}"), 200);
    cr_assert_eq(status_of("/empty", ""), 200);
    cr_assert_eq(status_of("/script.lua", "-- shown as well"), 200);
    cr_assert_eq(status_of("/.secret", NULL), 404);
    cr_assert_eq(status_of("/.git/config", NULL), 404);
    cr_assert_eq(status_of("/main.lua", NULL), 404);
    cr_assert_eq(status_of("/../main.lua", NULL), 404);
    cr_assert_eq(http_files_count(site.files), 4);
    end();
}

Test(site, what_has_changed_is_shown_when_it_is_read_again)
{
    begin();
    opens();
    struct http_files *first = site.files;
    cr_assert(rereads());
    cr_assert_eq(site.files, first);
    tree_put(&tree, "public/index.html", "<p>secon");
    tree_put(&tree, "public/new.txt", "new");
    tree_remove(&tree, "public/game/a.css");
    cr_assert_eq(status_of("/", "<p>first"), 200);
    cr_assert(rereads());
    cr_assert_eq(status_of("/", "<p>secon"), 200);
    cr_assert_eq(status_of("/new.txt", "new"), 200);
    cr_assert_eq(status_of("/game/a.css", NULL), 404);
    end();
}

Test(site, what_cannot_be_read_changes_nothing)
{
    begin();
    opens();
    tree_move(&tree, "public", "elsewhere");
    cr_assert_not(rereads());
    cr_assert_eq(status_of("/", "<p>first"), 200);
    tree_put(&tree, "public", "a file");
    cr_assert_not(rereads());
    cr_assert_eq(status_of("/", "<p>first"), 200);
    tree_remove(&tree, "public");
    tree_move(&tree, "elsewhere", "public");
    tree_put(&tree, "public/index.html", "back");
    cr_assert(rereads());
    cr_assert_eq(status_of("/", "back"), 200);
    end();
}

static void does_not_open(const char *public_dir, const char *says)
{
    cr_assert_not(site_open(&site, tree.path, public_dir, &error));
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert_not_null(strstr(error.text, says), "%s", error.text);
}

Test(site, a_directory_must_be_there)
{
    begin();
    does_not_open("none", "/none: ");
    does_not_open("none", "a directory of files to show is expected");
    does_not_open("main.lua", "is a file: a directory is expected");
    tree_end(&tree);
}

Test(site, a_file_has_a_bound)
{
    char *bytes = calloc(1, SITE_FILE_MAX + 1);
    begin();
    tree_write(&tree, "public/large.bin", bytes, SITE_FILE_MAX);
    opens();
    cr_assert_eq(http_files_size(site.files),
                 SITE_FILE_MAX + strlen("<p>firsta{}-- shown as well"));
    tree_write(&tree, "public/large.bin", bytes, SITE_FILE_MAX + 1);
    cr_assert_not(rereads());
    struct http_site other;
    cr_assert_not(site_open(&other, tree.path, "public", &error));
    cr_assert_not_null(strstr(error.text, "large.bin has more than 16 MiB"), "%s", error.text);
    end();
    free(bytes);
}

Test(site, all_files_together_have_a_bound)
{
    char *bytes = calloc(1, SITE_FILE_MAX);
    char name[64];
    begin();
    tree_put_directory(&tree, "large");
    for (int i = 0; i < SITE_SIZE_MAX / SITE_FILE_MAX; i++) {
        snprintf(name, sizeof name, "large/%d", i);
        tree_write(&tree, name, bytes, SITE_FILE_MAX);
    }
    cr_assert(site_open(&site, tree.path, "large", &error), "%s", error.text);
    http_site_close(&site);
    tree_put(&tree, "large/more", "x");
    does_not_open("large", "have more than 64 MiB");
    tree_end(&tree);
    free(bytes);
}

Test(site, what_is_too_deep_is_left_out)
{
    char name[200] = "public";
    begin();
    for (int depth = 1; depth <= SOURCE_DEPTH_MAX + 1; depth++) {
        strcat(name, "/d");
        tree_put_directory(&tree, name);
    }
    tree_put(&tree, "public/d/d/d/d/d/d/d/d/a", "deep");
    tree_put(&tree, "public/d/d/d/d/d/d/d/d/d/a", "deeper");
    opens();
    cr_assert_eq(status_of("/d/d/d/d/d/d/d/d/a", "deep"), 200);
    cr_assert_eq(status_of("/d/d/d/d/d/d/d/d/d/a", NULL), 404);
    end();
}

Test(site, listeners_with_the_same_directory_share_it)
{
    struct site *list = NULL;
    begin();
    tree_put_directory(&tree, "other");
    struct site *first = sites_open(&list, tree.path, "public", &error);
    struct site *other = sites_open(&list, tree.path, "other", &error);
    cr_assert_not_null(first);
    cr_assert_not_null(other);
    cr_assert_eq(sites_open(&list, tree.path, "public", &error), first);
    cr_assert_null(sites_open(&list, tree.path, "none", &error));
    tree_put(&tree, "public/more", "");
    tree_put(&tree, "other/more", "");
    sites_reread(list, tree.path);
    cr_assert_eq(http_files_count(first->http.files), 5);
    cr_assert_eq(http_files_count(other->http.files), 1);
    sites_close(&list);
    cr_assert_null(list);
    tree_end(&tree);
}
