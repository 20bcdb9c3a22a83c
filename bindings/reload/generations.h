/* generations.h - which scripts and settings run, which ran before, and the way from one generation to the next: all
 * workers take it, or none.
 *
 * One thread at a time, but for generations_options and the history. */
#ifndef MOONPORT_GENERATIONS_H
#define MOONPORT_GENERATIONS_H

#include "reload/command_line.h"
#include "reload/history.h"
#include "reload/kept.h"
#include "reload/report.h"
#include "server.h"

struct generations {
    struct server *server;
    const struct command_line *line;
    uint64_t number;        /* the last one used */
    struct kept kept;       /* the newest runs */
    struct source *refused; /* held: the last one that was tried and does not run; or NULL */
    struct history history;
    pthread_mutex_t settings; /* guards `options`, too: reading them must not wait for a reload */
    struct options options;   /* in force */
};

/* The source runs as generation 1, with these settings. */
void generations_open(struct generations *generations, struct server *server,
                      const struct command_line *line, const struct options *options,
                      struct source *source);
void generations_close(struct generations *generations);

/* Loads the source in all workers, or in none. True: the report says what runs now. False: it says why nothing has
 * changed; or what failed at the switch, but then the number has changed. */
bool generations_bring_in(struct generations *generations, struct source *source,
                          enum history_by by, struct report *report);

/* The same with the source that ran before. */
bool generations_go_back(struct generations *generations, enum history_by by,
                         struct report *report);

/* The directory could not be read: nothing has changed. */
void generations_note_unreadable(struct generations *generations, enum history_by by,
                                 const char *why, struct report *report);

/* Forgets what was refused, because the files are those that run. */
void generations_forget_refused(struct generations *generations);

/* Any thread; does not wait. */
struct options generations_options(struct generations *generations);

#endif
