/* followed.h - the directories below the watched one in which every file counts, whatever it is called. Pure. */
#ifndef MOONPORT_FOLLOWED_H
#define MOONPORT_FOLLOWED_H

#include <stdbool.h>
#include <stdint.h>

/* Zeroed, it has none. */
struct followed {
    char **names; /* "public", "web/public" */
    uint32_t count;
    uint8_t
        *numbers; /* a bit for each number by which the system knows one of them, or one below */
    uint32_t number_bytes;
};

/* Copies the name. False: no memory. */
bool followed_add(struct followed *followed, const char *name);

/* Whether a path is one of them, or below one. It is relative to the watched directory; between names may be \ as well
 * as /, and letters may be in any case, for some systems see no difference. */
bool followed_has(const struct followed *followed, const char *path);

/* A number that the system gives to one of them from now on; at least 0. False: no memory. */
bool followed_note(struct followed *followed, int number);
bool followed_knows(const struct followed *followed, int number);

/* The numbers mean nothing any more. */
void followed_forget(struct followed *followed);

void followed_close(struct followed *followed);

#endif
