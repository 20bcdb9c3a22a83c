/* A framing as the command line and config.lua write it: "length,size=2,order=big".
 *
 *     input:  packet_max, 3 bytes | the text
 */
#include "base/text.h"
#include "frame/frame.h"
#include "fuzz_input.h"

#include <inttypes.h>

/* All that the frame is, as text. */
static void format(const struct frame *frame, char *place, size_t size)
{
    const struct frame_length *length = &frame->length;
    struct text text = text_in(place, size);
    text_add(&text, "%s", frame->codec->name);
    switch (frame->kind) {
    case FRAME_LENGTH:
        if (length->size == 0)
            text_add(&text, ",size=varint");
        else
            text_add(&text, ",size=%u,order=%s", length->size,
                     length->big_endian ? "big" : "little");
        text_add(&text, ",offset=%u,adjustment=%d,counts_header=%s", length->offset,
                 length->adjustment, length->counts_header ? "on" : "off");
        break;
    case FRAME_LINE:
        if (frame->line.delimiter_size != 0) text_add(&text, ",delimiter=");
        for (uint8_t i = 0; i < frame->line.delimiter_size; i++)
            text_add(&text, "\\x%02x", frame->line.delimiter[i]);
        text_add(&text, ",strip=%s", frame->line.keep ? "no" : "yes");
        break;
    case FRAME_FIXED: text_add(&text, ",size=%" PRIu32, frame->fixed_size); break;
    case FRAME_DELIMITED:
        for (unsigned i = 0; i < frame->delimited.count; i++) {
            text_add(&text, i == 0 ? ",by=" : "|");
            for (unsigned j = 0; j < frame->delimited.sizes[i]; j++)
                text_add(&text, "\\x%02x", frame->delimited.choices[i][j]);
        }
        text_add(&text, ",strip=%s", frame->delimited.keep ? "no" : "yes");
        break;
    case FRAME_HPSOCKET: text_add(&text, ",flag=0x%x", frame->flag); break;
    case FRAME_RAW:
    case FRAME_NETSTRING:
    case FRAME_MQTT: break;
    }
    if (frame_given(frame, FRAME_MAX)) text_add(&text, ",max=%" PRIu64, frame->max);
    check(!text.cut);
}

static void check_refusal(const struct error *error)
{
    check(error->kind == ERROR_INPUT);
    check(error->text[0] != '\0');
}

/* What was read, written out in full, is read as the same. */
static void check_again(const struct frame *frame, uint64_t packet_max)
{
    enum { PARSED_MAX = 255 }; /* characters; many delimiters have more when all are escapes */
    char text[512];
    struct frame again;
    struct error error;
    format(frame, text, sizeof text);
    if (strlen(text) > PARSED_MAX) return;
    bool fine = frame_parse(&again, text, packet_max, &error);
    if (!fine) fprintf(stderr, "\"%s\": %s\n", text, error.text);
    check(fine);
    check(frame_is_same(frame, &again));

    again.packet_max = packet_max;
    check(frame_finish(&again, &error)); /* which may be called again */
    check(frame_is_same(frame, &again));
}

/* Setting by setting, it is the same as in one text. */
static bool set_all(struct frame *frame, struct span text, struct error *error)
{
    char *kind = fuzz_text(fuzz_until(&text, ','));
    bool fine = frame_set_kind(frame, kind, error);
    free(kind);
    while (fine && text.size != 0) {
        struct span item = fuzz_until(&text, ',');
        char *key = fuzz_text(fuzz_until(&item, '=')), *value = fuzz_text(item);
        fine = frame_set(frame, key, value, error);
        free(key);
        free(value);
    }
    return fine && frame_finish(frame, error);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    uint64_t packet_max = fuzz_number(&input, 3);
    char *text = fuzz_text(input);
    struct error error = {.kind = ERROR_NONE}, other_error = {.kind = ERROR_NONE};
    struct frame frame, other = frame_default(packet_max);

    bool fine = frame_parse(&frame, text, packet_max, &error);
    bool other_fine = set_all(&other, span_text(text), &other_error);
    if (fine) {
        check(other_fine);
        check(frame_is_same(&frame, &other));
        check(frame.packet_max <= packet_max);
        check_again(&frame, packet_max);
    } else {
        check_refusal(&error);
    }
    if (!other_fine) check_refusal(&other_error);
    free(text);
    return 0;
}
