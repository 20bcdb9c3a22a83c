#include "admin/token.h"
#include "temporary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char folder[TEMPORARY_PATH_MAX];
static struct address address;
static struct error error;

static void begin(void)
{
    char setting[TEMPORARY_PATH_MAX + 16];
    cr_assert(temporary_directory(folder));
    snprintf(setting, sizeof setting, "LOCALAPPDATA=%s", folder);
    cr_assert_eq(_putenv(setting), 0);
    cr_assert(address_parse("127.0.0.1:7001", &address, &error));
}

Test(token, is_long_and_another_one_each_time)
{
    char one[TOKEN_MAX + 1], other[TOKEN_MAX + 1];
    cr_assert(token_make(one));
    cr_assert(token_make(other));
    cr_assert_eq(strspn(one, "0123456789abcdef"), 32);
    cr_assert_eq(strlen(one), 32);
    cr_assert(strcmp(one, other) != 0);
}

Test(token, is_found_until_it_is_removed)
{
    char path[TOKEN_PATH_MAX], found[TOKEN_MAX + 1];
    begin();
    cr_assert_not(token_read(&address, found), "there is no folder yet");
    cr_assert(token_write(&address, "0123456789abcdef", path, &error), "%s", error.text);
    cr_assert(strncmp(path, folder, strlen(folder)) == 0, "%s", path);
    cr_assert(token_is_there(path));
    cr_assert(token_read(&address, found));
    cr_assert_str_eq(found, "0123456789abcdef");
    address.port++;
    cr_assert_not(token_read(&address, found), "it is another server's");
    address.port--;
    cr_assert(token_write(&address, "fedcba9876543210", path, &error), "over the one before");
    token_remove(path, "0123456789abcdef");
    cr_assert(token_read(&address, found));
    cr_assert_str_eq(found, "fedcba9876543210");
    token_remove(path, "fedcba9876543210");
    cr_assert_not(token_is_there(path));
    cr_assert_not(token_read(&address, found));
    temporary_remove(folder);
}

Test(token, without_a_folder_it_is_told_why)
{
    char path[TOKEN_PATH_MAX] = "before";
    begin();
    cr_assert_eq(_putenv("LOCALAPPDATA="), 0);
    cr_assert_not(token_write(&address, "0123456789abcdef", path, &error));
    cr_assert_str_eq(path, "");
    cr_assert(strlen(error.text) > 0);
    temporary_remove(folder);
}
