/* job_run.h - what a job is asked for, and its answer: bytes that are counted while they live. Knows no Lua and no
 * thread. */
#ifndef MOONPORT_JOB_RUN_H
#define MOONPORT_JOB_RUN_H

#include "base/span.h"

#include <stdatomic.h>
#include <stdbool.h>

/* Arguments and answers, of all threads. */
struct job_bytes {
    _Atomic size_t used;
    size_t limit;
};

/* What is asked of it, and what became of that. Its bytes are counted while it lives. */
struct job_run {
    struct job_bytes *bytes;
    size_t held;
    const char *module, *function;
    struct span arguments; /* of value_encode */
    const char *code;      /* "error" "timeout" "unknown" "memory"; NULL: it has not failed */
    uint8_t *answer;       /* malloc'ed: values as bytes, or the text of an error; NULL: none */
    size_t answer_size;
};

/* Copies all; NULL: no memory, or it would be too many bytes. */
struct job_run *job_run_make(struct job_bytes *bytes, struct span module, struct span function,
                             struct span arguments);
void job_run_free(struct job_run *run); /* NULL is fine */

/* Copies the bytes to its answer; false: there is no memory, or they are too many, and it has none. */
bool job_run_keep(struct job_run *run, struct span bytes);

#endif
