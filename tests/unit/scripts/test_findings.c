/* What is told of the findings when there is more of it than an error has room for. */
#include "scripts/findings.h"

#include <criterion/criterion.h>
#include <string.h>

enum { FILES = 12, LONG = 1500 };

static char directory[LONG + 1], name[LONG + 1];
static struct source_file files[FILES];
static struct source source = {.directory = directory, .files = files, .count = FILES};

/* One in each file. */
static struct findings find(size_t directory_size, size_t name_size, int count)
{
    struct findings findings = {.count = 0};
    memset(directory, 'd', directory_size);
    memset(name, 'n', name_size);
    for (int i = 0; i < count; i++) {
        files[i].name = name;
        findings_add(&findings,
                     &(struct finding){.file = &files[i], .line = 7, .text = "is wrong"});
    }
    return findings;
}

Test(findings, the_first_is_cut_rather_than_missing)
{
    struct error error = {.kind = ERROR_NONE};
    struct findings findings = find(LONG, LONG, 2);
    cr_assert_not(findings_tell(&findings, &source, &error));
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert_eq(strncmp(error.text, directory, LONG), 0, "%s", error.text);
    cr_assert_not_null(strstr(error.text, "nnnn"), "%s", error.text);
    cr_assert_str_eq(error.text + strlen(error.text) - strlen("\nand 2 more"), "\nand 2 more");
    findings_free(&findings);
}

Test(findings, of_the_others_whole_lines_are_told)
{
    struct error error = {.kind = ERROR_NONE};
    char line[2 * LONG + 100];
    struct findings findings = find(300, 300, 4);
    snprintf(line, sizeof line, "%s/%s:7: is wrong\n", directory, name);
    size_t size = strlen(line);
    cr_assert_not(findings_tell(&findings, &source, &error));
    for (size_t i = 0; i < 3; i++)
        cr_assert_eq(strncmp(error.text + i * size, line, size), 0, "%s", error.text);
    cr_assert_str_eq(error.text + 3 * size, "and 1 more");
    findings_free(&findings);
}

Test(findings, eight_lines_are_told_and_how_many_there_are_beside_them)
{
    struct error error = {.kind = ERROR_NONE};
    struct findings findings = find(3, 3, FILES);
    int lines = 1;
    cr_assert_not(findings_tell(&findings, &source, &error));
    for (const char *c = error.text; *c != '\0'; c++) lines += *c == '\n';
    cr_assert_eq(lines, 8 + 1);
    cr_assert_not_null(strstr(error.text, "\nand 4 more"), "%s", error.text);
    findings_free(&findings);
}
