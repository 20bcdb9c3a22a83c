/* script_errors.h - the errors of scripts, each distinct one once: where, what, how often, since when. One book for all
 * workers, of any thread; it is touched only by what fails.
 *
 * Two errors are the same if they come from the same handler and place in the code and read alike, but for what varies
 * (log_shape). A peer may have a say in the text: so of one place only SCRIPT_ERRORS_SHAPES are told apart, and all others
 * are one more. In a full book the one that has not come for the longest time makes room; if all have come within a
 * second, what is new is one more together.
 *
 * Of each, at most SCRIPT_ERRORS_BURST lines a second go to the log; when the second is over, one more line gives the
 * count of the others. None is held back for another. */
#ifndef MOONPORT_SCRIPT_ERRORS_H
#define MOONPORT_SCRIPT_ERRORS_H

#include "base/log.h"

#include <stddef.h>

enum {
    SCRIPT_ERRORS_MAX = 100,
    SCRIPT_ERRORS_SHAPES = 8,
    SCRIPT_ERRORS_BURST = 5,
    SCRIPT_ERROR_TEXT_MAX = 256,
    SCRIPT_ERROR_TRACE_MAX = 4096,
};

struct script_errors;

/* Something has failed. The texts are copied, all but the handler's, which stays for good. */
struct script_failure {
    enum log_level level;
    const char *handler; /* "on_receive"; or what else it was: "a job" */
    const char *place;   /* "main.lua:12", cut at 127 bytes; "": unknown */
    const char *line;    /* as in the log: "on_receive: scripts/main.lua:12: no such luck" */
    uint64_t generation;
    uint64_t connection; /* 0: it was about none */
    uint32_t worker;     /* its number; 0: no worker's */
};

struct script_errors *script_errors_open(void);       /* NULL: no memory */
void script_errors_close(struct script_errors *book); /* tells what is held back; NULL is fine */

/* Counts it. True: it goes to the log. *ticket is what script_errors_trace takes when it is the first of its kind, and
 * else 0. now_ns is monotonic; threads may be somewhat apart. */
bool script_errors_note(struct script_errors *book, const struct script_failure *failure,
                        uint64_t now_ns, uint64_t *ticket);

/* The text of the first one with its traceback. Without memory it has none. */
void script_errors_trace(struct script_errors *book, uint64_t ticket, const char *text);

/* For each whose second is over, logs how many were held back. Returns when the next second is over; UINT64_MAX:
 * nothing is held back. */
uint64_t script_errors_tell(struct script_errors *book, uint64_t now_ns);

/* The same for all, at the end. */
void script_errors_tell_all(struct script_errors *book);

/* ---- readers ---- */

struct script_error {
    const char *handler, *place;
    const char *message;   /* one line, without handler and place; of many that are one, the last */
    const char *traceback; /* of the first: message and traceback; or "" */
    uint64_t count;
    uint64_t first_us, last_us;      /* since 1970 */
    uint64_t generation, connection; /* of the last */
    uint32_t worker;                 /* of the last */
};

/* Visits copies of all that are in the book, the newest first; the book is not held meanwhile. Returns how many; 0 if
 * there is no memory for the copies. */
size_t script_errors_list(struct script_errors *book,
                          void (*visit)(void *context, const struct script_error *error),
                          void *context);

struct script_errors_sum {
    uint64_t distinct; /* in the book */
    uint64_t total;    /* since the start, each time counted */
    uint64_t last_us;  /* since 1970; 0: there was none */
};
void script_errors_sum(struct script_errors *book, struct script_errors_sum *sum);

#endif
