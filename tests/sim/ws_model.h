/* ws_model.h - what the server says by itself to a client that speaks WebSocket, when it says it: it welcomes the client or
 * answers it, answers pings, pings, and says goodbye. Whatever else it queues for it is a violation. */
#ifndef MOONPORT_SIM_WS_MODEL_H
#define MOONPORT_SIM_WS_MODEL_H

#include "oracle.h"

/* While the script sends to that link, one message may be queued, which the caller notes. NULL: nobody sends. */
void ws_model_sends(const struct link *link);

/* It begins with the other framing of its listener. */
void ws_model_connected(struct sim_peer *peer, const struct link *link);

/* A packet is about to be handed on: as what it was sent, and the pings before it are answered. */
void ws_model_handed(struct sim_peer *peer, const struct link *link);

/* A packet may be queued now. */
void ws_model_queued(const struct sim_peer *peer, const struct link *link);

/* Kinds say which message it is: the script sends by its text. */
void ws_model_kind(const struct sim_peer *peer, struct span packet, enum packet_kind kind,
                   enum send_result result);

/* on_disconnect, with a code. `waited_out`: its end may have been told before all was heard. */
void ws_model_ended(struct sim_peer *peer, const struct link *link, const char *reason,
                    bool waited_out);

/* After a turn of its worker: it will be pinged in time. */
void ws_model_look(const struct link *link, struct sim_peer *peer);

#endif
