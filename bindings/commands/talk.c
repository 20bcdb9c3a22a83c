#include "commands/talk.h"

#include "base/settings.h"
#include "commands/talk_system.h"
#include "commands/talk_text.h"
#include "frame/frame.h"
#include "system/buffer.h"

#include <errno.h>

#define DEFAULT_MAX_PACKET "16M"

enum {
    PIECE = 65536,        /* bytes read or received at once */
    UNSENT_MAX = 1 << 20, /* bytes; above this, no line is read */
    FIRST_MS = 3000,      /* input from a pipe: how long to wait for the first answer at the end, */
    QUIET_MS = 1000,      /* and for another one */
    TEXT_SIZE = 4096,
};

static const char help[] =
    "moonport talk ADDRESS [--framing F] [--max-packet SIZE]\n"
    "\n"
    "Connects to a server. A line typed is a packet sent, a packet received is a line printed.\n"
    "\n"
    "  ADDRESS            127.0.0.1:7000, [::1]:7000, unix:/run/x.sock, or only a port\n"
    "  --framing F        what the server uses: length (the default), line, delimiter, fixed,\n"
    "                     raw, netstring, erlang, skynet, mqtt or hpsocket, with parameters\n"
    "                     behind commas: length,size=2,order=big\n"
    "  --max-packet SIZE  the largest packet, both ways (default " DEFAULT_MAX_PACKET ")\n"
    "\n"
    "In a line, \\xNN \\n \\r \\t \\\\ stand for those bytes; what is printed is written so too.\n"
    "With --framing raw a line is sent with a line feed behind it, so that it reaches a service\n"
    "that reads lines, and what arrives is printed piece by piece.\n"
    "%s"
    "%s ends what you send; ^C ends at once. When the input is not a terminal, it ends\n"
    "1 second after the last answer, after 3 without any, or when the server closes.\n"
    "\n"
    "Example: echo ping | moonport talk 127.0.0.1:7000\n"
    "\n"
    "Exit status: 0 fine, 1 the server broke the framing, 2 usage, or a line that the framing\n"
    "cannot carry, 3 cannot connect, or the connection was lost.\n";

struct talk {
    intptr_t socket;
    struct frame frame;
    struct frame_cursor cursor;
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

static void end_broken(struct talk *talk, const struct frame_cut *cut)
{
    char why[FRAME_FAULT_TEXT_MAX], bytes[FRAME_BYTES_TEXT_MAX];
    struct span input = buffer_bytes(&talk->received);
    const char *guess =
        talk->cut ? frame_guess_later(&talk->frame) : frame_guess(&talk->frame, input);
    fflush(stdout);
    fprintf(stderr, "moonport: the server broke the framing: %s; %s\n",
            frame_error_text(&talk->frame, cut, why), frame_bytes_text(input, guess, bytes));
    end(talk, ERROR_INPUT);
}

/* Call it when nothing more will be received. */
static void end_input(struct talk *talk)
{
    char bytes[FRAME_BYTES_TEXT_MAX];
    struct span input = buffer_bytes(&talk->received);
    end(talk, 0);
    if (input.size == 0) return;
    fflush(stdout);
    fprintf(stderr, "moonport: the last packet is unfinished, %zu bytes so far; %s\n", input.size,
            frame_bytes_text(input, talk->cut ? "" : frame_guess(&talk->frame, input), bytes));
    end(talk, ERROR_INPUT);
}

/* ---- from the server ---- */

static void print_packet(const struct talk *talk, struct span packet)
{
    char text[TEXT_SIZE];
    if (talk->marks) fputs("< ", stdout);
    while (packet.size != 0) {
        size_t size = talk_show(&packet, text, sizeof text);
        fwrite(text, 1, size, stdout);
    }
    putchar('\n');
}

static void print_packets(struct talk *talk)
{
    struct frame_cut cut;
    for (;;) {
        struct span input = buffer_bytes(&talk->received);
        switch (frame_next(&talk->frame, &talk->cursor, input, &cut)) {
        case FRAME_PACKET:
            talk->cut = true;
            print_packet(talk, cut.packet);
            buffer_consume(&talk->received, cut.consumed);
            break;
        case FRAME_MORE: return;
        default: end_broken(talk, &cut); return;
        }
    }
}

static void receive(struct talk *talk)
{
    struct buffer *received = &talk->received;
    struct error error;
    if (!buffer_reserve(received, PIECE)) {
        end_without_memory(talk);
        return;
    }
    ptrdiff_t size = talk_receive(talk->socket, received->data + received->end, PIECE, &error);
    if (size == TALK_LOST) {
        fflush(stdout);
        end(talk, complain(&error, ERROR_SYSTEM));
    } else if (size == TALK_ENDED) {
        end_input(talk);
        fflush(stdout);
        if (talk->person || !talk->cut)
            fprintf(stderr, "(closed by the server%s)\n", talk->cut ? "" : "; no answer came");
    } else {
        received->end += (size_t)size;
        print_packets(talk);
    }
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
    uint64_t packet_max = talk->frame.packet_max;
    return packet_max < SIZE_MAX / 8 ? 4 * (size_t)packet_max + 2 : SIZE_MAX;
}

static void refuse_line(struct talk *talk, enum frame_fault fault, size_t size)
{
    fflush(stdout);
    fprintf(stderr, "moonport: line %llu was not sent: ", (unsigned long long)talk->lines);
    if (talk->frame.kind == FRAME_FIXED && fault == FRAME_BAD_SIZE)
        fprintf(stderr, "it has %zu bytes, but a packet is exactly %u bytes long\n", size,
                talk->frame.fixed_size);
    else
        fprintf(stderr, "%s\n", frame_fault_text(fault));
    talk->status = ERROR_USAGE;
}

/* The line end is the byte after the line, and may be overwritten. */
static void take_line(struct talk *talk, struct span line)
{
    uint8_t header[FRAME_HEADER_MAX];
    struct span parts[FRAME_PARTS_MAX];
    int count = 0;
    if (line.size != 0 && line.data[line.size - 1] == '\r') line.size--;
    line = talk_unescape(line);
    if (talk->frame.kind == FRAME_RAW) line.data[line.size++] = '\n';
    enum frame_fault fault = frame_wrap(&talk->frame, line, header, parts, &count);
    if (fault != FRAME_NO_FAULT) {
        refuse_line(talk, fault, line.size);
        return;
    }
    for (int i = 0; i < count; i++) {
        if (!buffer_reserve(&talk->unsent, parts[i].size)) {
            end_without_memory(talk);
            return;
        }
        memcpy(talk->unsent.data + talk->unsent.end, parts[i].data, parts[i].size);
        talk->unsent.end += parts[i].size;
    }
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

static void send_unsent(struct talk *talk)
{
    while (buffer_size(&talk->unsent) != 0) {
        ptrdiff_t sent = talk_send(talk->socket, buffer_bytes(&talk->unsent));
        if (sent == TALK_LOST) { /* receiving still gives earlier packets, then the reason */
            talk->finished = talk->typed_ended = true;
            buffer_consume(&talk->typed, buffer_size(&talk->typed));
            buffer_consume(&talk->unsent, buffer_size(&talk->unsent));
            talk->scanned = 0;
            return;
        }
        if (sent == 0) return;
        buffer_consume(&talk->unsent, (size_t)sent);
    }
}

/* Afterwards, complete lines are left in `typed` only if too much is unsent. */
static void send_lines(struct talk *talk)
{
    size_t unsent;
    do {
        while (!talk->over && buffer_size(&talk->unsent) <= UNSENT_MAX && next_line(talk)) continue;
        unsent = buffer_size(&talk->unsent);
        send_unsent(talk);
    } while (unsent > UNSENT_MAX && buffer_size(&talk->unsent) <= UNSENT_MAX);

    bool all = buffer_size(&talk->typed) == 0 && buffer_size(&talk->unsent) == 0;
    if (!talk->typed_ended || !all || talk->finished) return;
    talk->finished = true;
    talk_finish(talk->socket);
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

static void converse(struct talk *talk)
{
    for (send_lines(talk); !talk->over; send_lines(talk)) {
        if (fflush(stdout) != 0 || ferror(stdout)) {
            fprintf(stderr, "moonport: cannot print: %s\n", strerror(errno));
            end(talk, ERROR_SYSTEM);
            return;
        }
        size_t unsent = buffer_size(&talk->unsent);
        unsigned wanted = TALK_RECEIVED;
        if (!talk->typed_ended && unsent <= UNSENT_MAX) wanted |= TALK_TYPED;
        if (unsent != 0) wanted |= TALK_SENDABLE;
        bool may_end = talk->finished && !talk->person;
        bool answered = talk->cut || buffer_size(&talk->received) != 0;
        int patience_ms = answered ? QUIET_MS : FIRST_MS;
        unsigned come = talk_wait(talk->socket, wanted, may_end ? patience_ms : -1);
        if (come == 0 && !answered)
            fprintf(stderr, "moonport: no answer came within %d seconds\n", FIRST_MS / 1000);
        if (come == 0) end_input(talk);
        if ((come & TALK_RECEIVED) != 0) receive(talk);
        if ((come & TALK_TYPED) != 0 && !talk->over) read_typed(talk);
    }
}

/* ---- the command line ---- */

struct request {
    bool help;
    const char *address, *framing, *max_packet;
};

/* The value of an option, which is the next word or follows an equals sign; NULL: there is none. *at becomes the
 * last word used. */
static const char *option_value(int count, char **words, int *at)
{
    const char *equals = strchr(words[*at], '=');
    if (equals != NULL) return equals + 1;
    return *at + 1 < count ? words[++*at] : NULL;
}

static bool refuse_option(const char *option, size_t size, struct error *error)
{
    static const char *const options[] = {"--framing", "--max-packet", "--help"};
    char typed[32];
    snprintf(typed, sizeof typed, "%.*s", (int)(size < sizeof typed ? size : sizeof typed), option);
    const char *nearest = settings_nearest(typed, options, sizeof options / sizeof options[0]);
    return error_set(error, ERROR_USAGE, "talk: no such option: %s%s%s%s; try moonport talk --help",
                     typed, nearest != NULL ? "; did you mean " : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

static bool read_words(int count, char **words, struct request *request, struct error *error)
{
    *request = (struct request){.framing = "length", .max_packet = DEFAULT_MAX_PACKET};
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        size_t size = strcspn(word, "=");
        const char **target = NULL;
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) {
            request->help = true;
            return true;
        }
        if (size == strlen("--framing") && strncmp(word, "--framing", size) == 0)
            target = &request->framing;
        else if (size == strlen("--max-packet") && strncmp(word, "--max-packet", size) == 0)
            target = &request->max_packet;
        else if (word[0] == '-')
            return refuse_option(word, size, error);
        if (target != NULL) {
            *target = option_value(count, words, &i);
            if (*target == NULL)
                return error_set(error, ERROR_USAGE, "talk: %s needs a value", word);
        } else if (request->address != NULL) {
            return error_set(error, ERROR_USAGE,
                             "talk: one address is enough, but there are %s "
                             "and %s",
                             request->address, word);
        } else {
            request->address = word;
        }
    }
    if (request->address != NULL) return true;
    return error_set(error, ERROR_USAGE,
                     "talk: to which address? For example: moonport talk 127.0.0.1:7000");
}

void talk_prefer_loopback(struct address *address)
{
    static const uint8_t anywhere[sizeof address->ip];
    if (address->family == ADDRESS_IPV4 && memcmp(address->ip, anywhere, 4) == 0)
        memcpy(address->ip, (const uint8_t[]){127, 0, 0, 1}, 4);
    if (address->family == ADDRESS_IPV6 && memcmp(address->ip, anywhere, sizeof anywhere) == 0)
        address->ip[15] = 1;
}

static bool prepare(struct talk *talk, struct address *address, const struct request *request,
                    struct error *error)
{
    uint64_t packet_max;
    if (!settings_size(request->max_packet, &packet_max) || packet_max == 0)
        return error_set(error, ERROR_USAGE,
                         "--max-packet is a number of bytes, for example 64K, not \"%.100s\"",
                         request->max_packet);
    if (!frame_parse(&talk->frame, request->framing, packet_max, error)) return false;
    if (!address_parse(request->address, address, error)) return false;
    talk_prefer_loopback(address);
    return true;
}

int talk_main(int count, char **words)
{
    struct talk talk = {.socket = -1};
    struct request request;
    struct address address;
    struct error error, why;
    char text[ADDRESS_TEXT_MAX];
    if (!read_words(count, words, &request, &error)) return complain(&error, ERROR_USAGE);
    if (request.help) {
        printf(help, talk_editing, talk_end_key);
        return 0;
    }
    if (!prepare(&talk, &address, &request, &error)) return complain(&error, ERROR_USAGE);

    talk.socket = talk_connect(&address, &why);
    if (talk.socket < 0) {
        error_set(&error, ERROR_SYSTEM, "cannot connect to %s: %.1800s",
                  address_format(&address, text), why.text);
        return complain(&error, ERROR_SYSTEM);
    }
    talk.person = talk_typed_by_person();
    if (talk.person)
        fprintf(stderr, "(connected to %s; %s ends)\n", address_format(&address, text),
                talk_end_key);
    struct talk_receiver receiver = {talk.socket, receive_meanwhile, &talk};
    talk.marks = talk_terminal_open(&receiver);
    converse(&talk);
    talk_terminal_close();
    fflush(stdout);
    talk_disconnect(talk.socket);
    free(talk.typed.data);
    free(talk.unsent.data);
    free(talk.received.data);
    return talk.status;
}
