#include "frame/websocket_settings.h"

#include "base/settings.h"
#include "frame/deflate.h"
#include "frame/http_origin.h"
#include "frame/http_path.h"
#include "frame/http_text.h"

struct websocket_settings websocket_settings_default(void)
{
    return (struct websocket_settings){.ping_s = WEBSOCKET_PING_S,
                                       .compress_level = WEBSOCKET_LEVEL,
                                       .compress_window = WEBSOCKET_WINDOW};
}

/* Copies what was found right; the rest of the room is zeroed. */
static const char *keep(char *room, size_t size, const char *text)
{
    memset(room, 0, size);
    memcpy(room, text, strlen(text) + 1);
    return NULL;
}

/* Visible ASCII, and all of UTF-8, without what begins a query or a fragment. */
static bool is_path(struct span text)
{
    if (text.size == 0) return true;
    if (text.data[0] != '/') return false;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte <= ' ' || byte == 0x7f || strchr("?#", byte) != NULL) return false;
        if (byte == '%' && http_triplet(span_skip(text, i)) <= 0) return false;
    }
    return true;
}

const char *websocket_set_path(struct websocket_settings *settings, const char *text)
{
    if (strlen(text) > WEBSOCKET_PATH_MAX || !is_path(span_text(text)))
        return "a path of an address, such as /chat, of up to 127 bytes";
    return keep(settings->path, sizeof settings->path, text);
}

/* Whether all elements of a list are right; one that has none is. */
static bool is_list(const char *text, size_t size_max, bool (*is_element)(struct span element))
{
    struct span list = span_text(text), element;
    if (list.size > size_max || (list.size != 0 && list.data[list.size - 1] == '|')) return false;
    while (websocket_list_next(&list, &element))
        if (!is_element(element)) return false;
    return true;
}

/* A host may have an asterisk in it, but who sets one means many hosts. */
static bool is_origin(struct span text)
{
    struct http_origin origin;
    return http_origin_read(text, &origin) && http_span_until(text, '*') == text.size;
}

const char *websocket_set_origins(struct websocket_settings *settings, const char *text)
{
    if (!is_list(text, WEBSOCKET_ORIGINS_MAX, is_origin))
        return "origins as browsers send them, such as https://example.com or null, "
               "with | between them, up to 511 bytes";
    return keep(settings->origins, sizeof settings->origins, text);
}

static bool is_token(struct span text)
{
    for (size_t i = 0; i < text.size; i++)
        if (!http_is_token(text.data[i])) return false;
    return text.size != 0;
}

const char *websocket_set_protocols(struct websocket_settings *settings, const char *text)
{
    if (!is_list(text, WEBSOCKET_PROTOCOLS_MAX, is_token))
        return "names of protocols, of letters, digits and !#$%&'*+-.^_`~, "
               "with | between them, up to 255 bytes";
    return keep(settings->protocols, sizeof settings->protocols, text);
}

const char *websocket_set_ping(struct websocket_settings *settings, const char *text)
{
    int64_t seconds;
    if (!settings_integer(text, &seconds) || seconds < 0 || seconds > WEBSOCKET_PING_S_MAX)
        return "a number of seconds, up to 86400; 0: no pings";
    settings->ping_s = (uint32_t)seconds;
    return NULL;
}

const char *websocket_set_healthz(struct websocket_settings *settings, const char *text)
{
    return settings_truth(text, &settings->healthz) ? NULL : "true or false";
}

const char *websocket_set_compress(struct websocket_settings *settings, const char *text)
{
    bool compress = false, takeover = strcmp(text, "takeover") == 0;
    if (!takeover && !settings_truth(text, &compress)) return "true, false or takeover";
    if ((takeover || compress) && !deflate_is_there())
        return "false, for this program is built without zlib";
    settings->compress = takeover   ? WEBSOCKET_TAKEOVER
                         : compress ? WEBSOCKET_COMPRESS
                                    : WEBSOCKET_PLAIN;
    return NULL;
}

static bool set_number(uint8_t *target, const char *text, uint8_t least, uint8_t most)
{
    int64_t number;
    if (!settings_integer(text, &number) || number < least || number > most) return false;
    *target = (uint8_t)number;
    return true;
}

const char *websocket_set_compress_level(struct websocket_settings *settings, const char *text)
{
    bool is_set = set_number(&settings->compress_level, text, DEFLATE_LEVEL_MIN, DEFLATE_LEVEL_MAX);
    return is_set ? NULL : "a number, 1 (fast) to 9 (small)";
}

const char *websocket_set_compress_window(struct websocket_settings *settings, const char *text)
{
    bool is_set = set_number(&settings->compress_window, text, DEFLATE_BITS_MIN, DEFLATE_BITS_MAX);
    return is_set ? NULL : "a number of bits, 9 to 15";
}

/* Names with one "/" between them, none of which is hidden, or leads up. */
static bool is_below(struct span text)
{
    bool begins = true;
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        if (byte < ' ' || byte == 0x7f || strchr("\\:", byte) != NULL) return false;
        if (begins && (byte == '/' || byte == '.')) return false;
        begins = byte == '/';
    }
    return text.size == 0 || !begins;
}

const char *websocket_set_public(struct websocket_settings *settings, const char *text)
{
    if (strlen(text) > WEBSOCKET_PUBLIC_MAX || !is_below(span_text(text)))
        return "a directory below that of the scripts, such as public, "
               "whose name does not begin with a dot";
    return keep(settings->public_dir, sizeof settings->public_dir, text);
}

bool websocket_settings_are_same(const struct websocket_settings *one,
                                 const struct websocket_settings *other)
{
    return strcmp(one->path, other->path) == 0 && strcmp(one->origins, other->origins) == 0 &&
           strcmp(one->protocols, other->protocols) == 0 &&
           strcmp(one->public_dir, other->public_dir) == 0 && one->ping_s == other->ping_s &&
           one->healthz == other->healthz && one->compress == other->compress &&
           one->compress_level == other->compress_level &&
           one->compress_window == other->compress_window;
}

/* ---- what they let happen ---- */

bool websocket_list_next(struct span *list, struct span *element)
{
    if (list->size == 0) return false;
    size_t size = http_span_until(*list, '|');
    *element = span_first(*list, size);
    *list = span_skip(*list, size < list->size ? size + 1 : size);
    return true;
}

bool websocket_has_path(const struct websocket_settings *settings, struct span path)
{
    return settings->path[0] == '\0' || http_path_is(path, span_text(settings->path));
}

bool websocket_has_origin(const struct websocket_settings *settings, struct span origin)
{
    struct http_origin asked, allowed;
    struct span list = span_text(settings->origins), element;
    if (list.size == 0) return true;
    if (!http_origin_read(origin, &asked)) return false;
    while (websocket_list_next(&list, &element))
        if (http_origin_read(element, &allowed) && http_origin_is(&asked, &allowed)) return true;
    return false;
}

bool websocket_has_protocol(const struct websocket_settings *settings, struct span protocol)
{
    struct span list = span_text(settings->protocols), element;
    while (websocket_list_next(&list, &element))
        if (element.size == protocol.size && memcmp(element.data, protocol.data, element.size) == 0)
            return true;
    return false;
}
