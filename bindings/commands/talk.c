#include "commands/talk.h"

#include "commands/talk_system.h"
#include "commands/talk_tell.h"
#include "commands/talk_text.h"
#include "commands/talk_wire.h"
#include "commands/talk_words.h"
#include "system/system.h"

#include <errno.h>

enum {
    PIECE = 65536,        /* bytes read or received at once */
    UNSENT_MAX = 1 << 20, /* bytes; above this, no line is read */
    FIRST_MS = 3000,      /* input from a pipe: how long to wait for the first answer at the end, */
    QUIET_MS = 1000,      /* and for another one */
    ANSWER_MS = 10000,    /* how long to wait for the answer to a handshake */
    CLOSE_MS = 2000,      /* and to a goodbye */
};

struct talk {
    struct talk_wire wire;
    struct client_end server;
    struct buffer typed;    /* lines not taken up yet */
    struct buffer unsent;   /* packets, with their framing */
    struct buffer received; /* an incomplete packet */
    size_t scanned;         /* bytes of `typed` that hold no line end */
    uint64_t lines;         /* lines taken up */
    bool skipping;          /* the line is too long: the rest of it is dropped */
    bool person;            /* the input is a terminal */
    bool marks;             /* the output is one, too: received packets are marked */
    bool cut;               /* a packet has come */
    bool typed_ended;
    bool finished; /* all was sent and the server was told; or it accepts no more */
    bool parting;  /* a WebSocket: we have said goodbye */
    bool over;
    int status; /* of the program */
};

/* ---- messages ---- */

static int complain(const struct error *error, int status)
{
    fprintf(stderr, "moonport: %s\n", error->text);
    return status;
}

static void end(struct talk *talk, int status)
{
    talk->over = true;
    if (status != 0) talk->status = status;
}

static void end_without_memory(struct talk *talk)
{
    fprintf(stderr, "moonport: the system has no more memory\n");
    end(talk, ERROR_SYSTEM);
}

/* A goodbye that nobody waits to hear of is not told. */
static void end_closed(struct talk *talk, const struct client_news *news)
{
    bool usual = news->code == WS_NORMAL || news->code == WS_NO_CODE;
    bool awaited = talk->parting || (!talk->person && talk->cut);
    end(talk, 0);
    if (!usual || news->packet.size != 0 || !awaited)
        talk_tell_closed(news, talk->parting, talk->cut);
}

/* Call it when nothing more will be received. */
static void end_input(struct talk *talk)
{
    struct span input = buffer_bytes(&talk->received);
    end(talk, 0);
    if (input.size == 0) return;
    fflush(stdout);
    talk_tell_unfinished(&talk->server, talk->cut, input);
    end(talk, ERROR_INPUT);
}

/* ---- from the server ---- */

static void print_packet(struct talk *talk, struct span packet)
{
    talk->cut = true;
    if (talk->marks) fputs("< ", stdout);
    talk_print(stdout, packet);
    putchar('\n');
}

static void take_news(struct talk *talk, enum client_verdict verdict,
                      const struct client_news *news)
{
    if (verdict == CLIENT_PACKET) {
        print_packet(talk, news->packet);
        return;
    }
    fflush(stdout);
    switch (verdict) {
    case CLIENT_OPENED:
        if (talk->person) talk_tell_protocol(&talk->server, &news->answer);
        break;
    case CLIENT_REFUSED:
        talk_tell_refused(&news->answer);
        end(talk, ERROR_SYSTEM);
        break;
    case CLIENT_CLOSED: end_closed(talk, news); break;
    case CLIENT_BROKEN:
        talk_tell_broken(&talk->server, news, talk->cut, buffer_bytes(&talk->received));
        end(talk, ERROR_INPUT);
        break;
    case CLIENT_FAILED: end_without_memory(talk); break;
    default: break;
    }
}

/* What has come, and `ended`: nothing more will. */
static void take_received(struct talk *talk, bool ended)
{
    struct client_news news;
    enum client_verdict verdict;
    do {
        struct span input = buffer_bytes(&talk->received);
        verdict = client_end_next(&talk->server, input, ended, &news, &talk->unsent);
        if (verdict != CLIENT_MORE && verdict != CLIENT_USED) take_news(talk, verdict, &news);
        buffer_consume(&talk->received, news.consumed);
    } while (verdict != CLIENT_MORE && !talk->over);
}

/* The server has ended the stream. */
static void take_end(struct talk *talk)
{
    bool is_websocket = client_end_is_websocket(&talk->server);
    if (!talk->server.is_open) take_received(talk, true);
    if (talk->over) return;
    end_input(talk);
    fflush(stdout);
    if (is_websocket && !talk->parting) {
        fprintf(stderr, "moonport: the connection ended without a close frame (%d)\n", WS_NO_CLOSE);
        end(talk, ERROR_SYSTEM);
    } else if (talk->person || !talk->cut) {
        fprintf(stderr, "(closed by the server%s)\n", talk->cut ? "" : "; no answer came");
    }
}

static void receive_piece(struct talk *talk)
{
    struct buffer *received = &talk->received;
    struct error error;
    if (!buffer_reserve(received, PIECE)) {
        end_without_memory(talk);
        return;
    }
    ptrdiff_t size = talk_wire_receive(&talk->wire, received->data + received->end, PIECE, &error);
    if (size == TALK_LOST) {
        fflush(stdout);
        end(talk, complain(&error, ERROR_SYSTEM));
    } else if (size == TALK_ENDED) {
        take_end(talk);
    } else {
        received->end += (size_t)size;
        take_received(talk, false);
    }
}

static void receive(struct talk *talk)
{
    do receive_piece(talk);
    while (talk->wire.has_more && !talk->over);
}

static bool receive_meanwhile(void *context)
{
    struct talk *talk = context;
    receive(talk);
    fflush(stdout);
    return !talk->over;
}

/* ---- to the server ---- */

/* No line that the framing can carry is longer: 4 characters a byte, a carriage return, and the line end. */
static size_t line_size_max(const struct talk *talk)
{
    uint64_t packet_max = talk->server.frame->packet_max;
    return packet_max < SIZE_MAX / 8 ? 4 * (size_t)packet_max + 2 : SIZE_MAX;
}

static void refuse_line(struct talk *talk, enum frame_fault fault, size_t size)
{
    fflush(stdout);
    fprintf(stderr, "moonport: line %llu was not sent: ", (unsigned long long)talk->lines);
    const struct frame *frame = talk->server.frame;
    if (frame->kind == FRAME_FIXED && fault == FRAME_BAD_SIZE)
        fprintf(stderr, "it has %zu bytes, but a packet is exactly %u bytes long\n", size,
                frame->fixed_size);
    else
        fprintf(stderr, "%s\n", frame_fault_text(fault));
    talk->status = ERROR_USAGE;
}

/* The line end is the byte after the line, and may be overwritten. */
static void take_line(struct talk *talk, struct span line)
{
    enum frame_fault fault;
    if (line.size != 0 && line.data[line.size - 1] == '\r') line.size--;
    line = talk_unescape(line);
    if (talk->server.frame->kind == FRAME_RAW) line.data[line.size++] = '\n';
    if (!client_end_wrap(&talk->server, line, PACKET_PLAIN, &talk->unsent, &fault))
        end_without_memory(talk);
    else if (fault != FRAME_NO_FAULT)
        refuse_line(talk, fault, line.size);
}

/* Keeps a line that has no end yet. */
static void keep_line(struct talk *talk, struct span line)
{
    talk->scanned = line.size;
    if (!talk->skipping && line.size <= line_size_max(talk)) return;
    if (!talk->skipping) {
        talk->lines++;
        refuse_line(talk, FRAME_TOO_BIG, line.size);
    }
    talk->skipping = true;
    talk->scanned = 0;
    buffer_consume(&talk->typed, line.size);
}

/* Takes up the next line. False: there is no complete one. */
static bool next_line(struct talk *talk)
{
    struct span typed = buffer_bytes(&talk->typed);
    if (typed.size == 0) return false;
    struct span rest = span_skip(typed, talk->scanned);
    uint8_t *line_end = memchr(rest.data, '\n', rest.size);
    if (line_end == NULL) {
        keep_line(talk, typed);
        return false;
    }
    size_t size = (size_t)(line_end - typed.data);
    if (!talk->skipping) {
        talk->lines++;
        take_line(talk, span_first(typed, size));
    }
    talk->skipping = false;
    talk->scanned = 0;
    buffer_consume(&talk->typed, size + 1);
    return true;
}

/* Receiving still gives earlier packets, then the reason. */
static void give_up_sending(struct talk *talk)
{
    talk->finished = talk->typed_ended = true;
    buffer_consume(&talk->typed, buffer_size(&talk->typed));
    buffer_consume(&talk->unsent, buffer_size(&talk->unsent));
    talk->scanned = 0;
}

static void send_unsent(struct talk *talk)
{
    ptrdiff_t sent = talk_wire_flush(&talk->wire) ? 0 : TALK_LOST;
    while (sent >= 0 && buffer_size(&talk->unsent) != 0) {
        sent = talk_wire_send(&talk->wire, buffer_bytes(&talk->unsent));
        if (sent == 0) return;
        if (sent > 0) buffer_consume(&talk->unsent, (size_t)sent);
    }
    if (sent == TALK_LOST) give_up_sending(talk);
}

static void part(struct talk *talk)
{
    struct span no_reason = span_of(NULL, 0);
    talk->parting = true;
    if (!client_end_close(&talk->server, WS_NORMAL, no_reason, &talk->unsent))
        end_without_memory(talk);
    send_unsent(talk);
}

/* All was sent: whoever types wants to leave; a pipe waits for answers first, which none can follow a goodbye. */
static void finish(struct talk *talk)
{
    talk->finished = true;
    if (!client_end_is_websocket(&talk->server))
        talk_wire_finish(&talk->wire);
    else if (talk->person)
        part(talk);
}

/* Afterwards, complete lines are left in `typed` only if too much is unsent. */
static void send_lines(struct talk *talk)
{
    size_t unsent;
    if (!talk->server.is_open) { /* only the handshake goes out */
        send_unsent(talk);
        return;
    }
    do {
        while (!talk->over && buffer_size(&talk->unsent) <= UNSENT_MAX && next_line(talk)) continue;
        unsent = buffer_size(&talk->unsent);
        send_unsent(talk);
    } while (unsent > UNSENT_MAX && buffer_size(&talk->unsent) <= UNSENT_MAX);

    bool all = buffer_size(&talk->typed) == 0 && buffer_size(&talk->unsent) == 0;
    if (talk->typed_ended && all && !talk->finished) finish(talk);
}

static void read_typed(struct talk *talk)
{
    struct buffer *typed = &talk->typed;
    if (!buffer_reserve(typed, PIECE)) {
        end_without_memory(talk);
        return;
    }
    ptrdiff_t size = talk_read(typed->data + typed->end, PIECE);
    if (size != TALK_ENDED) {
        typed->end += (size_t)size;
        return;
    }
    talk->typed_ended = true;
    if (buffer_size(typed) != 0) typed->data[typed->end++] = '\n'; /* the last line lacked it */
}

/* ---- both ---- */

static bool has_answer(const struct talk *talk)
{
    return talk->cut || buffer_size(&talk->received) != 0;
}

/* How long to wait for the server; -1: as long as it takes. */
static int patience_ms(const struct talk *talk)
{
    if (!talk->server.is_open) return ANSWER_MS;
    if (talk->parting) return CLOSE_MS;
    if (!talk->finished || talk->person) return -1;
    return has_answer(talk) ? QUIET_MS : FIRST_MS;
}

static void end_patience(struct talk *talk)
{
    if (!talk->server.is_open) {
        fprintf(stderr,
                "moonport: no answer to the handshake came within %d seconds: is it a "
                "WebSocket?\n",
                ANSWER_MS / 1000);
        end(talk, ERROR_SYSTEM);
        return;
    }
    if (!talk->parting && !has_answer(talk))
        fprintf(stderr, "moonport: no answer came within %d seconds\n", FIRST_MS / 1000);
    if (client_end_is_websocket(&talk->server) && !talk->parting)
        part(talk);
    else
        end_input(talk);
}

static void converse(struct talk *talk)
{
    if (talk->wire.has_more) receive(talk);
    for (send_lines(talk); !talk->over; send_lines(talk)) {
        if (fflush(stdout) != 0 || ferror(stdout)) {
            fprintf(stderr, "moonport: cannot print: %s\n", strerror(errno));
            end(talk, ERROR_SYSTEM);
            return;
        }
        size_t unsent = buffer_size(&talk->unsent);
        unsigned wanted = TALK_RECEIVED;
        if (!talk->typed_ended && unsent <= UNSENT_MAX && talk->server.is_open)
            wanted |= TALK_TYPED;
        if (unsent != 0 || buffer_size(&talk->wire.sealed) != 0) wanted |= TALK_SENDABLE;
        unsigned come = talk_wait(talk->wire.socket, wanted, patience_ms(talk));
        if (come == 0) end_patience(talk);
        if ((come & TALK_RECEIVED) != 0) receive(talk);
        if ((come & TALK_TYPED) != 0 && !talk->over) read_typed(talk);
    }
    send_unsent(talk); /* the answer to a goodbye */
}

/* To a person: whom the lines will go to. */
static void tell_connected(const struct talk *talk, const struct address *address)
{
    char text[ADDRESS_TEXT_MAX], tls[TALK_TLS_TEXT_MAX];
    fprintf(stderr, "(connected to %s", address_format(address, text));
    if (talk->wire.tls != NULL) fprintf(stderr, "; %s", talk_tls_text(talk->wire.tls, tls));
    fprintf(stderr, "; %s ends)\n", talk_end_key);
}

static void talk_to(struct talk *talk, const struct talk_words *read)
{
    struct error error;
    if (!client_end_open(&talk->server, &read->frame, &read->asking, system_random, &talk->unsent,
                         &error)) {
        talk->status = complain(&error, (int)error.kind);
        return;
    }
    if (!talk_wire_open(&talk->wire, &read->address, read->is_tls ? &read->tls : NULL, &error)) {
        talk->status = complain(&error, (int)error.kind);
        return;
    }
    talk->person = talk_typed_by_person();
    if (talk->person) tell_connected(talk, &read->address);
    struct talk_receiver receiver = {talk->wire.socket, receive_meanwhile, talk};
    talk->marks = talk_terminal_open(&receiver);
    converse(talk);
    talk_terminal_close();
    fflush(stdout);
    talk_wire_close(&talk->wire);
}

int talk_main(int count, char **words)
{
    struct talk talk = {.status = 0};
    struct talk_words read;
    struct error error;
    if (!talk_words_read(count, words, &read, &error)) return complain(&error, ERROR_USAGE);
    if (read.help) {
        talk_words_help();
        return 0;
    }
    talk_to(&talk, &read);
    free(talk.typed.data);
    free(talk.unsent.data);
    free(talk.received.data);
    return talk.status;
}
