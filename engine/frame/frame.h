/* frame.h - cuts a byte stream into packets, and wraps packets for sending. Owns nothing; keeps no
 * pointer after it returns.
 *
 *     bytes as they came:   [header|payload][header|pay          frame_next -> PACKET, then MORE
 *     bytes to send:        parts = { header, payload }          frame_wrap
 *
 * A struct frame is made once, checked once, and then shared by all connections that use it. Each
 * connection has its own struct frame_cursor. Each codec has its own file. */
#ifndef MOONPORT_FRAME_H
#define MOONPORT_FRAME_H

#include "base/error.h"
#include "base/span.h"
#include "frame/websocket_settings.h"

#include <string.h>

enum frame_kind {
    FRAME_LENGTH, /* also by the names "erlang" and "skynet" */
    FRAME_LINE,
    FRAME_FIXED,
    FRAME_RAW,
    FRAME_DELIMITED,
    FRAME_NETSTRING,
    FRAME_MQTT,
    FRAME_HPSOCKET,
    FRAME_WEBSOCKET,
    FRAME_HTTP,
    FRAME_SCRIPTED, /* has no name: frame_set_scripted */
};

enum frame_verdict {
    FRAME_MORE,
    FRAME_PACKET,
    FRAME_ERROR,

    /* Only of codecs with a session (session.h). */
    FRAME_CONSUMED, /* bytes were used, and there is no packet in them */
    FRAME_STARVED,  /* no memory: nothing was used, try again */
    FRAME_ENDED,    /* the peer will send no more packets */
};

/* What a packet is, where a framing tells: WebSocket. Other framings send all kinds alike. */
enum packet_kind {
    PACKET_PLAIN, /* received: the framing does not tell. To be sent: text if it is UTF-8, or else binary */
    PACKET_TEXT,
    PACKET_BINARY,
};

enum frame_setting {
    FRAME_SIZE,
    FRAME_ORDER,
    FRAME_OFFSET,
    FRAME_ADJUSTMENT,
    FRAME_COUNTS_HEADER,
    FRAME_DELIMITER,
    FRAME_STRIP,
    FRAME_BY,
    FRAME_FLAG,
    FRAME_PATH,
    FRAME_ORIGINS,
    FRAME_PROTOCOLS,
    FRAME_PING,
    FRAME_HEALTHZ,
    FRAME_PUBLIC,
    FRAME_COMPRESS,
    FRAME_COMPRESS_LEVEL,
    FRAME_COMPRESS_WINDOW,
    FRAME_MAX,
    FRAME_SETTINGS
};

enum frame_fault {
    FRAME_NO_FAULT,
    FRAME_TOO_BIG,    /* more than packet_max */
    FRAME_TOO_SMALL,  /* the length is less than that of its own header */
    FRAME_BAD_LENGTH, /* not a number the codec can read: a varint that does not end */
    FRAME_BAD_SIZE,   /* sending: the packet does not have a size that this framing carries */
    FRAME_BAD_FLAG,   /* the header's flag is not the one expected */
    FRAME_BAD_END,    /* the byte after the packet is not the one expected */
    FRAME_BAD_TEXT,   /* sending: a text that is not UTF-8 */
    FRAME_PROTOCOL,   /* the peer breaks the protocol: cut->why */
};

enum {
    FRAME_DELIMITER_MAX = 8, /* bytes */
    FRAME_CHOICES_MAX = 8,   /* delimiters of one framing */
    FRAME_FLAG_MAX = 1023,   /* of HP-Socket's header */
    FRAME_HEADER_MAX = 16,   /* bytes */
    FRAME_SCRIPTED_HEADER_MAX = 256,
    FRAME_PARTS_MAX = 4
};

/* A length in front of each packet (in the manner of Netty's LengthFieldBasedFrameDecoder):
 *
 *     [offset bytes][length: size bytes][the rest]      packet = offset bytes + the rest
 *
 * value = bytes of the rest, less `adjustment`, plus offset + size if it counts the header. */
struct frame_length {
    uint8_t size;       /* of the length field: 1 2 3 4 8 bytes; 0: a varint (LEB128) */
    bool big_endian;    /* default: little */
    uint8_t offset;     /* bytes in front of the length field: part of the packet; 0 .. 255 */
    int32_t adjustment; /* added to the value before it is used */
    bool counts_header; /* the value counts the offset bytes and the field itself; default true */

    /* Computed by frame_finish, so that cutting only compares and adds. */
    uint16_t header_size; /* offset + size; with a varint: the least that it can be */
    int64_t bias;         /* bytes of the rest = value + bias */
    uint64_t value_min, value_max;
};

/* The number in a length field of 1 to 8 bytes. */
static inline uint64_t frame_length_load(const uint8_t *field, uint8_t size, bool big_endian)
{
    uint64_t value = 0;
    for (uint8_t i = 0; i < size; i++) value = value << 8 | field[big_endian ? i : size - 1 - i];
    return value;
}

/* Text up to a delimiter. */
struct frame_line {
    uint8_t delimiter[FRAME_DELIMITER_MAX];
    uint8_t delimiter_size; /* 0: received lines end in "\n" or "\r\n"; sent ones in "\n" */
    bool keep;              /* the delimiter stays on the packet; default false */
};

/* Bytes up to the first of several delimiters. */
struct frame_delimited {
    uint8_t choices[FRAME_CHOICES_MAX][FRAME_DELIMITER_MAX]; /* sent packets end in the first */
    uint8_t sizes[FRAME_CHOICES_MAX];                        /* bytes of each */
    uint8_t count;
    bool keep; /* as in struct frame_line */

    /* Computed by frame_finish. */
    uint8_t size_min;
    bool one_first;     /* all begin with the same byte */
    uint8_t firsts[32]; /* one bit for each byte that a delimiter begins with */
};

/* A header of a fixed size, from which the script computes the length of the packet that begins with it. */
struct frame_scripted {
    uint32_t header_size; /* bytes; 1 .. FRAME_SCRIPTED_HEADER_MAX */
    int measure;          /* which function of the script does: script.h's `measure` gets it */
};

struct frame {
    const struct frame_codec *codec;
    enum frame_kind kind;
    bool plain;          /* 4-byte little-endian length at the very front, as in frame_default */
    uint64_t packet_max; /* bytes of a packet, both ways; frame_finish may lower it */
    uint64_t max;        /* the setting "max", if it was set: at most packet_max */
    uint32_t given;      /* settings that were set by name, as bits: 1 << enum frame_setting */
    union {
        struct frame_length length;
        struct frame_line line;
        uint32_t fixed_size; /* FRAME_FIXED: bytes of every packet */
        struct frame_delimited delimited;
        uint16_t flag; /* FRAME_HPSOCKET: 0 .. 1023; 0: that of received packets is not checked */
        struct websocket_settings websocket;
        struct frame_scripted scripted;
    };
};

/* What the last call found out about the unfinished packet; to be zeroed for a new connection and when
 * the framing changes. */
struct frame_cursor {
    size_t scanned; /* input bytes that are known to hold no delimiter */
    size_t wanted;  /* the packet cannot be complete with fewer bytes than this; 0: unknown */
};

struct frame_cut {
    struct span packet;     /* PACKET: inside the input */
    size_t consumed;        /* PACKET: input bytes used, including the header */
    enum frame_fault fault; /* ERROR */
    uint64_t declared;      /* ERROR: the length, flag or byte that was read, if one was */

    /* Of codecs with a session. */
    enum packet_kind kind; /* PACKET */
    uint16_t code;         /* ENDED: the peer's own, or 0; ERROR: to say goodbye with */
    const char *why;       /* ERROR with FRAME_PROTOCOL: for a person; static */
};

struct frame_codec {
    const char *name;
    enum frame_verdict (*next)(const struct frame *frame, struct frame_cursor *cursor,
                               struct span input, struct frame_cut *cut);
    enum frame_fault (*wrap)(const struct frame *frame, struct span packet, uint8_t *header,
                             struct span *parts, int *count);
    bool (*finish)(struct frame *frame, struct error *error); /* frame_finish for its kind */
    const struct session_codec
        *sessions; /* NULL: it remembers nothing; else this has next and wrap */
};

static inline bool frame_given(const struct frame *frame, enum frame_setting setting)
{
    return (frame->given & 1u << setting) != 0;
}

/* Whether its packets are more than bytes: texts or binary, or requests. */
static inline bool frame_has_sessions(const struct frame *frame)
{
    return frame->codec->sessions != NULL;
}

/* Cuts the packet at the front of the input, if it is complete. This may move bytes within the packet's part of
 * the input (with an `offset`, the bytes around the length field are joined), so each packet must be cut only
 * once. After MORE, the next call must pass the same bytes with more behind them. */
static inline enum frame_verdict frame_next(const struct frame *frame, struct frame_cursor *cursor,
                                            struct span input, struct frame_cut *cut)
{
    return frame->codec->next(frame, cursor, input, cut);
}

enum { FRAME_PLAIN_HEADER = 4 };

/* The fast path: finds the packet at the front if the framing is plain and the packet complete. It uses
 * FRAME_PLAIN_HEADER bytes of input more than its size. False: call frame_next. The cursor must be zero. */
static inline bool frame_next_plain(const struct frame *frame, struct span input,
                                    struct span *packet)
{
    const struct frame_length *length = &frame->length;
    if (!frame->plain || input.size < FRAME_PLAIN_HEADER) return false;
    const uint8_t *field = input.data;
    uint64_t value =
        field[0] | (uint32_t)field[1] << 8 | (uint32_t)field[2] << 16 | (uint32_t)field[3] << 24;
    if (value > length->value_max || value < length->value_min) return false;
    size_t rest = (size_t)(value + (uint64_t)length->bias);
    if (input.size - FRAME_PLAIN_HEADER < rest) return false;
    *packet = span_of(input.data + FRAME_PLAIN_HEADER, rest);
    return true;
}

/* The fast path: makes the header for a packet of that size, if the framing is plain and allows the size. False: call
 * frame_wrap. */
static inline bool frame_wrap_plain(const struct frame *frame, size_t size, uint32_t *value)
{
    const struct frame_length *length = &frame->length;
    if (!frame->plain || size > frame->packet_max || (int64_t)size < length->bias) return false;
    *value = (uint32_t)(size - (uint64_t)length->bias);
    return true;
}

/* Stores the header and the packet; room must be large enough for both. */
static inline void frame_store_plain(uint8_t *room, uint32_t value, struct span packet)
{
    for (int i = 0; i < FRAME_PLAIN_HEADER; i++) room[i] = (uint8_t)(value >> 8 * i);
    if (packet.size != 0) memcpy(room + FRAME_PLAIN_HEADER, packet.data, packet.size);
}

/* The same as frame_next, but changes nothing. Not for codecs with a session. */
enum frame_verdict frame_peek(const struct frame *frame, struct frame_cursor cursor,
                              struct span input);

/* For it: codecs whose `next` moves bytes have these. */
enum frame_verdict frame_length_peek(const struct frame *frame, struct span input);
enum frame_verdict frame_mqtt_peek(const struct frame *frame, struct span input);

/* Makes the bytes to send for a packet: *count parts, none of them empty, which lie in `header` (the
 * caller's, of FRAME_HEADER_MAX bytes) or in the packet. `parts` has room for FRAME_PARTS_MAX. */
static inline enum frame_fault frame_wrap(const struct frame *frame, struct span packet,
                                          uint8_t *header, struct span *parts, int *count)
{
    return frame->codec->wrap(frame, packet, header, parts, count);
}

/* A frame is described by settings, as text. Begin with frame_default: "length", 4 bytes,
 * little-endian, counting itself. */
struct frame frame_default(uint64_t packet_max);

/* name: "length" "line" "fixed" "raw" "delimiter" "netstring" "erlang" "skynet" "mqtt" "hpsocket" "websocket" "http".
 * Resets all settings made before, except max. */
bool frame_set_kind(struct frame *frame, const char *name, struct error *error);

/* key and value as in config.lua:
 *   length:    size = 1 2 3 4 8 "varint", order = "little" "big", offset, adjustment, counts_header,
 *   line:      delimiter = "text" (the escapes \r \n \t \0 \\ \xNN are read), strip
 *   delimiter: by = "text|text" (with these escapes; "|" itself is \x7c), strip
 *   fixed:     size
 *   erlang:    size = 1 2 4
 *   hpsocket:  flag = 0 to 1023, or 0x0 to 0x3ff
 *   websocket: path, origins = "origin|origin", protocols = "name|name", ping (seconds), healthz, public,
 *              compress = "true" "false" "takeover", compress_level = 1 to 9, compress_window = 9 to 15 (bits)
 *   all:       max (bytes, or with K M G). An unknown key is an error that names the nearest. */
bool frame_set(struct frame *frame, const char *key, const char *value, struct error *error);

/* Only of "delimiter": one delimiter more, as the bytes are, without escapes. */
bool frame_add_delimiter(struct frame *frame, struct span bytes, struct error *error);

/* A framing whose packets the script measures. Beside max it has no settings. */
void frame_set_scripted(struct frame *frame, uint32_t header_size, int measure);

/* For it: cuts the packet at the front of the input, when `length` bytes of it have come. */
enum frame_verdict frame_cut_measured(const struct frame *frame, struct frame_cursor *cursor,
                                      struct span input, uint64_t length, struct frame_cut *cut);

/* frame_takes: whether this kind of framing has a setting with that key. frame_text_is_known: for a text that
 * frame_parse has rejected, whether all names in it are those of a framing and of its settings. */
bool frame_takes(const struct frame *frame, const char *key);
bool frame_takes_list(const struct frame *frame, const char *key); /* whose elements "|" divides */
bool frame_text_is_known(const char *text);

/* Checks the frame and makes it usable; an impossible combination is an error that names it.
 * packet_max may be changed before this call; after a later change it must be called again. */
bool frame_finish(struct frame *frame, struct error *error);

/* Parses the form of the command line: "line" or "length,size=2,order=big". Does all of the above. */
bool frame_parse(struct frame *frame, const char *text, uint64_t packet_max, struct error *error);

/* Whether both have the same name and cut and wrap alike. Both must be finished. */
bool frame_is_same(const struct frame *one, const struct frame *other);

/* "the packet is larger than max_packet", ... */
const char *frame_fault_text(enum frame_fault fault);

enum { FRAME_FAULT_TEXT_MAX = 160, FRAME_BYTES_TEXT_MAX = 256 };

/* For a log line: why no packet can be cut, like frame_fault_text, but with the numbers. */
const char *frame_error_text(const struct frame *frame, const struct frame_cut *cut,
                             char text[FRAME_FAULT_TEXT_MAX]);

/* Guesses the cause of a framing error; "" if there is no guess. frame_guess: from the first bytes of a stream, such
 * as "this looks like HTTP". frame_guess_later: when packets have been cut before. */
const char *frame_guess(const struct frame *frame, struct span first_bytes);
const char *frame_guess_later(const struct frame *frame);

/* For the same line: the first of the bytes from which no packet can be cut, or not yet, and the guess. */
const char *frame_bytes_text(struct span bytes, const char *guess, char text[FRAME_BYTES_TEXT_MAX]);

extern const struct frame_codec frame_length_codec, frame_line_codec, frame_fixed_codec,
    frame_raw_codec, frame_delimited_codec, frame_netstring_codec, frame_mqtt_codec,
    frame_hpsocket_codec, frame_websocket_codec, frame_http_codec, frame_scripted_codec;

/* The codec "length" by other names, which fix its settings. */
extern const struct frame_codec frame_erlang_codec, frame_skynet_codec;

#endif
