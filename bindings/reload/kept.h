/* kept.h - the sources that ran lately, the newest first: it is the one that runs. Holds each of them. */
#ifndef MOONPORT_KEPT_H
#define MOONPORT_KEPT_H

#include "scripts/source.h"

enum { KEPT_MAX = 3 };

struct kept {
    struct source *sources[KEPT_MAX]; /* NULL behind the last one */

    /* The last one that has passed its probation, or had none: what goes wrong after it is gone back from to here. It
     * may be none of those, if many came since. */
    struct source *proven;
};

/* The one that runs. */
static inline struct source *kept_newest(const struct kept *kept)
{
    return kept->sources[0];
}

/* The one that ran before it; NULL: there is none. */
static inline struct source *kept_former(const struct kept *kept)
{
    return kept->sources[1];
}

/* This source runs now; it may be the same as the newest. The oldest is let go of when there are too many. */
void kept_put(struct kept *kept, struct source *source);

/* The former one runs again, and the newest is let go of. */
void kept_step_back(struct kept *kept);

/* The newest has passed, or needs not to. */
void kept_prove(struct kept *kept);

/* Is this what the proven one is? */
bool kept_is_proven(const struct kept *kept, const struct source *source);

/* The proven one runs again; all that came after it is let go of. */
void kept_return(struct kept *kept);

void kept_close(struct kept *kept);

#endif
