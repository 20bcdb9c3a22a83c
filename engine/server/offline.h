/* offline.h - a server without threads, sockets and time, driven by hand: its workers, its clients,
 * and a clock that only its driver moves. For trying out scripts.
 *
 *     struct offline *offline = offline_open(&config, &script, &error);
 *     struct offline_peer *peer = offline_connect(offline, 0, NULL);
 *     offline_send(peer, span_text("hello\n"));
 *     offline_run(offline);                         ... offline_received(peer) ...
 *     offline_advance(offline, 60 * SECOND);        ... and it was idle ...
 *     offline_close(offline);
 *
 * Links, framing, queues and timers are those of every server; only the port is a different one
 * (port_memory.h). Work is done only in offline_run, and in functions said to run it. The same calls
 * always have the same results. These functions must not be called from a callback of the script. */
#ifndef MOONPORT_OFFLINE_H
#define MOONPORT_OFFLINE_H

#include "server.h"

struct offline;
struct offline_peer; /* a client; it lives until offline_close, or offline_peer_free */

/* Opens a server with one worker, and starts the script. If the start waits, virtual time passes until
 * it has finished. NULL and an error if the start fails, or takes more than an hour. The configuration
 * is copied, and the worker gets all of its blocks and memory. The script's table and context must live
 * until offline_close. */
struct offline *offline_open(const struct config *config, const struct script *script,
                             struct error *error);

/* The same with several workers. Each gets all of the configured blocks and memory; they share max_connections. */
struct offline *offline_open_team(const struct config *config, uint32_t workers,
                                  const struct script *script, struct error *error);

/* Ends the server like server_stop, but in virtual time: each connection closes with reason "shutdown"
 * when its queue has been flushed, or the drain timeout is over. Frees the server and all its peers. */
void offline_close(struct offline *offline);

struct worker *offline_worker(struct offline *offline); /* the first */
uint64_t offline_now(const struct offline *offline);    /* nanoseconds, on worker_now's clock */

/* Takes turns until nothing is left to do at this time. False: there was still something to do after
 * a million turns. */
bool offline_run(struct offline *offline);

/* Lets time pass. Calls offline_run before and after, and whenever a timer is due in between. False as
 * above: then only part of the time has passed. */
bool offline_advance(struct offline *offline, uint64_t duration_ns);

/* False when the server has ended: a script may have asked for that (server_drain). */
bool offline_is_active(const struct offline *offline);

/* ---- clients ---- */

/* Connects a client to listener `index` from that address (NULL: an address on the same machine), and
 * calls offline_run. NULL if the connection was refused: there is no place for it, or the server has
 * ended. If the script rejects the connection, the peer is returned all the same, with its connection
 * closed. */
struct offline_peer *offline_connect(struct offline *offline, uint32_t index,
                                     const struct address *from);

/* Frees a peer; one that is still connected resets its connection first. */
void offline_peer_free(struct offline_peer *peer);

/* The connection's id; also after the connection has ended. */
uint64_t offline_peer_id(const struct offline_peer *peer);

/* The framing that the server uses on the connection, or used last: for cutting what was received, and
 * wrapping what is sent. */
const struct frame *offline_frame(const struct offline_peer *peer);

/* Sends bytes from the client, as they go over the wire; any size. False if there is no memory. */
bool offline_send(struct offline_peer *peer, struct span bytes);

/* offline_received: bytes that the server has sent and the client has not taken; valid until the next
 * offline_ call. offline_take: takes the first of them. */
struct span offline_received(const struct offline_peer *peer);
void offline_take(struct offline_peer *peer, size_t size);

/* `read` is called in offline_run, once nothing else is left to do and bytes are there that were not at its last call, or the
 * server has ended: a client that answers by itself, as WebSocket's do to pings. It may call offline_received, _take, _send,
 * _finish and _reset for this peer. NULL: nobody is called. */
void offline_set_reader(struct offline_peer *peer,
                        void (*read)(struct offline_peer *peer, void *context), void *context);

void offline_finish(struct offline_peer *peer); /* the client will send no more */
void offline_reset(struct offline_peer *peer);  /* the client resets the connection */

/* A deaf client does not read: data for it stays in the server's queue. */
void offline_set_deaf(struct offline_peer *peer, bool deaf);

/* How many bytes may wait for offline_take before the client stops reading; SIZE_MAX by default. */
void offline_set_room(struct offline_peer *peer, size_t size);

bool offline_ended(const struct offline_peer *peer);  /* the server will send no more */
bool offline_closed(const struct offline_peer *peer); /* ... and its connection is gone */

#endif
