#include "scripts/findings.h"

#include "base/log.h"

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

/* ---- handlers of other programs ---- */

#define MEANT(handler) "did you mean " #handler "?"

static const struct {
    const char *name, *instead;
} elsewhere[] = {
    {"on_accept", MEANT(on_connect)},
    {"on_open", MEANT(on_connect)},
    {"on_join", MEANT(on_connect)},
    {"on_data", MEANT(on_receive)},
    {"on_packet", MEANT(on_receive)},
    {"on_line", MEANT(on_receive)},
    {"on_read", MEANT(on_receive)},
    {"on_recv", MEANT(on_receive)},
    {"on_request", MEANT(on_receive)},
    {"on_close", MEANT(on_disconnect)},
    {"on_closed", MEANT(on_disconnect)},
    {"on_end", MEANT(on_disconnect)},
    {"on_leave", MEANT(on_disconnect)},
    {"on_quit", MEANT(on_disconnect)},
    {"on_write", MEANT(on_drain)},
    {"on_writable", MEANT(on_drain)},
    {"on_timeout", MEANT(on_idle)},
    {"on_init", MEANT(on_start)},
    {"on_begin", MEANT(on_start)},
    {"on_listen", MEANT(on_start)},
    {"on_exit", MEANT(on_stop)},
    {"on_shutdown", MEANT(on_stop)},
    {"on_reload", MEANT(on_load)},
    {"on_post", MEANT(on_message)},
    {"on_timer", "timers are made by server.after and server.every"},
    {"on_tick", "timers are made by server.after and server.every"},
    {"on_error", "an error in a handler is logged, and closes its connection"},
};

const char *findings_elsewhere(const char *name)
{
    for (size_t i = 0; i < sizeof elsewhere / sizeof *elsewhere; i++)
        if (strcmp(elsewhere[i].name, name) == 0) return elsewhere[i].instead;
    return NULL;
}

void findings_uncalled(struct findings *findings, const struct source_file *file, uint32_t line,
                       const char *name, const char *instead)
{
    struct finding finding = {.file = file, .line = line, .warns = true};
    snprintf(finding.name, sizeof finding.name, "%s", name);
    snprintf(finding.text, sizeof finding.text, "nothing calls %.64s: %s", name,
             instead != NULL ? instead : "there is no such handler");
    findings_add(findings, &finding);
}

/* ---- all of them ---- */

/* Compares addresses of files: those of a source are sorted by name. */
static int by_place(const void *left, const void *right)
{
    const struct finding *a = left, *b = right;
    if (a->file != b->file) return a->file < b->file ? -1 : 1;
    if (a->line != b->line) return a->line < b->line ? -1 : 1;
    return strcmp(a->text, b->text);
}

/* Adds a line. False: there is no room for it, and nothing has changed. The first line is cut rather than left
 * out. */
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

static void sort(struct findings *findings)
{
    if (findings->count == 0) return;
    qsort(findings->finding, findings->count, sizeof *findings->finding, by_place);
}

bool findings_tell(struct findings *findings, const struct source *source, struct error *error)
{
    size_t used = 0, shown = 0;
    if (findings->incomplete)
        return error_set(error, ERROR_SYSTEM, "no memory to look through %s", source->directory);
    if (findings->count == 0) return true;
    sort(findings);
    while (shown < findings->count && shown < LINES_SHOWN &&
           put_line(error, &used, source, &findings->finding[shown]))
        shown++;
    if (shown < findings->count)
        snprintf(error->text + used, sizeof error->text - used, "\nand %zu more",
                 findings->count - shown);
    error->kind = ERROR_INPUT;
    return false;
}

void findings_warn(struct findings *findings, const struct source *source)
{
    sort(findings);
    for (size_t i = 0; i < findings->count && i < LINES_SHOWN; i++) {
        const struct finding *finding = &findings->finding[i];
        log_line(LOG_WARN, "%s/%s:%u: %s", source->directory, finding->file->name,
                 (unsigned)finding->line, finding->text);
    }
}

void findings_free(struct findings *findings)
{
    free(findings->finding);
    *findings = (struct findings){.count = 0};
}
