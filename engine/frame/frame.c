#include "frame/frame.h"

#include "base/settings.h"
#include "base/text.h"

#include <inttypes.h>

static const struct frame_codec *const codecs[] = {
    [FRAME_LENGTH] = &frame_length_codec,       [FRAME_LINE] = &frame_line_codec,
    [FRAME_FIXED] = &frame_fixed_codec,         [FRAME_RAW] = &frame_raw_codec,
    [FRAME_DELIMITED] = &frame_delimited_codec, [FRAME_NETSTRING] = &frame_netstring_codec,
    [FRAME_MQTT] = &frame_mqtt_codec,           [FRAME_HPSOCKET] = &frame_hpsocket_codec,
    [FRAME_WEBSOCKET] = &frame_websocket_codec, [FRAME_HTTP] = &frame_http_codec,
};

/* Names for settings of the kind FRAME_LENGTH. */
static const struct {
    const struct frame_codec *codec;
    struct frame_length length;
} lengths[] = {
    {&frame_erlang_codec, {.size = 4, .big_endian = true}},
    {&frame_skynet_codec, {.size = 2, .big_endian = true}},
};
enum {
    KINDS = sizeof codecs / sizeof codecs[0],
    LENGTHS = sizeof lengths / sizeof lengths[0],
    NAMES = KINDS + LENGTHS
};

enum {
    IN_LENGTH = 1u << FRAME_LENGTH,
    IN_LINE = 1u << FRAME_LINE,
    IN_FIXED = 1u << FRAME_FIXED,
    IN_DELIMITED = 1u << FRAME_DELIMITED,
    IN_HPSOCKET = 1u << FRAME_HPSOCKET,
    IN_WEBSOCKET = 1u << FRAME_WEBSOCKET,
    IN_ALL = (1u << KINDS) - 1,
};

static const char *const names[FRAME_SETTINGS] = {
    [FRAME_SIZE] = "size",
    [FRAME_ORDER] = "order",
    [FRAME_OFFSET] = "offset",
    [FRAME_ADJUSTMENT] = "adjustment",
    [FRAME_COUNTS_HEADER] = "counts_header",
    [FRAME_DELIMITER] = "delimiter",
    [FRAME_STRIP] = "strip",
    [FRAME_BY] = "by",
    [FRAME_FLAG] = "flag",
    [FRAME_PATH] = "path",
    [FRAME_ORIGINS] = "origins",
    [FRAME_PROTOCOLS] = "protocols",
    [FRAME_PING] = "ping",
    [FRAME_HEALTHZ] = "healthz",
    [FRAME_PUBLIC] = "public",
    [FRAME_COMPRESS] = "compress",
    [FRAME_COMPRESS_LEVEL] = "compress_level",
    [FRAME_COMPRESS_WINDOW] = "compress_window",
    [FRAME_MAX] = "max",
};

/* The kinds of framing that a setting belongs to. */
static const uint16_t kinds[FRAME_SETTINGS] = {
    [FRAME_SIZE] = IN_LENGTH | IN_FIXED,
    [FRAME_ORDER] = IN_LENGTH,
    [FRAME_OFFSET] = IN_LENGTH,
    [FRAME_ADJUSTMENT] = IN_LENGTH,
    [FRAME_COUNTS_HEADER] = IN_LENGTH,
    [FRAME_DELIMITER] = IN_LINE,
    [FRAME_STRIP] = IN_LINE | IN_DELIMITED,
    [FRAME_BY] = IN_DELIMITED,
    [FRAME_FLAG] = IN_HPSOCKET,
    [FRAME_PATH] = IN_WEBSOCKET,
    [FRAME_ORIGINS] = IN_WEBSOCKET,
    [FRAME_PROTOCOLS] = IN_WEBSOCKET,
    [FRAME_PING] = IN_WEBSOCKET,
    [FRAME_HEALTHZ] = IN_WEBSOCKET,
    [FRAME_PUBLIC] = IN_WEBSOCKET,
    [FRAME_COMPRESS] = IN_WEBSOCKET,
    [FRAME_COMPRESS_LEVEL] = IN_WEBSOCKET,
    [FRAME_COMPRESS_WINDOW] = IN_WEBSOCKET,
    [FRAME_MAX] = IN_ALL,
};

static void set_kind(struct frame *frame, enum frame_kind kind)
{
    *frame = (struct frame){
        .codec = codecs[kind],
        .kind = kind,
        .packet_max = frame->packet_max,
        .max = frame->max,
        .given = frame->given & 1u << FRAME_MAX,
    };
    if (kind == FRAME_LENGTH)
        frame->length = (struct frame_length){.size = 4, .counts_header = true};
    if (kind == FRAME_WEBSOCKET) frame->websocket = websocket_settings_default();
}

struct frame frame_default(uint64_t packet_max)
{
    struct frame frame = {.packet_max = packet_max};
    set_kind(&frame, FRAME_LENGTH);
    return frame;
}

static bool refuse_kind(const char *name, struct error *error)
{
    const char *known[NAMES];
    char list[256];
    struct text text = text_in(list, sizeof list);
    for (int i = 0; i < NAMES; i++) {
        known[i] = i < KINDS ? codecs[i]->name : lengths[i - KINDS].codec->name;
        text_add(&text, "%s\"%s\"", i == 0 ? "" : i == NAMES - 1 ? " and " : ", ", known[i]);
    }
    const char *nearest = settings_nearest(name, known, NAMES);
    return error_set(error, ERROR_INPUT, "unknown framing \"%s\": there are %s%s%s%s", name, list,
                     nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "\"?" : "");
}

bool frame_set_kind(struct frame *frame, const char *name, struct error *error)
{
    for (int kind = 0; kind < KINDS; kind++) {
        if (strcmp(name, codecs[kind]->name) != 0) continue;
        set_kind(frame, (enum frame_kind)kind);
        return true;
    }
    for (int i = 0; i < LENGTHS; i++) {
        if (strcmp(name, lengths[i].codec->name) != 0) continue;
        set_kind(frame, FRAME_LENGTH);
        frame->codec = lengths[i].codec;
        frame->length = lengths[i].length;
        return true;
    }
    return refuse_kind(name, error);
}

static int hex_digit(char character)
{
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

/* Reads one character, which may be an escape. Returns the bytes of text used; 0: unknown escape. */
static int unescape(const char *text, uint8_t *byte)
{
    static const char letters[] = "rnt0\\", meanings[] = "\r\n\t\0\\";
    *byte = (uint8_t)text[0];
    if (text[0] != '\\') return 1;
    if (text[1] == 'x') {
        int high = hex_digit(text[2]);
        int low = high < 0 ? -1 : hex_digit(text[3]);
        *byte = (uint8_t)(high * 16 + low);
        return low < 0 ? 0 : 4;
    }
    const char *letter = memchr(letters, text[1], sizeof letters - 1);
    if (letter == NULL) return 0;
    *byte = (uint8_t)meanings[letter - letters];
    return 2;
}

/* The setters return NULL, or a description of the values that are expected. */

/* Reads a delimiter up to `end`, or to the end of the text; *value is where it ends. */
static const char *read_delimiter(const char **value, char end, uint8_t *bytes, uint8_t *size)
{
    const char *text = *value;
    for (*size = 0; *text != '\0' && *text != end;) {
        if (*size == FRAME_DELIMITER_MAX) return "at most 8 bytes";
        int taken = unescape(text, &bytes[(*size)++]);
        if (taken == 0) return "text, in which \\r \\n \\t \\0 \\\\ and \\xNN are the only escapes";
        text += taken;
    }
    *value = text;
    return *size == 0 ? "at least 1 byte" : NULL;
}

static const char *set_delimiter(struct frame_line *line, const char *value)
{
    uint8_t bytes[FRAME_DELIMITER_MAX], size;
    const char *expected = read_delimiter(&value, '\0', bytes, &size);
    if (expected != NULL) return expected;
    memcpy(line->delimiter, bytes, size);
    line->delimiter_size = size;
    return NULL;
}

static const char *add_choice(struct frame_delimited *delimited, const uint8_t *bytes, size_t size)
{
    if (delimited->count == FRAME_CHOICES_MAX) return "at most 8 delimiters";
    if (size == 0) return "at least 1 byte";
    if (size > FRAME_DELIMITER_MAX) return "at most 8 bytes";
    memcpy(delimited->choices[delimited->count], bytes, size);
    delimited->sizes[delimited->count++] = (uint8_t)size;
    return NULL;
}

static const char *set_by(struct frame_delimited *delimited, const char *value)
{
    struct frame_delimited chosen = {.keep = delimited->keep};
    for (bool more = true; more; value++) {
        uint8_t bytes[FRAME_DELIMITER_MAX], size;
        const char *expected = read_delimiter(&value, '|', bytes, &size);
        if (expected == NULL) expected = add_choice(&chosen, bytes, size);
        if (expected != NULL) return expected;
        more = *value == '|';
    }
    *delimited = chosen;
    return NULL;
}

static const char *set_length_size(struct frame_length *length, const char *value)
{
    int64_t size = 0;
    bool varint = strcmp(value, "varint") == 0;
    if (!varint &&
        (!settings_integer(value, &size) || size < 1 || size > 8 || (size > 4 && size < 8)))
        return "1, 2, 3, 4, 8 or varint";
    length->size = (uint8_t)size;
    return NULL;
}

static const char *set_fixed_size(uint32_t *size, const char *value)
{
    uint64_t bytes;
    if (!settings_size(value, &bytes) || bytes == 0 || bytes > UINT32_MAX)
        return "a number of bytes, at least 1 and below 4G";
    *size = (uint32_t)bytes;
    return NULL;
}

static const char *set_order(struct frame_length *length, const char *value)
{
    bool big = strcmp(value, "big") == 0;
    if (!big && strcmp(value, "little") != 0) return "\"little\" or \"big\"";
    length->big_endian = big;
    return NULL;
}

static const char *set_offset(struct frame_length *length, const char *value)
{
    int64_t offset;
    if (!settings_integer(value, &offset) || offset < 0 || offset > UINT8_MAX)
        return "a number of bytes, 0 to 255";
    length->offset = (uint8_t)offset;
    return NULL;
}

static const char *set_adjustment(struct frame_length *length, const char *value)
{
    int64_t adjustment;
    if (!settings_integer(value, &adjustment) || adjustment < INT32_MIN || adjustment > INT32_MAX)
        return "a whole number of at most 32 bits";
    length->adjustment = (int32_t)adjustment;
    return NULL;
}

/* "361" or "0x169". */
static bool read_flag(const char *text, int64_t *number)
{
    if (text[0] != '0' || (text[1] != 'x' && text[1] != 'X')) return settings_integer(text, number);
    text += 2;
    *number = 0;
    do {
        int digit = hex_digit(*text);
        if (digit < 0 || *number > FRAME_FLAG_MAX) return false;
        *number = *number * 16 + digit;
    } while (*++text != '\0');
    return true;
}

static const char *set_flag(uint16_t *flag, const char *value)
{
    int64_t number;
    if (!read_flag(value, &number) || number < 0 || number > FRAME_FLAG_MAX)
        return "a number, 0 to 1023";
    *flag = (uint16_t)number;
    return NULL;
}

static const char *set_truth(bool *target, const char *value)
{
    return settings_truth(value, target) ? NULL : "true or false";
}

static const char *set_strip(bool *keep, const char *value)
{
    bool strip = false;
    const char *expected = set_truth(&strip, value);
    if (expected == NULL) *keep = !strip;
    return expected;
}

static const char *set_value(struct frame *frame, enum frame_setting setting, const char *value)
{
    switch (setting) {
    case FRAME_SIZE:
        return frame->kind == FRAME_LENGTH ? set_length_size(&frame->length, value)
                                           : set_fixed_size(&frame->fixed_size, value);
    case FRAME_ORDER: return set_order(&frame->length, value);
    case FRAME_OFFSET: return set_offset(&frame->length, value);
    case FRAME_ADJUSTMENT: return set_adjustment(&frame->length, value);
    case FRAME_COUNTS_HEADER: return set_truth(&frame->length.counts_header, value);
    case FRAME_DELIMITER: return set_delimiter(&frame->line, value);
    case FRAME_STRIP:
        return set_strip(frame->kind == FRAME_LINE ? &frame->line.keep : &frame->delimited.keep,
                         value);
    case FRAME_BY: return set_by(&frame->delimited, value);
    case FRAME_FLAG: return set_flag(&frame->flag, value);
    case FRAME_PATH: return websocket_set_path(&frame->websocket, value);
    case FRAME_ORIGINS: return websocket_set_origins(&frame->websocket, value);
    case FRAME_PROTOCOLS: return websocket_set_protocols(&frame->websocket, value);
    case FRAME_PING: return websocket_set_ping(&frame->websocket, value);
    case FRAME_HEALTHZ: return websocket_set_healthz(&frame->websocket, value);
    case FRAME_PUBLIC: return websocket_set_public(&frame->websocket, value);
    case FRAME_COMPRESS: return websocket_set_compress(&frame->websocket, value);
    case FRAME_COMPRESS_LEVEL: return websocket_set_compress_level(&frame->websocket, value);
    case FRAME_COMPRESS_WINDOW: return websocket_set_compress_window(&frame->websocket, value);
    case FRAME_MAX:
        return settings_size(value, &frame->max) && frame->max != 0 ? NULL : "a number of bytes";
    case FRAME_SETTINGS: break;
    }
    return "a known setting";
}

static int find_setting(const char *key)
{
    int setting = 0;
    while (setting < FRAME_SETTINGS && strcmp(key, names[setting]) != 0) setting++;
    return setting;
}

bool frame_takes(const struct frame *frame, const char *key)
{
    int setting = find_setting(key);
    return setting < FRAME_SETTINGS && (kinds[setting] & 1u << frame->kind) != 0;
}

bool frame_takes_list(const struct frame *frame, const char *key)
{
    int setting = find_setting(key);
    return frame_takes(frame, key) && (setting == FRAME_ORIGINS || setting == FRAME_PROTOCOLS);
}

/* Says which kinds of framing the setting belongs to. */
static bool refuse_setting(const struct frame *frame, int setting, struct error *error)
{
    char owners[64];
    struct text text = text_in(owners, sizeof owners);
    for (int kind = 0; kind < KINDS; kind++)
        if ((kinds[setting] & 1u << kind) != 0)
            text_add(&text, "%s%s", text.used == 0 ? "" : " and ", codecs[kind]->name);
    return error_set(error, ERROR_INPUT, "%s is a setting of %s framing, this is %s framing",
                     names[setting], owners, frame->codec->name);
}

bool frame_set(struct frame *frame, const char *key, const char *value, struct error *error)
{
    int setting = find_setting(key);
    if (setting == FRAME_SETTINGS) {
        const char *nearest = settings_nearest(key, names, FRAME_SETTINGS);
        return error_set(error, ERROR_INPUT, "unknown setting \"%s\" of framing%s%s%s", key,
                         nearest != NULL ? "; did you mean \"" : "", nearest != NULL ? nearest : "",
                         nearest != NULL ? "\"?" : "");
    }
    if ((kinds[setting] & 1u << frame->kind) == 0) return refuse_setting(frame, setting, error);
    const char *expected = set_value(frame, (enum frame_setting)setting, value);
    if (expected != NULL)
        return error_set(error, ERROR_INPUT, "%s framing: %s is %s, not \"%s\"", frame->codec->name,
                         key, expected, value);
    frame->given |= 1u << setting;
    return true;
}

bool frame_add_delimiter(struct frame *frame, struct span bytes, struct error *error)
{
    if (frame->kind != FRAME_DELIMITED) return refuse_setting(frame, FRAME_BY, error);
    const char *expected = add_choice(&frame->delimited, bytes.data, bytes.size);
    if (expected != NULL)
        return error_set(error, ERROR_INPUT, "delimiter framing: delimiter %u: expected %s",
                         frame->delimited.count + 1u, expected);
    frame->given |= 1u << FRAME_BY;
    return true;
}

bool frame_finish(struct frame *frame, struct error *error)
{
    /* The codecs add the size of a header to that of a packet; this must not overflow. */
    if (frame->packet_max > SIZE_MAX / 4) frame->packet_max = SIZE_MAX / 4;
    if (frame_given(frame, FRAME_MAX)) {
        if (frame->max > frame->packet_max)
            return error_set(error, ERROR_INPUT,
                             "%s framing: max is %" PRIu64 " bytes, but max_packet is %" PRIu64,
                             frame->codec->name, frame->max, frame->packet_max);
        frame->packet_max = frame->max;
    }
    frame->plain = false;
    if (frame->packet_max == 0)
        return error_set(error, ERROR_INPUT, "%s framing: max_packet is 0", frame->codec->name);
    return frame->codec->finish(frame, error);
}

bool frame_parse(struct frame *frame, const char *text, uint64_t packet_max, struct error *error)
{
    char copy[1024];
    size_t size = strlen(text);
    if (size >= sizeof copy)
        return error_set(error, ERROR_INPUT,
                         "a framing's description is too long: %zu characters, "
                         "at most %zu",
                         size, sizeof copy - 1);
    memcpy(copy, text, size + 1);

    *frame = frame_default(packet_max);
    char *item = copy;
    for (bool first = true; item != NULL; first = false) {
        char *comma = strchr(item, ',');
        if (comma != NULL) *comma = '\0';
        char *equals = first ? NULL : strchr(item, '=');
        if (!first && equals == NULL)
            return error_set(error, ERROR_INPUT,
                             "framing \"%s\": \"%s\" is not a setting; write name=value", text,
                             item);
        if (equals != NULL) *equals = '\0';
        bool taken =
            first ? frame_set_kind(frame, item, error) : frame_set(frame, item, equals + 1, error);
        if (!taken) return false;
        item = comma == NULL ? NULL : comma + 1;
    }
    return frame_finish(frame, error);
}

bool frame_text_is_known(const char *text)
{
    struct error ignored;
    struct frame frame = frame_default(0);
    char item[64];
    for (bool first = true; first || *text != '\0'; first = false) {
        size_t size = strcspn(text, first ? "," : ",=");
        if (size >= sizeof item) return false;
        memcpy(item, text, size);
        item[size] = '\0';
        if (first ? !frame_set_kind(&frame, item, &ignored) : !frame_takes(&frame, item))
            return false;
        text += strcspn(text, ",");
        text += *text == ',';
    }
    return true;
}

enum frame_verdict frame_peek(const struct frame *frame, struct frame_cursor cursor,
                              struct span input)
{
    struct frame_cut cut;
    if (frame->kind == FRAME_LENGTH) return frame_length_peek(frame, input);
    if (frame->kind == FRAME_MQTT) return frame_mqtt_peek(frame, input);
    return frame_next(frame, &cursor, input, &cut);
}
