/* top_ask.h - asks a server, one question at a time, on a thread of its own: whoever has asked goes on meanwhile. */
#ifndef MOONPORT_TOP_ASK_H
#define MOONPORT_TOP_ASK_H

#include "commands/admin_http.h"

#include <pthread.h>

enum top_ask_stage { TOP_ASK_IDLE, TOP_ASK_ASKING, TOP_ASK_ANSWERED };

/* Its owner keeps it as long as the process lives: the thread may wait for an answer that does not come. */
struct top_ask {
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    uint8_t stage;                  /* enum top_ask_stage */
    struct admin_question question; /* of the last that was asked */
    struct admin_reply reply;
    struct error error; /* of kind NONE: there is a reply */
    void (*wake)(void);
};

/* `wake` is called on its thread whenever an answer is there. */
bool top_ask_start(struct top_ask *ask, void (*wake)(void), struct error *error);

/* The rest is for the one thread that has started it. False: it is still asking, or its answer was not taken. */
bool top_ask_send(struct top_ask *ask, const struct admin_question *question);
bool top_ask_is_idle(struct top_ask *ask);

/* Waits for an answer, until then. */
void top_ask_await(struct top_ask *ask, uint64_t deadline_ns);

/* Takes the answer: a reply, or an error of another kind than NONE. The caller frees the reply's data. False: there is
 * none yet. */
bool top_ask_take(struct top_ask *ask, struct admin_reply *reply, struct error *error);

#endif
