/* findings.h - what is wrong with the files of a source, each with its line. */
#ifndef MOONPORT_FINDINGS_H
#define MOONPORT_FINDINGS_H

#include "base/error.h"
#include "scripts/source.h"

struct finding {
    const struct source_file *file; /* of the source */
    uint32_t line;                  /* from 1 */
    char name[64];                  /* of the global that is missing; "": it is about none */
    char text[256];                 /* "pritn is not defined: did you mean print?" */
    bool warns;                     /* if a function has that name it is told, and nothing else */
};

struct findings {
    struct finding *finding;
    size_t count, capacity;
    bool incomplete; /* there was no memory for all of them */
};

void findings_add(struct findings *findings, const struct finding *finding);

/* A function that is called nearly like the handler it was meant to be. */
void findings_misspelt(struct findings *findings, const struct source_file *file, uint32_t line,
                       const char *name, const char *handler);

/* A function that is called like a handler, of other programs or of none, and that nothing calls: a
 * warning. `instead` as from findings_elsewhere, or NULL. */
void findings_uncalled(struct findings *findings, const struct source_file *file, uint32_t line,
                       const char *name, const char *instead);

/* What stands in the place of a handler that other programs have: "did you mean on_receive?" for
 * "on_data"; NULL: no program that is known has one of that name. */
const char *findings_elsewhere(const char *name);

/* True if there are none. False with the first of them, by file, then by line, a line each:
 * "chat/main.lua:7: pritn is not defined: did you mean print?" Puts them in that order. */
bool findings_tell(struct findings *findings, const struct source *source, struct error *error);

/* Logs them as warnings, in that order. */
void findings_warn(struct findings *findings, const struct source *source);

void findings_free(struct findings *findings);

#endif
