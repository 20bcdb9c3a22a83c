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
 * Links, framing, queues and timers are those of every server; of it, only the port is another
 * (port_memory.h). Nothing happens but in offline_run and in what says that it runs. The same calls
 * always have the same results. Not from inside a callback of the script. */
#ifndef MOONPORT_OFFLINE_H
#define MOONPORT_OFFLINE_H

#include "server.h"

struct offline;
struct offline_peer; /* a client; it lives until offline_close, or offline_peer_free */

/* Opens it and starts the script. A start that waits is waited for, which takes virtual time; NULL
 * and an error if it fails, or lasts for more than an hour. The configuration is copied, all its
 * figures are this worker's; the script's table and context must live until offline_close. */
struct offline *offline_open(const struct config *config, const struct script *script,
                             struct error *error);

/* The same with so many workers, of which each has all that the configuration says, but for the connections. */
struct offline *offline_open_team(const struct config *config, uint32_t workers,
                                  const struct script *script, struct error *error);

/* Ends it as server_stop does, but at once: every connection ends with reason "shutdown" after its
 * queue was flushed or, in virtual time, the drain timeout is over. Frees it with all its peers. */
void offline_close(struct offline *offline);

struct worker *offline_worker(struct offline *offline); /* the first */
uint64_t offline_now(const struct offline *offline);    /* nanoseconds, on worker_now's clock */

/* Takes turns until nothing is left to do at this time. False if that does not come to an end: in a
 * million turns there was always something more. */
bool offline_run(struct offline *offline);

/* Lets time pass. It runs before and after, and whenever a timer is due on the way. False as above:
 * then some of the time has not passed. */
bool offline_advance(struct offline *offline, uint64_t duration_ns);

/* False when the server has ended: a script may have asked for that (server_drain). */
bool offline_is_active(const struct offline *offline);

/* ---- clients ---- */

/* A client connects to listener `index` from that address (NULL: one of 127.0.0.1), and it runs.
 * NULL if it was refused: there is no place for it, or the server has ended. A connection that the
 * script does not want is there, and has ended. */
struct offline_peer *offline_connect(struct offline *offline, uint32_t index,
                                     const struct address *from);

/* Done with it: if it is still connected it resets the connection first. */
void offline_peer_free(struct offline_peer *peer);

/* The connection's id, also when it is over. */
uint64_t offline_peer_id(const struct offline_peer *peer);

/* The framing that the server uses on it now, or used last: to cut what was received, and to wrap
 * what is sent. */
const struct frame *offline_frame(const struct offline_peer *peer);

/* What the client sends, as it goes over the wire; any size. False if there is no memory. */
bool offline_send(struct offline_peer *peer, struct span bytes);

/* What the server has sent and the client has not taken, good until the next call of offline_; and
 * takes the first bytes of it. */
struct span offline_received(const struct offline_peer *peer);
void offline_take(struct offline_peer *peer, size_t size);

void offline_finish(struct offline_peer *peer); /* the client will send no more */
void offline_reset(struct offline_peer *peer);  /* it resets the connection */

/* It does not read: what is sent to it stays in the server's queue. */
void offline_set_deaf(struct offline_peer *peer, bool deaf);

/* How many bytes it lets wait for offline_take before it stops reading; SIZE_MAX at first. */
void offline_set_room(struct offline_peer *peer, size_t size);

bool offline_ended(const struct offline_peer *peer);  /* the server will send no more */
bool offline_closed(const struct offline_peer *peer); /* ... and its connection is gone */

#endif
