/* The settings of a listener: its own, and those inherited from the server. */
#include "server/config_internal.h"
#include "server/config_text.h"

/* Checked against the largest possible max_packet; config_finish checks again with the actual one. */
static bool read_framing(const struct setting *setting, const char *text, void *field,
                         struct error *reason)
{
    struct frame parsed;
    (void)setting;
    if (!frame_parse(&parsed, text, CONFIG_PACKET_MOST, reason)) return false;
    *(struct frame *)field = parsed;
    return true;
}

static bool same_framing(const struct setting *setting, const void *one, const void *other)
{
    (void)setting;
    return frame_is_same(one, other);
}

const struct setting_kind config_framing_kind = {.read = read_framing, .same = same_framing};

static bool read_two(struct config_listener *listener, const char *text, struct error *reason)
{
    char first[1024];
    const char *end = strchr(text, ';');
    if (end == NULL || (size_t)(end - text) >= sizeof first)
        return error_set(reason, ERROR_USAGE, "two framings with a \";\" between them");
    memcpy(first, text, (size_t)(end - text));
    first[end - text] = '\0';
    if (!frame_parse(&listener->frame, first, CONFIG_PACKET_MOST, reason)) return false;
    if (!frame_parse(&listener->other, end + 1, CONFIG_PACKET_MOST, reason)) return false;
    return config_listener_detect(listener, reason);
}

/* Two framings, of which the first is one that can be told by how a connection begins. The field is the first. */
static bool read_detect(const struct setting *setting, const char *text, void *field,
                        struct error *reason)
{
    struct config_listener *listener = container_of(field, struct config_listener, frame);
    const struct frame frame = listener->frame, other = listener->other;
    (void)setting;
    if (read_two(listener, text, reason)) return true;
    listener->frame = frame;
    listener->other = other;
    return false;
}

bool config_listener_detect(struct config_listener *listener, struct error *error)
{
    if (listener->frame.kind != FRAME_WEBSOCKET || listener->other.codec->sessions != NULL)
        return error_set(error, ERROR_INPUT,
                         "detect: \"websocket\" stands first, and behind it another framing; not "
                         "\"%s\" and \"%s\"",
                         listener->frame.codec->name, listener->other.codec->name);
    listener->detects = true;
    config_listener_own(listener, "framing");
    config_listener_own(listener, "detect");
    return true;
}

static void expect_detect(const struct setting *setting, const char *given, struct text *expected)
{
    (void)setting, (void)given;
    text_add(expected, "two framings with a \";\" between them, of which the first is websocket");
}

static bool same_detect(const struct setting *setting, const void *one, const void *other)
{
    const struct config_listener *before =
        container_of((void *)(uintptr_t)one, struct config_listener, frame);
    const struct config_listener *after =
        container_of((void *)(uintptr_t)other, struct config_listener, frame);
    (void)setting;
    if (before->detects != after->detects) return false;
    return !before->detects || frame_is_same(&before->other, &after->other);
}

static const struct setting_kind detect_kind = {
    .read = read_detect, .expect = expect_detect, .same = same_detect};

/* Octal, as chmod takes it: "0660", "660". The field is the listener's address. */
static bool read_mode(const struct setting *setting, const char *text, void *field,
                      struct error *reason)
{
    struct address *address = field;
    uint64_t mode = 0;
    const char *digit = text;
    for (; *digit >= '0' && *digit <= '7' && mode <= setting->max; digit++)
        mode = mode * 8 + (unsigned)(*digit - '0');
    if (*digit != '\0' || mode < setting->min || mode > setting->max) return false;
    if (address->family != ADDRESS_UNIX)
        return error_set(reason, ERROR_USAGE, "only a unix socket has one");
    address->mode = (uint16_t)mode;
    return true;
}

static void expect_mode(const struct setting *setting, const char *given, struct text *expected)
{
    (void)setting, (void)given;
    text_add(expected, "who may connect to a unix socket, in octal from 0001 to 0777");
}

static bool same_mode(const struct setting *setting, const void *one, const void *other)
{
    (void)setting;
    return ((const struct address *)one)->mode == ((const struct address *)other)->mode;
}

static const struct setting_kind mode_kind = {
    .read = read_mode, .expect = expect_mode, .same = same_mode};

/* The text is kept, and read again by who opens the files that it names. */
static bool read_tls(const struct setting *setting, const char *text, void *field,
                     struct error *reason)
{
    struct tls_settings parsed;
    (void)setting;
    if (!tls_settings_read(&parsed, text, reason)) return false;
    const char *kept = config_text_keep(text);
    if (kept == NULL)
        return error_set(reason, ERROR_USAGE, "it has changed too often: start the server anew");
    *(const char **)field = kept;
    return true;
}

static void expect_tls(const struct setting *setting, const char *given, struct text *expected)
{
    (void)setting, (void)given;
    text_add(expected, "certificate=FILE,key=FILE, or self-signed");
}

static bool same_tls(const struct setting *setting, const void *one, const void *other)
{
    (void)setting;
    return *(const char *const *)one == *(const char *const *)other;
}

static const struct setting_kind tls_kind = {
    .read = read_tls, .expect = expect_tls, .same = same_tls};

#define FIELD(member) SETTING_FIELD(struct config_listener, member)

const char *const config_on_full_words[] = {
    [ON_FULL_CLOSE] = "close", [ON_FULL_REFUSE] = "refuse", NULL};

/* Settings that the server also has are inherited from it until the listener sets its own. */
static const struct setting rows[] = {
    {"address", "ADDRESS", "127.0.0.1:7000", "where it listens", &setting_address, FIELD(address)},
    {"framing", "SPEC", "line", "how packets are cut", &config_framing_kind, FIELD(frame)},
    {"detect", "SPEC;SPEC", "websocket;length", "how packets are cut: decided by how a peer begins",
     &detect_kind, FIELD(frame)},
    {"on_full", "close|refuse", "close", "what a send beyond the hard mark does", &setting_word,
     FIELD(on_full), .max = ON_FULL_REFUSE, .words = config_on_full_words},
    {"mode", "OCTAL", "0660", "who may connect to a unix socket", &mode_kind, FIELD(address),
     .min = 1, .max = 0777},
    {"tls", "SPEC", "certificate=server.pem,key=server.key", "connections are encrypted", &tls_kind,
     FIELD(tls)},
};
enum { ROWS = sizeof rows / sizeof *rows };
static_assert((int)ROWS <= 32, "each has a bit in config_listener.own");

const struct settings config_listener_settings = {
    .rows = rows, .count = ROWS, .of = " of a listener"};

void config_listener_own(struct config_listener *listener, const char *name)
{
    const struct setting *setting = settings_find(&config_listener_settings, name);
    check(setting != NULL);
    listener->own |= 1u << (setting - rows);
}

bool config_listener_owns(const struct config_listener *listener, const char *name)
{
    return listener->own & 1u << (settings_find(&config_listener_settings, name) - rows);
}

bool config_listener_set(struct config_listener *listener, const char *name, const char *value,
                         struct error *error)
{
    if (!settings_set(&config_listener_settings, listener, name, value, error)) return false;
    config_listener_own(listener, name);
    return true;
}

void config_listener_inherit(struct config_listener *listener, const struct config *config,
                             const struct settings *settings)
{
    for (size_t i = 0; i < ROWS; i++) {
        const struct setting *from = settings_find(settings, rows[i].name);
        if (from == NULL || listener->own & 1u << i) continue;
        check(from->kind == rows[i].kind);
        memcpy((char *)listener + rows[i].offset, (const char *)config + from->offset,
               rows[i].field_size);
    }
}

struct same {
    bool is_so;
};

static void note_difference(void *context, const struct setting *setting)
{
    (void)setting;
    ((struct same *)context)->is_so = false;
}

bool config_listener_is_same(const struct config_listener *one, const struct config_listener *other)
{
    struct same same = {.is_so = config_protocols_are_same(one, other)};
    settings_compare(&config_listener_settings, one, other, note_difference, &same);
    return same.is_so;
}

struct config_listener *config_add_listener(struct config *config, const char *address,
                                            struct error *error)
{
    struct address parsed;
    if (!address_parse(address, &parsed, error)) return NULL;
    if (config->listener_count == CONFIG_LISTENERS_MAX) {
        error_set(error, ERROR_INPUT, "listen has at most %d addresses", CONFIG_LISTENERS_MAX);
        return NULL;
    }
    struct config_listener *listener = &config->listeners[config->listener_count++];
    *listener = (struct config_listener){.address = parsed, .frame = frame_default(0)};
    return listener;
}
