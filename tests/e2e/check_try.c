#include "check_try.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

char *check_text_in(const char *text, const char *directory)
{
    char *full = NULL;
    size_t size;
    FILE *stream = open_memstream(&full, &size);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '@' && (c == text || c[-1] == '\n'))
            fprintf(stream, "%s/", directory);
        else
            fputc(*c, stream);
    }
    fclose(stream);
    return full;
}

int check_run(const char *directory, const char *const *flags, char **out, char **err)
{
    const char *words[16] = {"check", directory};
    for (int i = 0; flags[i] != NULL; i++) words[i + 2] = flags[i];
    return program_run(out, err, words);
}

void check_refuse(const char *const *files, const char *expected)
{
    char *out, *err, *directory = directory_make_of(files);
    char *text = check_text_in(expected, directory);
    int status = check_run(directory, NO_FLAGS, &out, &err);
    cr_assert_eq(status, INPUT, "status %d: %s", status, err);
    cr_assert_str_eq(err, text);
    cr_assert_str_eq(out, "");
    free(text);
    free(out);
    free(err);
    directory_remove(directory);
}

void check_accept_with(const char *const *files, const char *const *flags)
{
    char *out, *err, *directory = directory_make_of(files);
    int status = check_run(directory, flags, &out, &err);
    cr_assert_eq(status, 0, "status %d of\n%s\n%s", status, files[1], err);
    cr_assert_str_eq(err, "");
    cr_assert_not_null(strstr(out, ": no errors in "), "%s", out);
    free(out);
    free(err);
    directory_remove(directory);
}

void check_accept(const char *const *files)
{
    check_accept_with(files, NO_FLAGS);
}

void check_accept_script(const char *script)
{
    char text[2048];
    snprintf(text, sizeof text, "%s" ECHO, script);
    check_accept(FILES("main.lua", text));
}
