/* config_protocols_try.h - framings of protocols, as text: "game/1=line;http/1.1=websocket". */
#ifndef MOONPORT_CONFIG_PROTOCOLS_TRY_H
#define MOONPORT_CONFIG_PROTOCOLS_TRY_H

#include "config.h"

#include <criterion/criterion.h>

/* Cuts the text up to the next ";"; NULL: there is none left. */
static inline char *take_part(char **rest)
{
    char *part = *rest, *end = part == NULL ? NULL : strchr(part, ';');
    *rest = end == NULL ? NULL : end + 1;
    if (end != NULL) *end = '\0';
    return part;
}

static inline void set_protocols(struct config_listener *listener, const char *text)
{
    static struct frame_protocols protocols;
    struct error error = {0};
    char words[200], *rest = words, *part;
    snprintf(words, sizeof words, "%s", text);
    protocols.count = 0;
    while ((part = take_part(&rest)) != NULL) {
        struct frame frame;
        char *spec = strchr(part, '=');
        *spec++ = '\0';
        cr_assert(frame_parse(&frame, spec, CONFIG_PACKET_MOST, &error), "%s", error.text);
        cr_assert(frame_protocols_add(&protocols, part, &frame, &error), "%s", error.text);
    }
    cr_assert(config_listener_protocols(listener, &protocols, &error), "%s", error.text);
}

#endif
