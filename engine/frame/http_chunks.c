#include "frame/http_chunks.h"

#include "frame/http_text.h"

/* Those that end in CR and LF expect that byte. */
enum place {
    AT_SIZE,
    AT_BLANK, /* behind the size, in front of a ";" */
    AT_EXTENSION,
    AT_SIZE_LF,
    AT_DATA,
    AT_DATA_CR,
    AT_DATA_LF,
    AT_LINE, /* of the trailer section */
    AT_NAME,
    AT_VALUE,
    AT_VALUE_LF,
    AT_LAST_LF, /* of the empty line */
    AT_END,
};

/* The functions for a byte return why they refuse it, or NULL. */

static const char *begin_data(struct http_chunks *chunks, uint8_t byte)
{
    if (byte != '\n') return "a CR is not followed by LF";
    chunks->digits = 0;
    chunks->place = chunks->left == 0 ? AT_LINE : AT_DATA;
    return NULL;
}

static const char *take_size(struct http_chunks *chunks, uint8_t byte)
{
    int digit = http_hex(byte);
    if (digit < 0 && chunks->digits == 0) return "a chunk does not begin with its size";
    if (digit >= 0 && chunks->digits == HTTP_CHUNK_DIGITS) return "the size of a chunk is too long";
    if (digit >= 0) {
        chunks->left = chunks->left << 4 | (uint64_t)digit;
        chunks->digits++;
    } else if (byte == '\r') {
        chunks->place = AT_SIZE_LF;
    } else if (byte == ';' || http_is_blank(byte)) {
        chunks->place = byte == ';' ? AT_EXTENSION : AT_BLANK;
    } else {
        return "the size of a chunk is not a hexadecimal number";
    }
    return NULL;
}

static bool is_control(uint8_t byte)
{
    return (byte < ' ' && byte != '\t') || byte == 0x7f;
}

static const char *take_extension(struct http_chunks *chunks, uint8_t byte,
                                  struct http_chunk_step *step)
{
    if (chunks->extensions++ == HTTP_EXTENSIONS_MAX) {
        step->status = 431;
        return "the extensions of the chunks are too long";
    }
    if (chunks->place == AT_BLANK && !http_is_blank(byte)) {
        if (byte != ';') return "the size of a chunk is followed by a blank";
        chunks->place = AT_EXTENSION;
    } else if (byte == '\r' && chunks->place == AT_EXTENSION) {
        chunks->place = AT_SIZE_LF;
    } else if (is_control(byte)) {
        return "a chunk's extension has a control byte";
    }
    return NULL;
}

static const char *take_name(struct http_chunks *chunks, uint8_t byte)
{
    bool is_first = chunks->place == AT_LINE;
    if (is_first && byte == '\r')
        chunks->place = AT_LAST_LF;
    else if (!is_first && byte == ':')
        chunks->place = AT_VALUE;
    else if (http_is_token(byte))
        chunks->place = AT_NAME;
    else
        return "a line of the trailers is not a name, a colon and a value";
    return NULL;
}

static const char *take_value(struct http_chunks *chunks, uint8_t byte)
{
    if (byte == '\r')
        chunks->place = AT_VALUE_LF;
    else if (is_control(byte))
        return "a trailer has a control byte";
    return NULL;
}

static const char *expect(struct http_chunks *chunks, uint8_t byte, uint8_t expected,
                          enum place next)
{
    if (byte != expected)
        return chunks->place == AT_DATA_CR ? "a chunk is longer than its size"
                                           : "a CR is not followed by LF";
    chunks->place = (uint8_t)next;
    return NULL;
}

static const char *take_trailer(struct http_chunks *chunks, uint8_t byte,
                                struct http_chunk_step *step)
{
    if (chunks->trailers++ == HTTP_TRAILERS_MAX) {
        step->status = 431;
        return "the trailers are too long";
    }
    switch (chunks->place) {
    case AT_VALUE: return take_value(chunks, byte);
    case AT_VALUE_LF: return expect(chunks, byte, '\n', AT_LINE);
    case AT_LAST_LF: return expect(chunks, byte, '\n', AT_END);
    default: return take_name(chunks, byte);
    }
}

static const char *take(struct http_chunks *chunks, uint8_t byte, struct http_chunk_step *step)
{
    switch (chunks->place) {
    case AT_SIZE: return take_size(chunks, byte);
    case AT_BLANK:
    case AT_EXTENSION: return take_extension(chunks, byte, step);
    case AT_SIZE_LF: return begin_data(chunks, byte);
    case AT_DATA_CR: return expect(chunks, byte, '\r', AT_DATA_LF);
    case AT_DATA_LF: return expect(chunks, byte, '\n', AT_SIZE);
    default: return take_trailer(chunks, byte, step);
    }
}

static enum http_chunk_verdict take_data(struct http_chunks *chunks, struct span input,
                                         struct http_chunk_step *step)
{
    struct span rest = span_skip(input, step->used);
    if (rest.size > chunks->left) rest.size = (size_t)chunks->left;
    step->data = rest;
    step->used += rest.size;
    chunks->left -= rest.size;
    if (chunks->left == 0) chunks->place = AT_DATA_CR;
    return HTTP_CHUNK_DATA;
}

enum http_chunk_verdict http_chunks_read(struct http_chunks *chunks, struct span input,
                                         struct http_chunk_step *step)
{
    *step = (struct http_chunk_step){.status = 400};
    while (step->used < input.size && chunks->place != AT_END) {
        if (chunks->place == AT_DATA) return take_data(chunks, input, step);
        step->why = take(chunks, input.data[step->used], step);
        if (step->why != NULL) return HTTP_CHUNK_BAD;
        step->used++;
    }
    return chunks->place == AT_END ? HTTP_CHUNK_END : HTTP_CHUNK_MORE;
}
