/* findings.h - mistakes found in the files of a source, each with its line. */
#ifndef MOONPORT_FINDINGS_H
#define MOONPORT_FINDINGS_H

#include "base/error.h"
#include "scripts/source.h"

struct finding {
    const struct source_file *file; /* of the source */
    uint32_t line;                  /* from 1 */
    char name[64];                  /* of the missing global; "": it is about none */
    char text[256];                 /* "pritn is not defined: did you mean print?" */
    bool warns;                     /* only a warning, and only if a function has that name */
};

struct findings {
    struct finding *finding;
    size_t count, capacity;
    bool incomplete; /* there was no memory for all of them */
};

void findings_add(struct findings *findings, const struct finding *finding);

/* Adds a function whose name is close to that of the handler it was meant to be. */
void findings_misspelt(struct findings *findings, const struct source_file *file, uint32_t line,
                       const char *name, const char *handler);

/* Adds a warning about a function that nothing calls, with a handler's name from other programs or from none.
 * `instead` as from findings_elsewhere, or NULL. */
void findings_uncalled(struct findings *findings, const struct source_file *file, uint32_t line,
                       const char *name, const char *instead);

/* Says what replaces a handler that other programs have: "did you mean on_receive?" for "on_data". NULL: no known
 * program has a handler of that name. */
const char *findings_elsewhere(const char *name);

/* Sorts the findings by file, then by line. True if there are none. False with the first of them as the error, a
 * line each: "chat/main.lua:7: pritn is not defined: did you mean print?" */
bool findings_tell(struct findings *findings, const struct source *source, struct error *error);

/* Logs them as warnings, in that order. */
void findings_warn(struct findings *findings, const struct source *source);

void findings_free(struct findings *findings);

#endif
