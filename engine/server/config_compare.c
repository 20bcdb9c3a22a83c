/* What has changed between two configurations, and what of it may change while a server runs. */
#include "config.h"

#include <string.h>

static bool same_listeners(const struct config *one, const struct config *other)
{
    if (one->listener_count != other->listener_count) return false;
    for (uint32_t i = 0; i < one->listener_count; i++) {
        const struct config_listener *a = &one->listeners[i], *b = &other->listeners[i];
        if (!address_is_same(&a->address, &b->address) || !frame_is_same(&a->frame, &b->frame) ||
            a->on_full != b->on_full || a->address.mode != b->address.mode)
            return false;
    }
    return true;
}

static bool same_setting(const struct config *one, const struct config *other,
                         const struct config_name *setting)
{
    if (strcmp(setting->name, "framing") == 0) return frame_is_same(&one->frame, &other->frame);
    if (strcmp(setting->name, "admin") == 0)
        return one->has_admin == other->has_admin &&
               (!one->has_admin || address_is_same(&one->admin, &other->admin));
    return memcmp((const char *)one + setting->offset, (const char *)other + setting->offset,
                  setting->field_size) == 0;
}

void config_compare(const struct config *before, const struct config *after,
                    void (*differs)(void *context, const struct config_name *setting),
                    void *context)
{
    static const struct config_name listen = {.name = "listen"};
    size_t count;
    const struct config_name *settings = config_names(&count);
    for (size_t i = 0; i < count; i++)
        if (!same_setting(before, after, &settings[i])) differs(context, &settings[i]);
    if (!same_listeners(before, after)) differs(context, &listen);
}

void config_take_live(struct config *config, const struct config *from)
{
    size_t count;
    const struct config_name *settings = config_names(&count);
    for (size_t i = 0; i < count; i++)
        if (settings[i].live)
            memcpy((char *)config + settings[i].offset, (const char *)from + settings[i].offset,
                   settings[i].field_size);
}
