/* findings.h - what is wrong with the files of a source, each with its line. */
#ifndef MOONPORT_FINDINGS_H
#define MOONPORT_FINDINGS_H

#include "error.h"
#include "source.h"

struct finding {
    const struct source_file *file; /* of the source */
    uint32_t line;                  /* from 1 */
    char name[64];                  /* of the global that is missing; "": it is about none */
    char text[256];                 /* "pritn is not defined: did you mean print?" */
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

/* True if there are none. False with the first of them, by file, then by line, a line each:
 * "chat/main.lua:7: pritn is not defined: did you mean print?" Puts them in that order. */
bool findings_tell(struct findings *findings, const struct source *source, struct error *error);

void findings_free(struct findings *findings);

#endif
