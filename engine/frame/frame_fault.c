/* frame_fault.c - why no packet can be cut or sent, in words. */
#include "frame/frame.h"

#include <inttypes.h>
#include <stdio.h>

const char *frame_fault_text(enum frame_fault fault)
{
    switch (fault) {
    case FRAME_NO_FAULT: return "no fault";
    case FRAME_TOO_BIG: return "the packet is larger than max_packet";
    case FRAME_TOO_SMALL: return "the length says less than its own header";
    case FRAME_BAD_LENGTH: return "the length is not a number that can be read";
    case FRAME_BAD_SIZE: return "the packet's size is not one that this framing carries";
    case FRAME_BAD_FLAG: return "the header's flag is not the one expected";
    case FRAME_BAD_END: return "the packet does not end in the byte expected";
    case FRAME_BAD_TEXT: return "the text is not UTF-8";
    case FRAME_PROTOCOL: return "the protocol is broken";
    }
    return "unknown fault";
}

/* A byte of text as it is, others as a number. */
static const char *byte_text(uint64_t byte, char text[8])
{
    bool shown = byte > 0x20 && byte < 0x7f;
    snprintf(text, 8, shown ? "'%c'" : "0x%02x", (int)byte);
    return text;
}

static void tell_netstring(const struct frame_cut *cut, char *text)
{
    char byte[8];
    byte_text(cut->declared, byte);
    if (cut->fault == FRAME_BAD_END)
        snprintf(text, FRAME_FAULT_TEXT_MAX, "a netstring ends in a comma, here is %s", byte);
    else if (cut->declared >= '0' && cut->declared <= '9')
        snprintf(text, FRAME_FAULT_TEXT_MAX,
                 "a netstring's length has no leading zeros, here %s follows a 0", byte);
    else
        snprintf(text, FRAME_FAULT_TEXT_MAX,
                 "a netstring begins with its length in digits and a colon, here is %s", byte);
}

const char *frame_error_text(const struct frame *frame, const struct frame_cut *cut,
                             char text[FRAME_FAULT_TEXT_MAX])
{
    bool ended = frame->kind == FRAME_LINE || frame->kind == FRAME_DELIMITED;
    unsigned flag = (unsigned)cut->declared;
    if (ended && cut->fault == FRAME_TOO_BIG)
        snprintf(text, FRAME_FAULT_TEXT_MAX, "no delimiter within max_packet = %" PRIu64 " bytes",
                 frame->packet_max);
    else if (frame->kind == FRAME_NETSTRING && cut->fault != FRAME_TOO_BIG)
        tell_netstring(cut, text);
    else if (frame->kind == FRAME_MQTT && cut->fault == FRAME_BAD_LENGTH)
        snprintf(text, FRAME_FAULT_TEXT_MAX,
                 "the remaining length of a packet has more than 4 bytes");
    else if (frame->kind == FRAME_HPSOCKET && cut->fault == FRAME_TOO_SMALL)
        snprintf(text, FRAME_FAULT_TEXT_MAX, "the length is 0, a pack has at least 1 byte");
    else if (frame->kind == FRAME_HPSOCKET && cut->fault == FRAME_BAD_FLAG)
        snprintf(text, FRAME_FAULT_TEXT_MAX,
                 "the flag of the header is %u (0x%x), expected %u (0x%x)", flag, flag, frame->flag,
                 frame->flag);
    else if (frame->kind == FRAME_SCRIPTED && cut->fault == FRAME_TOO_SMALL)
        snprintf(text, FRAME_FAULT_TEXT_MAX,
                 "the script's function `length` says %" PRIu64
                 ", a packet has at least its header, "
                 "%" PRIu32 " bytes",
                 cut->declared, frame->scripted.header_size);
    else if (cut->fault == FRAME_PROTOCOL)
        snprintf(text, FRAME_FAULT_TEXT_MAX, "%s", cut->why);
    else
        snprintf(text, FRAME_FAULT_TEXT_MAX, "%s (length %" PRIu64 ", max_packet %" PRIu64 ")",
                 frame_fault_text(cut->fault), cut->declared, frame->packet_max);
    return text;
}
