/* samples.h - what samples of a Lua stack have found: a tree of handlers, the functions that they called, and lines.
 * Pure: it knows no Lua.
 *
 *     top --> handler "on_receive" --> function "work" (main.lua:12) --> line 14
 *
 * A sample counts for one node, in general a line: what was found there itself. Its size is fixed from the start: what has
 * no place in it any more counts for a node "(others)" of its handler. A node comes after its parent, so going through
 * all of them from the first to the last meets parents first. */
#ifndef MOONPORT_SAMPLES_H
#define MOONPORT_SAMPLES_H

#include <stdbool.h>
#include <stdint.h>

enum {
    SAMPLES_NAME_MAX = 48, /* with a NUL; longer ones are cut */
    SAMPLES_FILE_MAX = 96,
    SAMPLES_TOP = 0, /* the node that all others are below of */
};

struct samples_function {
    char name[SAMPLES_NAME_MAX]; /* as a caller calls it; "": none has named it */
    char file[SAMPLES_FILE_MAX]; /* "": none, it is a handler, or a note such as "(others)" */
    int32_t line;                /* where it begins */
    uint32_t next;               /* of the same hash; as in nodes 0 ends it */
};

struct samples_node {
    uint32_t parent;
    uint32_t function;  /* its index; of a line, that which it is in */
    uint32_t line;      /* 0: the node is no line */
    uint32_t next;      /* of the same hash */
    uint64_t time_ns;   /* found here itself, as all that follows */
    uint64_t samples;   /* of time */
    uint64_t bytes;     /* allocated */
    double allocations; /* so many, estimated */
};

struct samples {
    struct samples_node *nodes;
    struct samples_function *functions;
    uint32_t *node_heads, *function_heads; /* by hash */
    uint32_t node_count, nodes_max;        /* the first is SAMPLES_TOP */
    uint32_t function_count, functions_max;
    uint64_t others; /* samples that had no place of their own */
};

/* What one sample stands for. */
struct samples_weight {
    uint64_t time_ns, samples, bytes;
    double allocations;
};

/* With room for so many nodes and functions, each a power of two and at least 128. False: there is no memory. */
bool samples_open(struct samples *samples, uint32_t nodes_max, uint32_t functions_max);
void samples_close(struct samples *samples);

/* The index of a function, which is known by its file and the line where it begins; `name` names it if nobody has done so
 * yet ("": it does not). UINT32_MAX: there is no room. */
uint32_t samples_function(struct samples *samples, const char *file, int32_t line,
                          const char *name);

/* The node below `parent` for a function, or, if it is not 0, for a line of it. UINT32_MAX: there is no room, or the function
 * is that. */
uint32_t samples_below(struct samples *samples, uint32_t parent, uint32_t function, uint32_t line);

/* The same for a handler, or for a note. Handlers and what is noted below them directly have room of their own. */
uint32_t samples_note(struct samples *samples, uint32_t parent, const char *name);

/* Counts a sample for that node; UINT32_MAX: for the handler's "(others)". */
void samples_count(struct samples *samples, uint32_t handler, uint32_t node,
                   const struct samples_weight *weight);

/* Adds what others have found. */
void samples_merge(struct samples *into, const struct samples *from);

#endif
