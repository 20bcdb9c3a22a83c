#include "findings.h"

#include <stdlib.h>

enum { LINES_SHOWN = 8, REST_SIZE = 32 /* "and 123 more" */ };

void findings_add(struct findings *findings, const struct finding *finding)
{
    if (findings->count == findings->capacity) {
        size_t capacity = findings->capacity == 0 ? 16 : 2 * findings->capacity;
        struct finding *grown = realloc(findings->finding, capacity * sizeof *grown);
        if (grown == NULL) {
            findings->incomplete = true;
            return;
        }
        findings->finding = grown;
        findings->capacity = capacity;
    }
    findings->finding[findings->count++] = *finding;
}

void findings_misspelt(struct findings *findings, const struct source_file *file, uint32_t line,
                       const char *name, const char *handler)
{
    struct finding finding = {.file = file, .line = line};
    snprintf(finding.text, sizeof finding.text, "nothing calls %.64s: did you mean %s?", name,
             handler);
    findings_add(findings, &finding);
}

/* The files of a source are in the order of their names. */
static int by_place(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    return strcmp(a->text, b->text);
}

/* False, and nothing has changed, if there is no room for it. The first is cut rather than missing. */
static bool put_line(struct error *error, size_t *used, const struct source *source,
                     const struct finding *finding)
{
    size_t room = sizeof error->text - *used - REST_SIZE;
    int size =
        snprintf(error->text + *used, room, "%s%s/%s:%u: %s", *used > 0 ? "\n" : "",
                 source->directory, finding->file->name, (unsigned)finding->line, finding->text);
    bool fits = (size_t)size < room;
    if (!fits && *used > 0) error->text[*used] = '\0';
    if (fits || *used == 0) *used = strlen(error->text);
    return fits;
}

bool findings_tell(struct findings *findings, const struct source *source, struct error *error)
{
    size_t used = 0, shown = 0;
    if (findings->incomplete)
        return error_set(error, ERROR_SYSTEM, "no memory to look through %s", source->directory);
    if (findings->count == 0) return true;
    qsort(findings->finding, findings->count, sizeof *findings->finding, by_place);
    while (shown < findings->count && shown < LINES_SHOWN &&
           put_line(error, &used, source, &findings->finding[shown]))
        shown++;
    if (shown < findings->count)
        snprintf(error->text + used, sizeof error->text - used, "\nand %zu more",
                 findings->count - shown);
    error->kind = ERROR_INPUT;
    return false;
}

void findings_free(struct findings *findings)
{
    free(findings->finding);
    *findings = (struct findings){.count = 0};
}
