#include "commands/talk_tell.h"

#include "commands/talk_text.h"

enum { TEXT_SIZE = 4096 };

void talk_print(FILE *file, struct span bytes)
{
    char text[TEXT_SIZE];
    while (bytes.size != 0) {
        size_t size = talk_show(&bytes, text, sizeof text);
        fwrite(text, 1, size, file);
    }
}

static const char *guess(const struct client_end *server, bool has_packets, struct span input)
{
    if (client_end_is_websocket(server)) return "";
    return has_packets ? frame_guess_later(server->frame) : frame_guess(server->frame, input);
}

void talk_tell_broken(const struct client_end *server, const struct client_news *news,
                      bool has_packets, struct span input)
{
    char why[FRAME_FAULT_TEXT_MAX], bytes[FRAME_BYTES_TEXT_MAX];
    if (server->is_open) {
        fprintf(stderr, "moonport: the server broke the framing: %s; ",
                frame_error_text(server->frame, &news->cut, why));
    } else {
        fprintf(stderr, "moonport: the server speaks no WebSocket here: %s%s", news->answer.why,
                input.size == 0 ? "\n" : "; ");
        if (input.size == 0) return;
    }
    fprintf(stderr, "%s\n", frame_bytes_text(input, guess(server, has_packets, input), bytes));
}

void talk_tell_refused(const struct websocket_answer *answer)
{
    fprintf(stderr, "moonport: the server refused: %u", answer->status);
    if (answer->text.size != 0) fputc(' ', stderr);
    talk_print(stderr, answer->text);
    if (answer->location.size != 0) fputs("; it says that this is at ", stderr);
    talk_print(stderr, answer->location);
    fputc('\n', stderr);
}

void talk_tell_protocol(const struct client_end *server, const struct websocket_answer *answer)
{
    if (server->websocket.protocols[0] == '\0') return;
    fputs(answer->protocol.size == 0 ? "(the server speaks none of those protocols" : "(protocol ",
          stderr);
    talk_print(stderr, answer->protocol);
    fputs(")\n", stderr);
}

void talk_tell_closed(const struct client_news *news, bool ours, bool has_packets)
{
    const char *words = websocket_code_text(news->code);
    fputs(ours ? "(closed" : "(closed by the server", stderr);
    if (news->code == WS_NO_CODE)
        fprintf(stderr, ", %s", words);
    else
        fprintf(stderr, ": %u%s%s", news->code, *words == '\0' ? "" : " ", words);
    if (news->packet.size != 0) fputs(": ", stderr);
    talk_print(stderr, news->packet);
    fprintf(stderr, "%s)\n", ours || has_packets ? "" : "; no message came");
}

void talk_tell_unfinished(const struct client_end *server, bool has_packets, struct span input)
{
    char bytes[FRAME_BYTES_TEXT_MAX];
    fprintf(stderr, "moonport: the last packet is unfinished, %zu bytes so far; %s\n", input.size,
            frame_bytes_text(input, has_packets ? "" : guess(server, false, input), bytes));
}
