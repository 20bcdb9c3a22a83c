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

void kept_prove(struct kept *kept)
{
    struct source *before = kept->proven;
    kept->proven = kept->sources[0];
    source_hold(kept->proven);
    if (before != NULL) source_drop(before);
}

bool kept_is_proven(const struct kept *kept, const struct source *source)
{
    return kept->proven != NULL && source_is_same(source, kept->proven);
}

void kept_return(struct kept *kept)
{
    while (kept->sources[1] != NULL && !kept_is_proven(kept, kept->sources[0]))
        kept_step_back(kept);
    if (kept_is_proven(kept, kept->sources[0])) return;
    source_drop(kept->sources[0]);
    kept->sources[0] = kept->proven;
    source_hold(kept->proven);
}

void kept_close(struct kept *kept)
{
    for (int i = 0; i < KEPT_MAX; i++)
        if (kept->sources[i] != NULL) source_drop(kept->sources[i]);
    if (kept->proven != NULL) source_drop(kept->proven);
}
