#include "frame.h"

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

static bool looks_like_text(struct span bytes)
{
    for (size_t i = 0; i < bytes.size; i++) {
        uint8_t byte = bytes.data[i];
        bool space = byte == '\t' || byte == '\r' || byte == '\n';
        if (!space && (byte < 0x20 || byte > 0x7e)) return false;
    }
    return bytes.size != 0;
}

static const char *guess_length(const struct frame_length *length, struct span bytes)
{
    if (length->size == 0 || bytes.size < length->header_size) return "";
    const uint8_t *field = bytes.data + length->offset;
    uint64_t value = frame_length_load(field, length->size, length->big_endian);
    uint64_t swapped = frame_length_load(field, length->size, !length->big_endian);

    /* Only a length below its own header betrays that it does not count it; a larger one would have
     * been taken for good. */
    if (length->counts_header && value < length->header_size &&
        value <= bytes.size - length->header_size)
        return "the length may not count its header";
    bool fits = value >= length->value_min && value <= length->value_max;
    if (!fits && swapped >= length->value_min && swapped <= length->value_max)
        return length->big_endian ? "the length looks little-endian"
                                  : "the length looks big-endian";
    return "";
}

const char *frame_guess(const struct frame *frame, struct span first_bytes)
{
    if (looks_like_http(first_bytes)) return "this looks like HTTP";
    if (begins_with(first_bytes, span_text("\x16\x03"))) return "this looks like TLS";
    if (begins_with(first_bytes, span_text("SSH-"))) return "this looks like SSH";
    if (frame->kind == FRAME_LINE) return "";
    if (looks_like_text(first_bytes)) return "this looks like text: framing = \"line\"?";
    return frame->kind == FRAME_LENGTH ? guess_length(&frame->length, first_bytes) : "";
}
