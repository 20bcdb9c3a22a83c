/* The admin's token in its file, for as long as it is open. */
#include "admin/admin.h"
#include "base/log.h"
#include "temporary.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TOKEN "0123456789abcdef"

static const struct admin_route routes[] = {{NULL, NULL, 0, 0, NULL}};
static char folder[TEMPORARY_PATH_MAX];

static struct admin *open_at(const char *where)
{
    struct admin_setup setup = {.routes = routes, .token = TOKEN, .names = ""};
    struct error error;
    cr_assert(address_parse(where, &setup.address, &error));
    struct admin *admin = admin_open(&setup, &error);
    cr_assert_not_null(admin, "%s", error.text);
    return admin;
}

static struct admin *begin(const char *where)
{
    log_set_level(LOG_ERROR);
    cr_assert(temporary_directory(folder));
    cr_assert_eq(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
    return open_at(where);
}

static bool is_found(const struct address *address)
{
    char found[TOKEN_MAX + 1];
    return token_read(address, found) && strcmp(found, TOKEN) == 0;
}

Test(admin, its_token_is_in_a_file_until_it_is_closed)
{
    struct admin *admin = begin("127.0.0.1:0");
    const struct address address = admin_address(admin);
    cr_assert_neq(address.port, 0);
    cr_assert(is_found(&address), "by the port that the system chose");
    admin_close(admin);
    cr_assert_not(is_found(&address));
    temporary_remove(folder);
}

/* Systems clear /tmp, and the folders of users who have left. */
Test(admin, a_token_s_file_that_somebody_removes_comes_back)
{
    char own[TEMPORARY_PATH_MAX + 16];
    struct admin *admin = begin("127.0.0.1:0");
    const struct address address = admin_address(admin);
    snprintf(own, sizeof own, "%s/moonport", folder);
    cr_assert(temporary_remove(own));
    while (!is_found(&address)) usleep(10000);
    admin_close(admin);
    cr_assert_not(is_found(&address));
    temporary_remove(folder);
}

Test(admin, a_unix_socket_leaves_no_token)
{
    char where[TEMPORARY_PATH_MAX + 32], own[TEMPORARY_PATH_MAX + 16];
    cr_assert(temporary_directory(folder));
    snprintf(where, sizeof where, "unix:%s/s", folder);
    cr_assert_eq(setenv("XDG_RUNTIME_DIR", folder, 1), 0);
    log_set_level(LOG_ERROR);
    struct admin *admin = open_at(where);
    snprintf(own, sizeof own, "%s/moonport", folder);
    cr_assert_neq(access(own, F_OK), 0);
    sleep(2); /* it looks each second */
    cr_assert_neq(access(own, F_OK), 0);
    admin_close(admin);
    temporary_remove(folder);
}
