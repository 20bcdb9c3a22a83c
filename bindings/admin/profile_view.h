/* profile_view.h - a profile of some workers, added up for those who show it: text, SVG, JSON for speedscope. Pure. */
#ifndef MOONPORT_PROFILE_VIEW_H
#define MOONPORT_PROFILE_VIEW_H

#include "config.h"
#include "lua/samples.h"
#include "system/buffer.h"

enum { PROFILE_VIEW_DEPTH = 80 }; /* nodes of a path, and more than profile.h makes */

/* Of a function, or of one of its lines. */
struct profile_sum {
    uint32_t function, line;           /* line 0: the function */
    uint64_t self_ns, total_ns, bytes; /* total: with all that it called; of a line as self */
    double allocations;
};

/* A node, beside the others with that parent. */
struct profile_child {
    uint32_t parent, node;
    uint64_t total; /* of time, or of bytes */
};

struct profile_view {
    struct samples samples;            /* of all workers together */
    uint64_t *total_ns, *total_bytes;  /* of each node, with what is below it */
    struct profile_child *children[2]; /* by parent: of time, of bytes */
    uint32_t child_counts[2];
    struct profile_sum *functions, *lines; /* by function, and then by line */
    uint32_t function_count, line_count;
    uint64_t worker_ns;                    /* the time that it lasted, of all workers */
    uint64_t time_ns, bytes, sample_count; /* that calls took, and what was allocated */
    double allocations;
    uint32_t seconds; /* as it was asked for */
    const char *note; /* what to keep in mind; NULL: nothing */
    bool took[CONFIG_WORKERS_MAX], missing[CONFIG_WORKERS_MAX]; /* by a worker's index */
};

/* Begins an empty one; false: there is no memory. Then each worker's samples are added, and it is worked out; false
 * again: no memory. */
bool profile_view_open(struct profile_view *view, uint32_t seconds);
void profile_view_add(struct profile_view *view, uint32_t worker, const struct samples *samples,
                      uint64_t lasted_ns);
bool profile_view_finish(struct profile_view *view);
void profile_view_close(struct profile_view *view);

/* The first of the children of a node that have any of it, the largest first; the next of them follow, *count in all. bytes: of
 * what was allocated, else of time. */
const struct profile_child *profile_view_children(const struct profile_view *view, uint32_t node,
                                                  bool bytes, uint32_t *count);

/* Writes a node's name: "work", "main.lua:14", "on_receive"; a function without a name is named by its place. Without
 * control characters, and valid UTF-8. Returns room. */
enum { PROFILE_NAME_MAX = 3 * (SAMPLES_NAME_MAX + SAMPLES_FILE_MAX) };
const char *profile_view_name(const struct profile_view *view, uint32_t function, uint32_t line,
                              char room[PROFILE_NAME_MAX]);

/* The same for its place: "main.lua:12" of a function; "": it has none. */
const char *profile_view_place(const struct profile_view *view, uint32_t function,
                               char room[PROFILE_NAME_MAX]);

/* Writes it. False: there is no memory. Text for a terminal of 80 columns; a picture that needs nothing else; a file for
 * https://www.speedscope.app. */
bool profile_text(const struct profile_view *view, struct buffer *out);
bool profile_svg(const struct profile_view *view, struct buffer *out);
bool profile_speedscope(const struct profile_view *view, struct buffer *out);

#endif
