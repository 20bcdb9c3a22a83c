#include "reload/kept.h"

#include "base/check.h"

#include <string.h>

void kept_put(struct kept *kept, struct source *source)
{
    struct source **sources = kept->sources;
    if (sources[0] != NULL && source_is_same(source, sources[0])) return;
    if (sources[KEPT_MAX - 1] != NULL) source_drop(sources[KEPT_MAX - 1]);
    memmove(sources + 1, sources, (KEPT_MAX - 1) * sizeof *sources);
    source_hold(source);
    sources[0] = source;
}

void kept_step_back(struct kept *kept)
{
    struct source **sources = kept->sources, *left = sources[0];
    check(sources[1] != NULL);
    memmove(sources, sources + 1, (KEPT_MAX - 1) * sizeof *sources);
    sources[KEPT_MAX - 1] = NULL;
    source_drop(left);
}

void kept_close(struct kept *kept)
{
    for (int i = 0; i < KEPT_MAX; i++)
        if (kept->sources[i] != NULL) source_drop(kept->sources[i]);
}
