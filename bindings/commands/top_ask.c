#include "commands/top_ask.h"

#include "base/clock.h"

static void answer(struct top_ask *ask, const struct admin_reply *reply, const struct error *error)
{
    pthread_mutex_lock(&ask->mutex);
    ask->reply = *reply;
    ask->error = *error;
    ask->stage = TOP_ASK_ANSWERED;
    pthread_cond_broadcast(&ask->changed);
    pthread_mutex_unlock(&ask->mutex);
    ask->wake();
}

static void *run(void *argument)
{
    struct top_ask *ask = argument;
    for (;;) {
        struct admin_reply reply;
        struct error error = {.kind = ERROR_NONE};
        pthread_mutex_lock(&ask->mutex);
        while (ask->stage != TOP_ASK_ASKING) pthread_cond_wait(&ask->changed, &ask->mutex);
        struct admin_question question = ask->question;
        pthread_mutex_unlock(&ask->mutex);
        admin_http_ask(&question, &reply, &error);
        answer(ask, &reply, &error);
    }
    return NULL;
}

bool top_ask_start(struct top_ask *ask, void (*wake)(void), struct error *error)
{
    pthread_t thread;
    *ask = (struct top_ask){.wake = wake};
    pthread_mutex_init(&ask->mutex, NULL);
    clock_condition_init(&ask->changed);
    if (pthread_create(&thread, NULL, run, ask) != 0)
        return error_set(error, ERROR_SYSTEM, "cannot make a thread");
    pthread_detach(thread);
    return true;
}

bool top_ask_is_idle(struct top_ask *ask)
{
    pthread_mutex_lock(&ask->mutex);
    bool idle = ask->stage == TOP_ASK_IDLE;
    pthread_mutex_unlock(&ask->mutex);
    return idle;
}

bool top_ask_send(struct top_ask *ask, const struct admin_question *question)
{
    pthread_mutex_lock(&ask->mutex);
    bool idle = ask->stage == TOP_ASK_IDLE;
    if (idle) {
        ask->question = *question;
        ask->stage = TOP_ASK_ASKING;
        pthread_cond_broadcast(&ask->changed);
    }
    pthread_mutex_unlock(&ask->mutex);
    return idle;
}

void top_ask_await(struct top_ask *ask, uint64_t deadline_ns)
{
    pthread_mutex_lock(&ask->mutex);
    while (ask->stage == TOP_ASK_ASKING && clock_wait(&ask->changed, &ask->mutex, deadline_ns))
        continue;
    pthread_mutex_unlock(&ask->mutex);
}

bool top_ask_take(struct top_ask *ask, struct admin_reply *reply, struct error *error)
{
    pthread_mutex_lock(&ask->mutex);
    bool answered = ask->stage == TOP_ASK_ANSWERED;
    if (answered) {
        *reply = ask->reply;
        *error = ask->error;
        ask->stage = TOP_ASK_IDLE;
    }
    pthread_mutex_unlock(&ask->mutex);
    return answered;
}
