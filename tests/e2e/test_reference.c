/* What is written of settings by hand, in the reference and for editors, is what the program has. */
#include "harness_process.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { NAMES_MAX = 64, NAME_SIZE = 32 };

struct names {
    char name[NAMES_MAX][NAME_SIZE];
    int count;
};

static void add(struct names *names, const char *text, size_t size)
{
    cr_assert(names->count < NAMES_MAX);
    cr_assert(size < NAME_SIZE, "%.*s", (int)size, text);
    memcpy(names->name[names->count], text, size);
    names->name[names->count++][size] = '\0';
}

static bool has(const struct names *names, const char *name)
{
    for (int i = 0; i < names->count; i++)
        if (strcmp(names->name[i], name) == 0) return true;
    return false;
}

static char *read_script(const char *name)
{
    char path[512];
    snprintf(path, sizeof path, "%s/%s", getenv("MOONPORT_SCRIPTS"), name);
    char *text = file_read(path);
    cr_assert_str_neq(text, "", "%s is missing", path);
    return text;
}

/* Flags: two spaces, two dashes, a name with - for _. */
static void read_help(struct names *names)
{
    char *out, *err;
    cr_assert_eq(program_run(&out, &err, WORDS("--help")), 0);
    for (char *line = strtok(out, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "  --", 4) != 0) continue;
        size_t size = strcspn(line + 4, " ");
        for (size_t i = 0; i < size; i++)
            if (line[4 + i] == '-') line[4 + i] = '_';
        add(names, line + 4, size);
    }
    free(out);
    free(err);
    cr_assert(names->count > 20, "%d", names->count);
}

static void expect_same(const struct names *names, const struct names *help, const char *what)
{
    for (int i = 0; i < help->count; i++)
        cr_assert(has(names, help->name[i]), "%s has no %s", what, help->name[i]);
    for (int i = 0; i < names->count; i++)
        cr_assert(has(help, names->name[i]), "%s has %s, and the program has not", what,
                  names->name[i]);
}

/* The first column of the table of settings: one name or several, each between backticks. */
Test(reference, has_each_setting_and_no_other)
{
    struct names help = {.count = 0}, names = {.count = 0};
    read_help(&help);
    char *text = read_script("REFERENCE.md");
    char *table = strstr(text, "| setting | default |");
    cr_assert_not_null(table);
    *strstr(table, "\n\n") = '\0';
    for (char *line = strtok(table, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        char *end = strchr(line + 1, '|');
        for (char *name = strchr(line, '`'); name != NULL && name < end;) {
            size_t size = strcspn(name + 1, "`");
            add(&names, name + 1, size);
            name = strchr(name + size + 2, '`');
        }
    }
    expect_same(&names, &help, "scripts/REFERENCE.md");
    free(text);
}

Test(reference, what_editors_know_of_settings_is_each_of_them_and_no_other)
{
    static const char field[] = "---@field ";
    struct names help = {.count = 0}, names = {.count = 0};
    read_help(&help);
    char *text = read_script("api/moonport.lua");
    char *begin = strstr(text, "---@class Config\n");
    cr_assert_not_null(begin);
    for (char *line = strtok(begin, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        if (strncmp(line, "---@class ", 10) == 0 && strstr(line, "Config") == NULL) break;
        if (strncmp(line, field, strlen(field)) != 0) continue;
        char *name = line + strlen(field);
        add(&names, name, strcspn(name, "? "));
    }
    expect_same(&names, &help, "scripts/api/moonport.lua");
    free(text);
}
