#include "base/text.h"
#include "frame/frame.h"

enum { BYTES_SHOWN = 16 };

static bool begins_with(struct span bytes, struct span head)
{
    return bytes.size >= head.size && memcmp(bytes.data, head.data, head.size) == 0;
}

static bool looks_like_http(struct span bytes)
{
    static const char *const heads[] = {"GET ",    "POST ",       "PUT ",     "HEAD ",
                                        "DELETE ", "OPTIONS ",    "CONNECT ", "TRACE ",
                                        "PATCH ",  "PRI * HTTP/", "HTTP/"};
    for (size_t i = 0; i < sizeof heads / sizeof heads[0]; i++)
        if (begins_with(bytes, span_text(heads[i]))) return true;
    return false;
}

/* The PROXY protocol, versions 1 and 2 (haproxy's proxy-protocol.txt, sections 2.1 and 2.2): a header
 * that a proxy or load balancer may send before the client's bytes. */
static bool looks_like_proxy(struct span bytes)
{
    return begins_with(bytes, span_text("PROXY TCP")) ||
           begins_with(bytes, span_text("PROXY UNKNOWN")) ||
           begins_with(bytes, span_of("\r\n\r\n\0\r\nQUIT\n", 12));
}

static bool looks_like_text(struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        bool space = byte == '\t' || byte == '\r' || byte == '\n';
        if (!space && (byte < 0x20 || byte > 0x7e)) return false;
    }
    return bytes.size != 0;
}

/* Digits, a colon, and a comma where they say. unfinished: whether the bytes may end before it. */
static bool looks_like_netstring(struct span bytes, bool unfinished)
{
    enum { DIGITS_MAX = 9 };
    size_t digits = 0, length = 0;
    while (digits < bytes.size && digits < DIGITS_MAX && bytes.data[digits] >= '0' &&
           bytes.data[digits] <= '9')
        length = 10 * length + (size_t)(bytes.data[digits++] - '0');
    if (digits == 0 || digits == bytes.size || bytes.data[digits] != ':') return false;
    struct span rest = span_skip(bytes, digits + 1);
    return length < rest.size ? rest.data[length] == ',' : unfinished;
}

/* CONNECT, the first packet of a client: its type, a length of 1 to 4 bytes, and the protocol's name (3.1.1 and 5.0,
 * section 3.1). The name of 3.1 was "MQIsdp". */
static bool looks_like_mqtt(struct span bytes)
{
    size_t header = 1;
    if (bytes.size == 0 || bytes.data[0] != 0x10) return false;
    while (header < bytes.size && header < 4 && bytes.data[header] >= 0x80) header++;
    struct span rest = span_skip(bytes, header < bytes.size ? header + 1 : bytes.size);
    return begins_with(rest, span_of("\0\4MQTT", 6)) || begins_with(rest, span_of("\0\6MQIsdp", 8));
}

static const char *guess_length(const struct frame_length *length, struct span bytes)
{
    if (length->size == 0 || bytes.size < length->header_size) return "";
    const uint8_t *field = bytes.data + length->offset;
    uint64_t value = frame_length_load(field, length->size, length->big_endian);
    uint64_t swapped = frame_length_load(field, length->size, !length->big_endian);

    /* Only a length smaller than its header shows that the header is not counted; a larger one would have
     * been accepted. */
    if (length->counts_header && value < length->header_size &&
        value <= bytes.size - length->header_size)
        return "the length may not count its header";
    bool fits = value >= length->value_min && value <= length->value_max;
    if (!fits && swapped >= length->value_min && swapped <= length->value_max)
        return length->big_endian ? "the length looks little-endian"
                                  : "the length looks big-endian";
    return "";
}

static bool has_zero(struct span bytes)
{
    return bytes.size != 0 && memchr(bytes.data, 0, bytes.size) != NULL;
}

const char *frame_guess(const struct frame *frame, struct span first_bytes)
{
    struct span bytes = span_first(first_bytes, BYTES_SHOWN);
    bool is_http = frame->kind == FRAME_HTTP;
    if (looks_like_http(bytes)) return is_http ? "" : "this looks like HTTP";
    if (begins_with(bytes, span_text("\x16\x03"))) return "this looks like TLS";
    if (begins_with(bytes, span_text("SSH-"))) return "this looks like SSH";
    if (looks_like_proxy(bytes))
        return "this looks like a PROXY protocol header: switch it off in the proxy in front";
    if (frame->kind != FRAME_MQTT && looks_like_mqtt(bytes))
        return "this looks like MQTT: framing = \"mqtt\"?";
    if (frame->kind == FRAME_DELIMITED) return "";
    if (looks_like_netstring(first_bytes, frame->kind != FRAME_LINE))
        return frame->kind == FRAME_NETSTRING
                   ? ""
                   : "this looks like a netstring: framing = \"netstring\"?";
    if (frame->kind == FRAME_LINE)
        return has_zero(bytes) ? "this does not look like text: framing = \"length\"?" : "";
    if (!is_http && looks_like_text(bytes)) return "this looks like text: framing = \"line\"?";
    return frame->kind == FRAME_LENGTH ? guess_length(&frame->length, bytes) : "";
}

/* The cause is in an earlier packet, whose length was misread. */
const char *frame_guess_later(const struct frame *frame)
{
    bool named = frame->codec != &frame_length_codec;
    if (frame->kind != FRAME_LENGTH || frame->length.size == 0) return "";
    return frame->length.counts_header
               ? "perhaps the length before it does not count its header: counts_header = false?"
           : named
               ? "perhaps the length before it counts its header, too: that is for length framing"
               : "perhaps the length before it counts its header, too: counts_header = true?";
}

const char *frame_bytes_text(struct span bytes, const char *guess, char text[FRAME_BYTES_TEXT_MAX])
{
    struct span first = span_first(bytes, BYTES_SHOWN);
    struct text written = text_in(text, FRAME_BYTES_TEXT_MAX);
    text_add(&written, "first bytes:");
    for (size_t i = 0; i < first.size; i++) text_add(&written, " %02x", first.data[i]);
    text_add(&written, "%s%s", guess[0] != '\0' ? "; " : "", guess);
    return text;
}
