#include "jobs/job_run.h"

#include <stdlib.h>
#include <string.h>

static void give(struct job_bytes *bytes, size_t size)
{
    atomic_fetch_sub_explicit(&bytes->used, size, memory_order_relaxed);
}

static bool take(struct job_bytes *bytes, size_t size)
{
    size_t used = atomic_fetch_add_explicit(&bytes->used, size, memory_order_relaxed);
    if (used <= bytes->limit && size <= bytes->limit - used) return true;
    give(bytes, size);
    return false;
}

struct job_run *job_run_make(struct job_bytes *bytes, struct span module, struct span function,
                             struct span arguments)
{
    size_t words = module.size + 1 + function.size + 1;
    size_t held = sizeof(struct job_run) + words + arguments.size;
    if (!take(bytes, held)) return NULL;
    struct job_run *run = calloc(1, held);
    if (run == NULL) {
        give(bytes, held);
        return NULL;
    }
    run->bytes = bytes;
    run->held = held;
    char *text = (char *)(run + 1);
    memcpy(text, module.data, module.size);
    run->module = text;
    memcpy(text + module.size + 1, function.data, function.size);
    run->function = text + module.size + 1;
    if (arguments.size > 0) memcpy(text + words, arguments.data, arguments.size);
    run->arguments = span_of(text + words, arguments.size);
    return run;
}

void job_run_free(struct job_run *run)
{
    if (run == NULL) return;
    give(run->bytes, run->held);
    free(run->answer);
    free(run);
}

bool job_run_keep(struct job_run *run, struct span bytes)
{
    if (!take(run->bytes, bytes.size)) return false;
    run->held += bytes.size;
    run->answer = malloc(bytes.size + 1);
    if (run->answer == NULL) return false;
    memcpy(run->answer, bytes.data, bytes.size);
    run->answer_size = bytes.size;
    return true;
}
