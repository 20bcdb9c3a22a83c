#include "offline_talk.h"

#include "config_try.h"

static const struct frame *line_frame(void)
{
    static struct frame frame;
    struct error error;
    cr_assert(frame_parse(&frame, "line", 1 << 20, &error), "%s", error.text);
    return &frame;
}

static void on_timer(struct wheel_timer *timer)
{
    struct seen *seen = container_of(timer, struct seen, timer);
    if (seen->fired < 8) seen->fired_ns[seen->fired++] = worker_now(seen->worker);
    if (seen->endless || (seen->again_ns > 0 && seen->fired < 8))
        worker_timer_start(seen->worker, timer, seen->again_ns);
}

static void on_start_timer(struct wheel_timer *timer)
{
    struct seen *seen = container_of(timer, struct seen, start_timer);
    struct error error;
    error_set(&error, ERROR_INPUT, "the database does not answer");
    seen->started = !seen->start_fails;
    worker_start_done(seen->worker, seen->start_fails ? &error : NULL);
}

static void *start(void *context, struct worker *worker, struct error *error)
{
    struct seen *seen = context;
    seen->worker = worker;
    wheel_timer_init(&seen->timer, on_timer);
    wheel_timer_init(&seen->start_timer, on_start_timer);
    if (seen->start_fails && !seen->start_waits) {
        error_set(error, ERROR_INPUT, "it does not want to");
        return NULL;
    }
    seen->started = !seen->start_waits;
    if (seen->start_waits) worker_start_wait(worker);
    if (seen->start_ns > 0) worker_timer_start(worker, &seen->start_timer, seen->start_ns);
    return seen;
}

static void stop(void *state)
{
    struct seen *seen = state;
    seen->stopped++;
    worker_timer_stop(seen->worker, &seen->timer);
    worker_timer_stop(seen->worker, &seen->start_timer);
}

static enum script_verdict connected(void *state, struct link *link)
{
    struct seen *seen = state;
    cr_assert(seen->started, "no connection comes before the start is over");
    seen->connected++;
    seen->link = link;
    if (seen->pauses) link_pause(link);
    return seen->refuses ? SCRIPT_NO : SCRIPT_YES;
}

static bool is(struct span packet, const char *word)
{
    return packet.size == strlen(word) && memcmp(packet.data, word, packet.size) == 0;
}

static void received(void *state, struct link *link, struct span packet)
{
    struct seen *seen = state;
    size_t count;
    seen->received++;
    seen->packet_size = packet.size;
    if (is(packet, "bye")) {
        cr_assert_eq(link_send(link, span_text("farewell")), SEND_OK);
        link_close(link, "asked to");
    } else if (is(packet, "abort")) {
        cr_assert_eq(link_send(link, span_text("never sent")), SEND_OK);
        link_abort(link, NULL);
    } else if (is(packet, "all")) {
        cr_assert_eq(worker_broadcast(seen->worker, packet, PACKET_PLAIN, link, &count), SEND_OK);
    } else if (is(packet, "line")) {
        link_set_frame(link, line_frame());
    } else if (is(packet, "stop")) {
        server_drain(worker_server(seen->worker));
    } else if (!seen->silent) {
        cr_assert_eq(link_send(link, packet), SEND_OK);
    }
}

static void drained(void *state, struct link *link)
{
    (void)link;
    ((struct seen *)state)->drained++;
}

static enum script_verdict idle(void *state, struct link *link, double seconds)
{
    (void)link;
    cr_assert(seconds >= 60);
    ((struct seen *)state)->idle++;
    return ((struct seen *)state)->idle_answer;
}

static void disconnected(void *state, struct link *link, const char *reason)
{
    struct seen *seen = state;
    cr_assert_not(link_is_open(link));
    seen->disconnected++;
    seen->disconnected_ns = worker_now(seen->worker);
    snprintf(seen->reason, sizeof seen->reason, "%s", reason);
}

static void released(void *state, struct link *link)
{
    (void)link;
    ((struct seen *)state)->released++;
}

static struct script script_of(struct seen *seen)
{
    return (struct script){.context = seen,
                           .worker_start = start,
                           .worker_stop = stop,
                           .connected = connected,
                           .received = received,
                           .drained = drained,
                           .idle = idle,
                           .disconnected = disconnected,
                           .released = released};
}

static struct config config_made(const char *const *settings)
{
    struct config config = fresh();
    struct error error;
    log_set_level(LOG_ERROR);
    cr_assert_not_null(config_add_listener(&config, "127.0.0.1:7000", &error), "%s", error.text);
    for (; *settings != NULL; settings += 2) set(&config, settings[0], settings[1]);
    finish(&config);
    return config;
}

/* The script's table lives as long as the server. */
static struct script script_now;

struct offline *open_filtered(struct seen *seen, const char *const *settings,
                              const struct filter_source *filter)
{
    struct config config = config_made(settings);
    config.listeners[0].filter = filter;
    struct error error;
    script_now = script_of(seen);
    struct offline *offline = offline_open(&config, &script_now, &error);
    cr_assert_not_null(offline, "%s", error.text);
    return offline;
}

struct offline *open_set(struct seen *seen, const char *const *settings)
{
    return open_filtered(seen, settings, NULL);
}

struct offline *open_with(struct seen *seen, const char *name, const char *value)
{
    return open_set(seen, (const char *const[]){name, value, NULL});
}

void fails_to_open(struct seen *seen, const char *why)
{
    struct config config = config_made((const char *const[]){NULL});
    struct error error = {.kind = ERROR_NONE};
    script_now = script_of(seen);
    cr_assert_null(offline_open(&config, &script_now, &error));
    cr_assert_eq(error.kind, ERROR_INPUT);
    cr_assert_not_null(strstr(error.text, why), "%s", error.text);
}
