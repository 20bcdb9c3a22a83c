#include "admin/token.h"
#include "temporary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

static char folder[TEMPORARY_PATH_MAX];
static struct address address;
static struct error error;

static void begin(void)
{
    cr_assert(temporary_directory(folder));
    cr_assert_eq(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
    cr_assert(address_parse("127.0.0.1:7001", &address, &error));
}

static void finish(void)
{
    temporary_remove(folder);
}

Test(token, is_long_and_another_one_each_time)
{
    char one[TOKEN_MAX + 1], other[TOKEN_MAX + 1];
    cr_assert(token_make(one));
    cr_assert(token_make(other));
    cr_assert_eq(strlen(one), 32);
    cr_assert_eq(strspn(one, "0123456789abcdef"), 32);
    cr_assert(strcmp(one, other) != 0);
}

Test(token, is_that_text_and_no_other)
{
    cr_assert(token_matches("abcdef", span_text("abcdef")));
    cr_assert_not(token_matches("abcdef", span_text("abcdeg")));
    cr_assert_not(token_matches("abcdef", span_text("bbcdef")));
    cr_assert_not(token_matches("abcdef", span_text("abcde")));
    cr_assert_not(token_matches("abcdef", span_text("abcdefa")));
    cr_assert_not(token_matches("abcdef", span_text("abcdefabcdef")));
    cr_assert_not(token_matches("abcdef", span_of("abcdef\0", 7)));
    cr_assert_not(token_matches("abcdef", span_of(NULL, 0)));
    cr_assert_not(token_matches("", span_of(NULL, 0)), "no token lets nobody in");
}

Test(token, is_found_by_the_same_user_until_it_is_removed)
{
    char path[TOKEN_PATH_MAX], found[TOKEN_MAX + 1];
    struct stat there;
    begin();
    cr_assert(token_write(&address, "0123456789abcdef", path, &error), "%s", error.text);
    cr_assert(strncmp(path, folder, strlen(folder)) == 0, "%s", path);
    cr_assert_eq(stat(path, &there), 0);
    cr_assert_eq(there.st_mode & 0777, 0600);
    cr_assert(token_read(&address, found));
    cr_assert_str_eq(found, "0123456789abcdef");
    address.port++;
    cr_assert_not(token_read(&address, found), "it is another server's");
    address.port--;
    token_remove(path, "0123456789abcdef");
    cr_assert_not(token_read(&address, found));
    finish();
}

Test(token, a_server_that_has_come_later_keeps_its_own)
{
    char path[TOKEN_PATH_MAX], found[TOKEN_MAX + 1];
    begin();
    cr_assert(token_write(&address, "0123456789abcdef", path, &error));
    cr_assert(token_write(&address, "fedcba9876543210", path, &error));
    token_remove(path, "0123456789abcdef");
    cr_assert(token_read(&address, found));
    cr_assert_str_eq(found, "fedcba9876543210");
    token_remove("", "");
    finish();
}

Test(token, a_folder_that_others_may_write_to_is_not_used)
{
    char path[TOKEN_PATH_MAX], own[TOKEN_PATH_MAX + 16];
    begin();
    /* The place that is used instead is where the other tests look, too, beside this one. */
    cr_assert(address_parse("127.0.0.1:7011", &address, &error));
    snprintf(own, sizeof own, "%s/moonport", folder);
    cr_assert_eq(mkdir(own, 0700), 0);
    cr_assert_eq(chmod(own, 0777), 0);
    if (token_write(&address, "0123456789abcdef", path, &error))
        cr_assert(strncmp(path, folder, strlen(folder)) != 0, "%s", path);
    token_remove(path, "0123456789abcdef");
    finish();
}

/* What leads elsewhere, or is no file, is not read: it may be anybody's. */
Test(token, a_link_is_not_followed)
{
    char path[TOKEN_PATH_MAX], aside[TOKEN_PATH_MAX + 16], found[TOKEN_MAX + 1];
    begin();
    cr_assert(token_write(&address, "0123456789abcdef", path, &error));
    snprintf(aside, sizeof aside, "%s/aside", folder);
    cr_assert_eq(rename(path, aside), 0);
    cr_assert_eq(symlink(aside, path), 0);
    cr_assert_not(token_read(&address, found));
    cr_assert_eq(unlink(path), 0);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_assert_not(token_read(&address, found));
    finish();
}

static void expect_read(const char *where, const char *token)
{
    char found[TOKEN_MAX + 1] = "";
    struct address there;
    cr_assert(address_parse(where, &there, &error));
    cr_assert_eq(token_read(&there, found), token[0] != '\0', "%s", where);
    cr_assert_str_eq(found, token);
}

/* A server that listens everywhere is reached by the loopback's addresses. That of another machine gets no token of
 * this one. */
Test(token, of_all_addresses_is_for_those_of_the_loopback_alone)
{
    char path[TOKEN_PATH_MAX];
    begin();
    cr_assert(address_parse("0.0.0.0:7001", &address, &error));
    cr_assert(token_write(&address, "0123456789abcdef", path, &error));
    expect_read("0.0.0.0:7001", "0123456789abcdef");
    expect_read("127.0.0.1:7001", "0123456789abcdef");
    expect_read("127.9.9.9:7001", "0123456789abcdef");
    expect_read("127.0.0.1:7002", "");
    expect_read("10.1.2.3:7001", "");
    expect_read("[::1]:7001", "");
    cr_assert(address_parse("[::]:7001", &address, &error));
    cr_assert(token_write(&address, "fedcba9876543210", path, &error));
    expect_read("[::1]:7001", "fedcba9876543210");
    expect_read("[fe80::1]:7001", "");
    expect_read("127.0.0.1:7001", "0123456789abcdef");
    finish();
}

static void make_older(const char *path)
{
    const struct timeval times[2] = {{.tv_sec = 1700000000}, {.tv_sec = 1700000000}};
    cr_assert_eq(utimes(path, times), 0);
}

/* A server that was killed leaves its file; the next one may listen elsewhere. */
Test(token, the_newest_counts)
{
    char own[TOKEN_PATH_MAX], of_all[TOKEN_PATH_MAX];
    begin();
    cr_assert(token_write(&address, "0123456789abcdef", own, &error));
    struct address all = {.family = ADDRESS_IPV4, .port = 7001};
    cr_assert(token_write(&all, "fedcba9876543210", of_all, &error));
    make_older(own);
    expect_read("127.0.0.1:7001", "fedcba9876543210");
    cr_assert(token_write(&address, "0123456789abcdef", own, &error));
    make_older(of_all);
    expect_read("127.0.0.1:7001", "0123456789abcdef");
    finish();
}

Test(token, what_stands_in_a_folder_that_others_may_write_to_is_not_read)
{
    char path[TOKEN_PATH_MAX], own[TOKEN_PATH_MAX + 16];
    begin();
    cr_assert(token_write(&address, "0123456789abcdef", path, &error));
    snprintf(own, sizeof own, "%s/moonport", folder);
    cr_assert_eq(chmod(own, 0770), 0);
    expect_read("127.0.0.1:7001", "");
    cr_assert_eq(chmod(own, 0750), 0);
    expect_read("127.0.0.1:7001", "0123456789abcdef");
    finish();
}

Test(token, a_folder_may_be_missing)
{
    char path[TOKEN_PATH_MAX];
    begin();
    cr_assert_eq(setenv("XDG_RUNTIME_DIR", "/nowhere/at/all", 1), 0);
    expect_read("127.0.0.1:1", "");
    address.port = 1; /* nobody's */
    cr_assert(token_write(&address, "0123456789abcdef", path, &error), "%s", error.text);
    cr_assert(strncmp(path, "/nowhere", 8) != 0);
    cr_assert(token_is_there(path));
    expect_read("127.0.0.1:1", "0123456789abcdef");
    token_remove(path, "0123456789abcdef");
    cr_assert_not(token_is_there(path));
    cr_assert(token_is_there(""), "there is nothing to miss");
    finish();
}
