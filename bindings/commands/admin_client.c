#include "commands/admin_client.h"

#include "base/settings.h"
#include "commands/talk.h"
#include "commands/talk_system.h"
#include "reload/options.h"
#include "system/buffer.h"

enum {
    PIECE = 65536,        /* bytes received at once */
    ANSWER_MAX = 1 << 20, /* bytes; no server sends as much */
    PATIENCE_MS = 60000,  /* of silence */
};

static const char help[] =
    "moonport %s [--admin ADDRESS]\n"
    "\n"
    "%s\n"
    "\n"
    "  --admin ADDRESS   the server's setting admin (default " OPTIONS_ADMIN ")\n"
    "\n"
    "Exit status: 0 done, 1 the server could not do it, and says why, 2 usage, 3 no server was\n"
    "reached there, or it did not answer.\n";

static const struct {
    const char *name, *help;
} commands[] = {
    {"reload",
     "Makes a running server load its scripts again. If they have an error, it is printed, and\n"
     "the server keeps the scripts that it runs."},
    {"rollback",
     "Makes a running server go back to the scripts that it ran before the last reload."},
    {"stats",
     "Prints the figures of a running server, a line each: those of server.stats(), times in\n"
     "seconds. It is answered whatever the workers do."},
};

static int print_help(const char *command)
{
    const char *text = "";
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
        if (strcmp(commands[i].name, command) == 0) text = commands[i].help;
    printf(help, command, text);
    return 0;
}

/* ---- the command line ---- */

static bool refuse_word(const char *command, const char *word, struct error *error)
{
    static const char *const options[] = {"--admin", "--help"};
    char typed[32];
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    if (word[0] != '-')
        return error_set(error, ERROR_USAGE,
                         "%s: what is %s? An address stands behind --admin; try moonport %s --help",
                         command, word, command);
    const char *nearest = settings_nearest(typed, options, sizeof options / sizeof *options);
    return error_set(error, ERROR_USAGE, "%s: no such option: %s%s%s%s; try moonport %s --help",
                     command, typed, nearest != NULL ? "; did you mean " : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "", command);
}

struct request {
    const char *command;
    struct address address;
    char where[ADDRESS_TEXT_MAX]; /* the same for people */
    bool help;
};

static bool read_words(int count, char **words, struct request *request, struct error *error)
{
    const char *address = OPTIONS_ADMIN;
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return request->help = true;
        if (strncmp(word, "--admin=", strlen("--admin=")) == 0)
            address = word + strlen("--admin=");
        else if (strcmp(word, "--admin") != 0)
            return refuse_word(request->command, word, error);
        else if (++i < count)
            address = words[i];
        else
            return error_set(error, ERROR_USAGE, "%s: --admin needs an address, for example %s",
                             request->command, OPTIONS_ADMIN);
    }
    if (!address_parse(address, &request->address, error)) return false;
    talk_prefer_loopback(&request->address);
    address_format(&request->address, request->where);
    return true;
}

/* ---- asking ---- */

/* A failure to send is no error yet: the answer may be there already. */
static void ask(intptr_t socket, const char *command)
{
    char line[64];
    int size = snprintf(line, sizeof line, "%s\n", command);
    check(size < (int)sizeof line);
    struct span unsent = span_of(line, (size_t)size);
    while (unsent.size > 0) {
        ptrdiff_t sent = talk_send(socket, unsent);
        if (sent == TALK_LOST) return;
        unsent = span_skip(unsent, (size_t)sent);
        if (unsent.size > 0 && talk_wait(socket, TALK_SENDABLE, PATIENCE_MS) == 0) return;
    }
}

static bool begins(struct span bytes, const char *head)
{
    size_t size = bytes.size < strlen(head) ? bytes.size : strlen(head);
    return size == 0 || memcmp(bytes.data, head, size) == 0;
}

static bool begins_whole(struct span bytes, const char *head)
{
    return bytes.size >= strlen(head) && begins(bytes, head);
}

static bool is_strange(struct span bytes)
{
    if (bytes.size > ANSWER_MAX) return true;
    return !begins(bytes, "ok\n") && !begins(bytes, "error\n");
}

/* Receives the whole answer, up to the end. */
static bool receive(const struct request *request, intptr_t socket, struct buffer *received,
                    struct error *error)
{
    struct error why;
    while (!is_strange(buffer_bytes(received))) {
        if (!buffer_reserve(received, PIECE))
            return error_set(error, ERROR_SYSTEM, "the system has no more memory");
        ptrdiff_t size = talk_receive(socket, received->data + received->end, PIECE, &why);
        if (size == TALK_ENDED) return true;
        if (size == TALK_LOST)
            return error_set(error, ERROR_SYSTEM, "no answer from %s: %.1800s", request->where,
                             why.text);
        received->end += (size_t)size;
        if (size == 0 && talk_wait(socket, TALK_RECEIVED, PATIENCE_MS) == 0)
            return error_set(error, ERROR_SYSTEM,
                             "no answer from %s for %d seconds: the server is busy, or it is not a "
                             "Moonport; its log says what became of the %s",
                             request->where, PATIENCE_MS / 1000, request->command);
    }
    return error_set(error, ERROR_SYSTEM,
                     "what listens at %s is not a Moonport, or that is not its setting admin",
                     request->where);
}

/* ---- telling ---- */

/* Prints text so that a terminal shows it, but does not obey it. */
static void print(struct span text, FILE *out)
{
    for (size_t i = 0; i < text.size; i++) {
        uint8_t byte = text.data[i];
        bool control = byte < 0x20 || byte == 0x7f;
        putc(control && byte != '\n' && byte != '\t' ? '?' : byte, out);
    }
}

/* Prints the answer; returns the exit status. */
static int tell(const struct request *request, struct span answer, struct error *error)
{
    if (begins_whole(answer, "ok\n")) {
        print(span_skip(answer, strlen("ok\n")), stdout);
        if (fflush(stdout) == 0) return 0;
        error_set(error, ERROR_SYSTEM, "it is done, but that cannot be printed");
    } else if (!begins_whole(answer, "error\n")) {
        error_set(error, ERROR_SYSTEM,
                  "the connection to %s ended before the answer: the server has ended, or that is "
                  "not its setting admin",
                  request->where);
    } else if (answer.size > strlen("error\n")) {
        print(span_skip(answer, strlen("error\n")), stderr);
        return ERROR_INPUT;
    } else {
        error_set(error, ERROR_INPUT,
                  "the server at %s does not know the command %s: is it an older one?",
                  request->where, request->command);
    }
    return (int)error->kind;
}

int admin_client_main(int count, char **words)
{
    struct request request = {.command = words[0]};
    struct buffer received = {.data = NULL};
    struct error error = {.kind = ERROR_NONE}, why;
    int status = ERROR_USAGE;
    if (!read_words(count, words, &request, &error)) goto failed;
    if (request.help) return print_help(request.command);

    status = ERROR_SYSTEM;
    intptr_t socket = talk_connect(&request.address, &why);
    if (socket < 0) {
        error_set(&error, ERROR_SYSTEM,
                  "cannot reach a server at %s, or that is not its setting admin: %.1800s",
                  request.where, why.text);
        goto failed;
    }
    ask(socket, request.command);
    if (receive(&request, socket, &received, &error))
        status = tell(&request, buffer_bytes(&received), &error);
    talk_disconnect(socket);
    free(received.data);

failed:
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    return status;
}
