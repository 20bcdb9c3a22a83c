#include "commands/talk_words.h"

#include "base/settings.h"
#include "base/text.h"
#include "commands/talk.h"
#include "commands/talk_system.h"

#define DEFAULT_MAX_PACKET "16M"

static const char help[] =
    "moonport talk ADDRESS [--framing F] [--max-packet SIZE]\n"
    "moonport talk tls://HOST:PORT [TLS] [--framing F] [--max-packet SIZE]\n"
    "moonport talk ws://HOST[:PORT]/PATH [--protocol P] [--header H] [--max-packet SIZE]\n"
    "moonport talk wss://HOST[:PORT]/PATH [TLS] [--protocol P] [--header H] [--max-packet SIZE]\n"
    "\n"
    "Connects to a server. A line typed is a packet sent, a packet received is a line printed.\n"
    "\n"
    "  ADDRESS            127.0.0.1:7000, [::1]:7000, unix:/run/x.sock, or only a port\n"
    "  ws://...           a WebSocket: a line is a text message, or a binary one if it is not\n"
    "                     UTF-8; pings are answered\n"
    "  tls://... wss://...  the same two, in TLS\n"
    "  --framing F        what the server uses: length (the default), line, delimiter, fixed,\n"
    "                     raw, netstring, erlang, skynet, mqtt or hpsocket, with parameters\n"
    "                     behind commas: length,size=2,order=big\n"
    "  --protocol P       WebSocket: protocols to ask for, the best first: \"chat.v2, chat\"\n"
    "  --header H         WebSocket: one more line of the request: \"Cookie: id=1\"\n"
    "  --max-packet SIZE  the largest packet, both ways (default " DEFAULT_MAX_PACKET ")\n"
    "\n"
    "TLS: the server's certificate must be for HOST, and vouched for by whom this system trusts.\n"
    "\n"
    "  --ca FILE          trust the certificates in FILE instead\n"
    "  --name NAME        the certificate must be for NAME, which is asked for, not for HOST\n"
    "  --insecure         talk to anybody: the certificate is not checked\n"
    "  --cert FILE        show this certificate, with those that vouch for it behind it\n"
    "  --key FILE         its key, if that is not in the same file\n"
    "\n"
    "In a line, \\xNN \\n \\r \\t \\\\ stand for those bytes; what is printed is written so too.\n"
    "With --framing raw a line is sent with a line feed behind it, so that it reaches a service\n"
    "that reads lines, and what arrives is printed piece by piece.\n"
    "%s"
    "%s ends what you send, and closes a WebSocket; ^C ends at once. When the input is not a\n"
    "terminal, it ends 1 second after the last answer, after 3 without any, or when the server\n"
    "closes.\n"
    "\n"
    "Example: echo ping | moonport talk 127.0.0.1:7000\n"
    "\n"
    "Exit status: 0 fine, 1 the server broke the framing, 2 usage, or a line that the framing\n"
    "cannot carry, 3 cannot connect, the server refused or is not trusted, or the connection was\n"
    "lost.\n";

void talk_words_help(void)
{
    printf(help, talk_editing, talk_end_key);
}

/* ---- words ---- */

enum option { FRAMING, MAX_PACKET, PROTOCOL, HEADER, CA, NAME, CERT, KEY, INSECURE, HELP, OPTIONS };

static const char *const options[OPTIONS] = {"--framing",  "--max-packet", "--protocol", "--header",
                                             "--ca",       "--name",       "--cert",     "--key",
                                             "--insecure", "--help"};

struct request {
    const char *address;
    const char *values[OPTIONS]; /* NULL: not given */
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
    char typed[32];
    snprintf(typed, sizeof typed, "%.*s", (int)(size < sizeof typed ? size : sizeof typed), option);
    const char *nearest = settings_nearest(typed, options, OPTIONS);
    return error_set(error, ERROR_USAGE, "talk: no such option: %s%s%s%s; try moonport talk --help",
                     typed, nearest != NULL ? "; did you mean " : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "");
}

/* OPTIONS: it is none. */
static int find_option(const char *word, size_t size)
{
    int option = 0;
    while (option < OPTIONS &&
           (size != strlen(options[option]) || strncmp(word, options[option], size) != 0))
        option++;
    return option;
}

static bool take_address(struct request *request, const char *word, struct error *error)
{
    if (request->address != NULL)
        return error_set(error, ERROR_USAGE, "talk: one address is enough, but there are %s and %s",
                         request->address, word);
    request->address = word;
    return true;
}

static bool take_option(struct request *request, int count, char **words, int *at,
                        struct error *error)
{
    const char *word = words[*at];
    size_t size = strcspn(word, "=");
    int option = strcmp(word, "-h") == 0 ? HELP : find_option(word, size);
    if (option == OPTIONS) return refuse_option(word, size, error);
    bool is_alone = option == HELP || option == INSECURE;
    if (option == INSECURE && word[size] == '=')
        return error_set(error, ERROR_USAGE, "talk: --insecure takes no value");
    request->values[option] = is_alone ? word : option_value(count, words, at);
    return request->values[option] != NULL ||
           error_set(error, ERROR_USAGE, "talk: %s needs a value", word);
}

static bool read_words(int count, char **words, struct request *request, struct error *error)
{
    *request = (struct request){.address = NULL};
    for (int i = 1; i < count && request->values[HELP] == NULL; i++) {
        bool fine = words[i][0] == '-' ? take_option(request, count, words, &i, error)
                                       : take_address(request, words[i], error);
        if (!fine) return false;
    }
    if (request->address != NULL || request->values[HELP] != NULL) return true;
    return error_set(error, ERROR_USAGE,
                     "talk: to which address? For example: moonport talk 127.0.0.1:7000");
}

/* ---- what they mean ---- */

void talk_prefer_loopback(struct address *address)
{
    static const uint8_t anywhere[sizeof address->ip];
    if (address->family == ADDRESS_IPV4 && memcmp(address->ip, anywhere, 4) == 0)
        memcpy(address->ip, (const uint8_t[]){127, 0, 0, 1}, 4);
    if (address->family == ADDRESS_IPV6 && memcmp(address->ip, anywhere, sizeof anywhere) == 0)
        address->ip[15] = 1;
}

static bool read_packet_max(const struct request *request, uint64_t *packet_max,
                            struct error *error)
{
    const char *text = request->values[MAX_PACKET];
    if (text == NULL) text = DEFAULT_MAX_PACKET;
    if (settings_size(text, packet_max) && *packet_max != 0) return true;
    return error_set(error, ERROR_USAGE,
                     "--max-packet is a number of bytes, for example 64K, not \"%.100s\"", text);
}

static bool read_header(struct talk_words *read, const char *header, struct error *error)
{
    struct text text = text_in(read->headers, sizeof read->headers);
    if (header == NULL) return true;
    if (strchr(header, ':') == NULL || strpbrk(header, "\r\n") != NULL)
        return error_set(error, ERROR_USAGE,
                         "talk: --header is a name, a colon and a value: \"Cookie: id=1\"");
    text_add(&text, "%s\r\n", header);
    read->asking.headers = read->headers;
    return !text.cut || error_set(error, ERROR_USAGE, "talk: --header is too long");
}

static bool prepare_websocket(struct talk_words *read, const struct request *request,
                              uint64_t packet_max, struct error *error)
{
    if (request->values[FRAMING] != NULL)
        return error_set(error, ERROR_USAGE,
                         "talk: %s is a framing of its own: leave out "
                         "--framing",
                         read->is_tls ? "wss://" : "ws://");
    read->asking = (struct websocket_asking){
        .host = read->url.host, .target = read->url.target, .protocols = request->values[PROTOCOL]};
    return read_header(read, request->values[HEADER], error) &&
           frame_parse(&read->frame, "websocket", packet_max, error);
}

/* What to do about an option of TLS where no TLS is meant: `what`. */
static bool refuse_tls(const struct request *request, const char *what, struct error *error)
{
    for (int option = CA; option <= INSECURE; option++)
        if (request->values[option] != NULL)
            return error_set(error, ERROR_USAGE, "talk: %s is for TLS: %s", options[option], what);
    return true;
}

static bool prepare_tls(struct talk_words *read, const struct request *request, struct error *error)
{
    const char *name = request->values[NAME];
    read->tls = (struct talk_tls_asking){.name = name != NULL ? name : read->url.name,
                                         .ca = request->values[CA],
                                         .certificate = request->values[CERT],
                                         .key = request->values[KEY],
                                         .is_insecure = request->values[INSECURE] != NULL};
    if (read->tls.is_insecure && read->tls.ca != NULL)
        return error_set(error, ERROR_USAGE,
                         "talk: with --insecure nothing is checked: leave out --ca, or --insecure");
    if (read->tls.key != NULL && read->tls.certificate == NULL)
        return error_set(error, ERROR_USAGE, "talk: --key is the key of a certificate: add --cert");
    return true;
}

static bool prepare_framing(struct talk_words *read, const struct request *request,
                            uint64_t packet_max, struct error *error)
{
    const char *framing = request->values[FRAMING];
    if (request->values[PROTOCOL] != NULL || request->values[HEADER] != NULL)
        return error_set(
            error, ERROR_USAGE, "talk: --protocol and --header are for WebSocket: %s://%.200s/",
            read->is_tls ? "wss" : "ws", read->is_tls ? read->url.host : request->address);
    if (!frame_parse(&read->frame, framing == NULL ? "length" : framing, packet_max, error))
        return false;
    if (read->frame.kind == FRAME_WEBSOCKET)
        return error_set(
            error, ERROR_USAGE, "talk: to a WebSocket it is: moonport talk %s://%.200s/",
            read->is_tls ? "wss" : "ws", read->is_tls ? read->url.host : request->address);
    if (read->frame.kind == FRAME_HTTP)
        return error_set(error, ERROR_USAGE,
                         "talk: for HTTP there are other clients: curl -i http%s://%.200s/",
                         read->is_tls ? "s" : "", read->is_tls ? read->url.host : request->address);
    return true;
}

static bool prepare_url(struct talk_words *read, const struct request *request, uint64_t packet_max,
                        struct error *error)
{
    if (!talk_url_read(request->address, &read->url, error)) return false;
    read->is_tls = read->url.is_tls;
    bool fine = read->is_tls ? prepare_tls(read, request, error)
                             : refuse_tls(request, "write wss:// instead of ws://", error);
    return fine &&
           (read->url.is_websocket ? prepare_websocket(read, request, packet_max, error)
                                   : prepare_framing(read, request, packet_max, error)) &&
           address_parse(read->url.address, &read->address, error);
}

static bool prepare(struct talk_words *read, const struct request *request, uint64_t packet_max,
                    struct error *error)
{
    return refuse_tls(request, "write tls:// in front of the address", error) &&
           prepare_framing(read, request, packet_max, error) &&
           address_parse(request->address, &read->address, error);
}

bool talk_words_read(int count, char **words, struct talk_words *read, struct error *error)
{
    struct request request;
    uint64_t packet_max;
    *read = (struct talk_words){.help = false};
    if (!read_words(count, words, &request, error)) return false;
    read->help = request.values[HELP] != NULL;
    if (read->help) return true;
    if (!read_packet_max(&request, &packet_max, error)) return false;
    bool fine = talk_url_is(request.address) ? prepare_url(read, &request, packet_max, error)
                                             : prepare(read, &request, packet_max, error);
    if (fine) talk_prefer_loopback(&read->address);
    return fine;
}
