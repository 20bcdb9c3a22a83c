/* pipe.h - a simulated connection: two streams, and what the server's port does with one end of it. */
#ifndef MOONPORT_SIM_PIPE_H
#define MOONPORT_SIM_PIPE_H

#include "memory.h"

#include "cover.h"
#include "flow.h"
#include "port_sim.h"

#include "stream/reorder.h"

/* A receive that was filled, and not yielded yet. */
struct filled {
    struct block *block;
    uint64_t due_ns;
};

/* The one receive stream of a socket. */
struct pipe_receiving {
    struct filled filled[REORDER_WINDOW_MAX]; /* in the order of their numbers */
    int count;
    bool ending; /* nothing more will be filled; `last` is still to come */
    uint8_t error;
    uint64_t end_ns;
    uint64_t taken_ns; /* when one of them was last harvested */
};

/* The one send of a socket. */
struct pipe_sending {
    struct span parts[PORT_PARTS_MAX];
    int count;
    size_t total;        /* bytes of them */
    uint64_t hash;       /* of them, when they were handed over */
    uint64_t not_before; /* it stalls until then */
    bool cancelled, decided;
    size_t size; /* once decided: what went out */
    uint8_t error;
    uint64_t due_ns;
    bool told; /* it was decided in the submitting call, and waits among the port's */
};

/* The one watch of a socket. */
struct pipe_watch {
    bool cancelled, decided;
    uint8_t error;
    uint64_t due_ns;
};

struct sim_pipe {
    uint8_t kind; /* enum sim_handle_kind; first */
    uint32_t number;
    struct address client; /* where it comes from */
    struct flow in,
        out; /* to the server, as it goes over the wire; to the client, without the filter's part */
    struct cover *cover; /* the client's end of a filter, or NULL */
    bool finishes;       /* the client says no more, once its cover is ready */
    bool farewell;       /* it has said so through its cover */
    bool torn;           /* what it has sent is not as its cover should make it */
    size_t cut_at, put;  /* bytes: it is cut off when it has put so many; so far */
    size_t window;       /* bytes to the client that may be on their way or wait for it */
    bool deaf;           /* the client takes nothing */
    bool smooth;         /* it has no faults of its own */
    bool closed;         /* the server has closed its end */
    bool turned_away;    /* nobody listens where it wanted to */
    bool failed;         /* the server was told of an error of the network */
    uint64_t sent;       /* bytes that the server's sends took, in all, without the filter's part */
    uint64_t told_ns;    /* when it was told last what was sent */
    uint64_t heard_ns;   /* when the server was handed bytes last, all bytes before them, too */
    uint64_t heard_taken_ns; /* its worker's taken_ns then */

    struct sim_port *port;      /* whose it is */
    struct port_socket *socket; /* the server's end; NULL: not attached, or no longer */
    struct list node;           /* among its port's */
    struct pipe_receiving receiving;
    struct pipe_sending sending;
    struct pipe_watch watch;

    void *owner; /* the peer */
};

void pipe_open(struct sim_pipe *pipe, uint32_t number, const struct address *client, void *owner);
void pipe_free(struct sim_pipe *pipe);

/* The client connects through the other end of its listener's filter, which is closed with the pipe, and begins with these
 * bytes, which are used up. */
void pipe_cover(struct sim_pipe *pipe, struct cover *cover, struct buffer *wire);

/* What the client does. */
void pipe_put(struct sim_pipe *pipe, struct span bytes);
void pipe_tear(struct sim_pipe *pipe, struct span noise); /* it breaks its cover's protocol */
void pipe_finish(struct sim_pipe *pipe);                  /* it will send no more */
void pipe_reset(struct sim_pipe *pipe);                   /* it is gone */

/* For port_sim.c: what happens at the system by itself, by now. */
void pipe_progress(struct sim_pipe *pipe);

/* Its completions that may be harvested now: how many; one of them. */
int pipe_due(const struct sim_pipe *pipe);
struct port_event pipe_harvest(struct sim_pipe *pipe, int index);

/* Tries the send that was just asked for: it may be over at once. */
void pipe_try_send(struct sim_pipe *pipe);

/* When pipe_progress or pipe_due has something new; UINT64_MAX: not by itself. */
uint64_t pipe_next_ns(const struct sim_pipe *pipe);

/* Something that came was due by then, and was not harvested. */
bool pipe_unheard(const struct sim_pipe *pipe, uint64_t by_ns);

/* The client's end of the stream, or the break of the connection, has come: when; UINT64_MAX: not yet. */
uint64_t pipe_end_ns(const struct sim_pipe *pipe);

/* Of the bytes that are being sent: nobody may change them meanwhile. */
uint64_t pipe_hash_parts(const struct pipe_sending *sending);

void pipe_close(struct sim_pipe *pipe); /* the server's end */

static inline struct sim_pipe *pipe_of(const struct port_socket *socket)
{
    return (struct sim_pipe *)socket->handle;
}

#endif
