/* fuzz_source.h - for the targets that read Lua: a source of one file, that never was a file. */
#ifndef MOONPORT_FUZZ_SOURCE_H
#define MOONPORT_FUZZ_SOURCE_H

#include "scripts/source.h"

#include "fuzz_input.h"

#define FUZZ_DIRECTORY "fuzzed"

struct fuzz_source {
    struct source source;
    struct source_file file;
    char directory[sizeof FUZZ_DIRECTORY];
};

/* The bytes are copied, for the sanitizer; give them back. */
static inline void fuzz_source_open(struct fuzz_source *made, const char *name, struct span text)
{
    *made = (struct fuzz_source){.file = {.name = name, .text = fuzz_copy(text)},
                                 .directory = FUZZ_DIRECTORY};
    made->source = (struct source){
        .holders = 1, .directory = made->directory, .files = &made->file, .count = 1};
}

static inline void fuzz_source_close(struct fuzz_source *made)
{
    free(made->file.text.data);
}

#endif
