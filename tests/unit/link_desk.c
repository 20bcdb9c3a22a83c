#include "link_desk.h"

#include "config_try.h"

struct desk desk;

static void enter(void)
{
    cr_assert_not(desk.runs, "the script is called while it runs");
    desk.runs = true;
}

static void leave(void)
{
    desk.runs = false;
}

static void fire(struct wheel_timer *timer)
{
    (void)timer;
    enter();
    desk.on_timer();
    leave();
}

static void *start(void *context, struct worker *worker, struct error *error)
{
    (void)context;
    (void)error;
    desk.worker = worker;
    wheel_timer_init(&desk.timer, fire);
    return &desk;
}

static enum script_verdict connected(void *state, struct link *link)
{
    (void)state;
    cr_assert(desk.connected < LINKS);
    desk.links[desk.connected++] = link;
    return SCRIPT_YES;
}

static void received(void *state, struct link *link, struct span packet)
{
    (void)state;
    enter();
    desk.packet = packet;
    desk.received++;
    if (desk.on_packet != NULL) desk.on_packet(link);
    leave();
}

static void drained(void *state, struct link *link)
{
    (void)state;
    (void)link;
    enter();
    desk.drained++;
    leave();
}

static enum script_verdict idle(void *state, struct link *link, double seconds)
{
    (void)state;
    (void)link;
    (void)seconds;
    return desk.keeps_idle ? SCRIPT_YES : SCRIPT_NO;
}

static void disconnected(void *state, struct link *link, const char *reason)
{
    (void)state;
    enter();
    desk.disconnected++;
    desk.ended = link;
    snprintf(desk.reason, sizeof desk.reason, "%s", reason);
    leave();
}

static const struct script script = {.context = &desk,
                                     .worker_start = start,
                                     .connected = connected,
                                     .received = received,
                                     .drained = drained,
                                     .idle = idle,
                                     .disconnected = disconnected};

struct offline *desk_open(const char *const *settings)
{
    struct config config = fresh();
    struct error error;
    log_set_level(LOG_ERROR);
    for (; *settings != NULL; settings += 2) set(&config, settings[0], settings[1]);
    finish(&config);
    struct offline *offline = offline_open(&config, &script, &error);
    cr_assert_not_null(offline, "%s", error.text);
    return offline;
}

struct span packet_of(size_t size)
{
    static uint8_t bytes[LARGEST];
    cr_assert(size <= sizeof bytes);
    return span_of(bytes, size);
}

void say_much_to_the_first(void)
{
    for (int i = 0; i < MANY; i++)
        cr_assert_eq(link_send(desk.links[0], packet_of(SIZE)), SEND_OK, "packet %d", i);
}
