#include "frame/frame_protocols.h"

bool frame_protocols_add(struct frame_protocols *protocols, const char *name,
                         const struct frame *frame, struct error *reason)
{
    struct frame_protocol *list = protocols->list;
    uint32_t place = protocols->count;
    size_t size = strlen(name);
    if (size == 0 || size > FRAME_PROTOCOL_NAME_MAX)
        return error_set(reason, ERROR_INPUT, "the name of a protocol has 1 to %d bytes",
                         (int)FRAME_PROTOCOL_NAME_MAX);
    if (place == FRAME_PROTOCOLS_MAX)
        return error_set(reason, ERROR_INPUT, "at most %d protocols", (int)FRAME_PROTOCOLS_MAX);
    if (frame_protocols_find(protocols, name) != NULL)
        return error_set(reason, ERROR_INPUT, "%.40s is there twice", name);
    for (; place > 0 && strcmp(list[place - 1].name, name) > 0; place--)
        list[place] = list[place - 1];
    memcpy(list[place].name, name, size + 1);
    list[place].frame = *frame;
    protocols->count++;
    return true;
}

const struct frame *frame_protocols_find(const struct frame_protocols *protocols, const char *name)
{
    for (uint32_t i = 0; i < protocols->count; i++)
        if (strcmp(protocols->list[i].name, name) == 0) return &protocols->list[i].frame;
    return NULL;
}

bool frame_protocols_are_same(const struct frame_protocols *one,
                              const struct frame_protocols *other)
{
    if (one->count != other->count) return false;
    for (uint32_t i = 0; i < one->count; i++)
        if (strcmp(one->list[i].name, other->list[i].name) != 0 ||
            !frame_is_same(&one->list[i].frame, &other->list[i].frame))
            return false;
    return true;
}
