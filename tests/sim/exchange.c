#include "exchange.h"

#include "api/channels.h"
#include "world.h"

#include <stdio.h>
#include <string.h>

enum { VALUES_MAX = 16384 };

enum value_state { VALUE_PUSHES, VALUE_IS_IN, VALUE_CAME_OUT, VALUE_REFUSED };

struct value {
    unsigned channel, number;
    unsigned long long pusher;
    enum value_state state;
};

static struct value values[VALUES_MAX];
static int count;

void exchange_begin(void)
{
    count = 0;
}

static struct value *find(unsigned channel, unsigned long long pusher, unsigned number)
{
    for (int i = count - 1; i >= 0; i--)
        if (values[i].channel == channel && values[i].pusher == pusher &&
            values[i].number == number)
            return &values[i];
    return NULL;
}

void exchange_note(const char *note)
{
    char what[16];
    unsigned channel, number;
    unsigned long long pusher;
    if (sscanf(note, "%15s %u %llu %u", what, &channel, &pusher, &number) != 4) return;
    struct value *value = find(channel, pusher, number);
    if (strcmp(what, "pushes") == 0) {
        promise(value == NULL, "a value is pushed twice: %s", note);
        promise(count < VALUES_MAX, "more values than there is room for");
        values[count++] = (struct value){.channel = channel, .number = number, .pusher = pusher};
        return;
    }
    promise(value != NULL, "nobody pushed it: %s", note);
    if (strcmp(what, "popped") == 0) {
        promise(value->state != VALUE_CAME_OUT, "it comes out twice: %s", note);
        promise(value->state != VALUE_REFUSED, "it was not pushed, and comes out: %s", note);
        value->state = VALUE_CAME_OUT;
    } else if (strcmp(what, "pushed") == 0) {
        if (value->state == VALUE_PUSHES) value->state = VALUE_IS_IN;
    } else {
        promise(value->state == VALUE_PUSHES, "it has come out, and was not pushed: %s", note);
        value->state = VALUE_REFUSED;
    }
}

void exchange_settled(struct world *world)
{
    for (unsigned channel = 1; channel <= EXCHANGE_CHANNELS; channel++) {
        char name[8];
        size_t certain = 0, possible = 0;
        snprintf(name, sizeof name, "q%u", channel);
        size_t there = channels_count(world->program.channels, span_text(name));
        for (int i = 0; i < count; i++) {
            if (values[i].channel != channel) continue;
            certain += values[i].state == VALUE_IS_IN;
            possible += values[i].state == VALUE_IS_IN || values[i].state == VALUE_PUSHES;
        }
        struct channel_item *item;
        while (channels_pop(world->program.channels, span_text(name), &item, NULL) == CHANNEL_DONE)
            channel_item_drop(item);
        promise((there >= certain && there <= possible) || world->memory_failed,
                "channel %s has %zu values, of %zu to %zu that are left", name, there, certain,
                possible);
    }
}
