#include "commands/admin_client.h"

#include "base/settings.h"
#include "base/utf8.h"
#include "commands/admin_http.h"
#include "commands/talk.h"
#include "reload/options.h"

#include <stdio.h>
#include <stdlib.h>

/* What may stand behind a command, besides --admin. */
enum { TAKES_JSON = 1, TAKES_VIEW = 2 };

static const struct command {
    const char *name, *words; /* words: as in its usage */
    const char *method, *target;
    unsigned takes;
    const char *help;
} commands[] = {
    {"reload", "", "POST", "/reload", 0,
     "Makes a running server load its scripts again. If they have an error, or with the setting\n"
     "reload_tests a test fails, it is printed, and the server keeps the scripts that it runs.\n"},
    {"rollback", "", "POST", "/rollback", 0,
     "Makes a running server go back to the scripts that it ran before the last reload. Tests of\n"
     "a reload that is under way are ended.\n"},
    {"stats", "", "GET", "/stats", TAKES_JSON,
     "Prints the figures of a running server, a line each, as server.stats() has them; times in\n"
     "seconds; and how new scripts that are on probation are getting on. It is answered whatever\n"
     "the workers do.\n"},
    {"connections", " [close ID]", "GET", "/connections", TAKES_JSON | TAKES_VIEW,
     "Prints the connections of a running server, a line each; times in seconds, what is queued "
     "in\n"
     "bytes. With close ID: closes that one, when what is queued has been sent.\n"
     "\n"
     "  --sort COLUMN   id (default), address, worker, listener, age, idle or queued\n"
     "  --desc          the largest first\n"
     "  --filter TEXT   those whose address, id or state has this in it\n"
     "  --offset N      leaves out the first N; --limit N: prints N at most (default 100)\n"},
    {"errors", "", "GET", "/errors", TAKES_JSON,
     "Prints the errors of a running server's scripts, each kind once: how often it happened, "
     "where,\n"
     "and its first traceback.\n"},
    {"log", " [LEVEL]", "GET", "/log", TAKES_JSON,
     "Prints the recent lines of a running server's log. With LEVEL (error, warn, info or debug):\n"
     "makes it log up to that level.\n"},
    {"listener", " open|close N", "POST", "/listeners", 0,
     "Closes a listener of a running server, which then accepts no connections there, and keeps\n"
     "those that it has; or opens it again. N is its number: moonport stats prints them.\n"},
    {"drain", "", "POST", "/drain", 0,
     "Makes a running server accept no more connections, and end when the last has left. Opening "
     "a\n"
     "listener calls it off.\n"},
    {"stop", "", "POST", "/stop", 0,
     "Makes a running server end as ^C does: what is queued is sent first, for drain_timeout at\n"
     "most. Asked once more, after a second, it ends at once.\n"},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static const struct command *command_of(const char *name)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(commands[i].name, name) == 0) return &commands[i];
    return NULL;
}

static int print_help(const struct command *command)
{
    printf("moonport %s%s [--admin ADDRESS]%s\n\n%s%s"
           "  --admin ADDRESS   the server's setting admin (default " OPTIONS_ADMIN ")\n%s"
           "\n"
           "The server wants to be shown its token. It leaves one for its own user, which is found "
           "by\n"
           "itself; anybody else sets MOONPORT_TOKEN to it.\n"
           "\n"
           "Exit status: 0 done, 1 the server could not do it, and says why, 2 usage, 3 no server "
           "was\n"
           "reached there, or it did not answer.\n",
           command->name, command->words, command->takes & TAKES_JSON ? " [--json]" : "",
           command->help, command->takes & TAKES_VIEW ? "" : "\n",
           command->takes & TAKES_JSON ? "  --json            prints JSON, for programs\n" : "");
    return 0;
}

/* ---- the command line ---- */

struct request {
    const struct command *command;
    struct admin_question question;
    const char *words[2]; /* without dashes, behind the command */
    int word_count;
    bool help;
};

static const struct option {
    const char *name, *parameter,
        *fixed; /* parameter of the query; fixed: its value, if the option has none */
    unsigned needs;
    const char *example;
} options[] = {
    {"--sort", "sort", NULL, TAKES_VIEW, "idle"},
    {"--desc", "order", "desc", TAKES_VIEW, NULL},
    {"--filter", "filter", NULL, TAKES_VIEW, "10."},
    {"--offset", "offset", NULL, TAKES_VIEW, "100"},
    {"--limit", "limit", NULL, TAKES_VIEW, "20"},
};
enum { OPTIONS = sizeof options / sizeof *options };

static bool refuse_option(const struct request *request, const char *word, struct error *error)
{
    const char *known[OPTIONS + 3] = {"--admin", "--help"};
    const char *command = request->command->name;
    size_t count = 2;
    char typed[32];
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    if (request->command->takes & TAKES_JSON) known[count++] = "--json";
    for (int i = 0; i < OPTIONS; i++)
        if (request->command->takes & options[i].needs) known[count++] = options[i].name;
    const char *nearest = settings_nearest(typed, known, count);
    return error_set(error, ERROR_USAGE, "%s: no such option: %s%s%s%s; try moonport %s --help",
                     command, typed, nearest != NULL ? "; did you mean " : "",
                     nearest != NULL ? nearest : "", nearest != NULL ? "?" : "", command);
}

/* The value of an option: behind its =, or the next word. NULL: it is missing. */
static const char *value_of(const char *name, int count, char **words, int *at)
{
    const char *behind = words[*at] + strlen(name);
    if (*behind == '=') return behind + 1;
    return ++*at < count ? words[*at] : NULL;
}

static bool is_option(const char *word, const char *name)
{
    size_t size = strlen(name);
    return strncmp(word, name, size) == 0 && (word[size] == '\0' || word[size] == '=');
}

static bool refuse_missing(const struct request *request, const char *name, const char *example,
                           struct error *error)
{
    return error_set(error, ERROR_USAGE, "%s: %s needs %s, for example %s", request->command->name,
                     name, strcmp(name, "--admin") == 0 ? "an address" : "a value", example);
}

static bool read_view_option(struct request *request, int count, char **words, int *at,
                             struct error *error)
{
    for (const struct option *option = options; option < options + OPTIONS; option++) {
        if (!is_option(words[*at], option->name)) continue;
        if (!(request->command->takes & option->needs)) break;
        const char *value = option->fixed;
        if (value == NULL) value = value_of(option->name, count, words, at);
        if (value == NULL) return refuse_missing(request, option->name, option->example, error);
        return admin_http_add(&request->question, option->parameter, value) ||
               error_set(error, ERROR_USAGE, "%s: %s is too long", request->command->name,
                         option->name);
    }
    return refuse_option(request, words[*at], error);
}

static bool take_word(struct request *request, const char *word, struct error *error)
{
    const char *name = request->command->name;
    if (request->command->words[0] != '\0' && request->word_count < 2) {
        request->words[request->word_count++] = word;
        return true;
    }
    return error_set(error, ERROR_USAGE,
                     "%s: what is %s? An address stands behind --admin; try moonport %s --help",
                     name, word, name);
}

static bool read_words(int count, char **words, struct request *request, struct error *error)
{
    struct admin_question *question = &request->question;
    const char *address = OPTIONS_ADMIN;
    for (int i = 1; i < count; i++) {
        const char *word = words[i];
        bool fine = true;
        if (strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0) return request->help = true;
        if (is_option(word, "--admin")) {
            address = value_of("--admin", count, words, &i);
            fine = address != NULL || refuse_missing(request, "--admin", OPTIONS_ADMIN, error);
        } else if (strcmp(word, "--json") == 0 && request->command->takes & TAKES_JSON) {
            question->wants_json = true;
        } else if (word[0] == '-') {
            fine = read_view_option(request, count, words, &i, error);
        } else {
            fine = take_word(request, word, error);
        }
        if (!fine) return false;
    }
    if (!address_parse(address, &question->address, error)) return false;
    talk_prefer_loopback(&question->address);
    address_format(&question->address, question->where);
    return true;
}

/* ---- commands with words ---- */

static bool is_number(const char *word)
{
    return word[0] != '\0' && strspn(word, "0123456789") == strlen(word) && strlen(word) < 18;
}

static bool refuse_words(const struct request *request, struct error *error)
{
    return error_set(error, ERROR_USAGE, "usage: moonport %s%s; try moonport %s --help",
                     request->command->name, request->command->words, request->command->name);
}

/* Turns the words of a command into its method and target. */
static bool use_words(struct request *request, struct error *error)
{
    struct admin_question *question = &request->question;
    const char *first = request->words[0], *second = request->words[1];
    const char *name = request->command->name;
    int count = request->word_count;
    bool has_number = count == 2 && is_number(second);
    if (strcmp(name, "listener") == 0) {
        if (!has_number || (strcmp(first, "open") != 0 && strcmp(first, "close") != 0))
            return refuse_words(request, error);
        snprintf(question->target, sizeof question->target, "/listeners/%s/%s", second, first);
    } else if (strcmp(name, "connections") == 0 && count > 0) {
        if (!has_number || strcmp(first, "close") != 0) return refuse_words(request, error);
        question->method = "POST";
        snprintf(question->target, sizeof question->target, "/connections/%s/close", second);
    } else if (strcmp(name, "log") == 0 && count > 0) {
        if (count > 1) return refuse_words(request, error);
        question->method = "POST";
        return admin_http_add(question, "level", first);
    }
    return true;
}

/* ---- telling ---- */

/* A character that a terminal shows: some obey those from U+0080 to U+009F, or single bytes like them. */
static bool is_shown(struct span text, size_t size)
{
    uint8_t first = text.data[0];
    if (size == 1) return (first >= 0x20 && first != 0x7f) || first == '\n' || first == '\t';
    return size > 1 && !(first == 0xc2 && text.data[1] < 0xa0);
}

/* Prints text so that a terminal shows it, but does not obey it. */
void admin_client_print(struct span text, FILE *out)
{
    while (text.size > 0) {
        size_t size = utf8_size(text);
        if (is_shown(text, size))
            fwrite(text.data, 1, size, out);
        else
            putc('?', out);
        text = span_skip(text, size > 0 ? size : 1);
    }
}

/* Prints the answer; returns the exit status. */
static int tell(const struct request *request, const struct admin_reply *reply, struct error *error)
{
    struct span body = buffer_bytes(&reply->body);
    const char *where = request->question.where;
    switch (reply->status) {
    case 200:
        admin_client_print(body, stdout);
        if (request->question.wants_json) putchar('\n');
        if (fflush(stdout) == 0) return 0;
        error_set(error, ERROR_SYSTEM, "it is done, but that cannot be printed");
        break;
    case 401: admin_http_want_token(&request->question, error); break;
    case 404:
        if (request->word_count == 0) {
            error_set(error, ERROR_INPUT,
                      "the server at %s does not know the command %s: is it an older one?", where,
                      request->command->name);
            break;
        } /* fall through */
    default: admin_client_print(body, stderr); return ERROR_INPUT;
    }
    return (int)error->kind;
}

int admin_client_main(int count, char **words)
{
    struct request request = {.command = command_of(words[0])};
    struct admin_reply reply = {.status = 0};
    struct error error = {.kind = ERROR_NONE};
    int status = ERROR_USAGE;
    check(request.command != NULL);
    request.question.method = request.command->method;
    snprintf(request.question.target, sizeof request.question.target, "%s",
             request.command->target);
    if (read_words(count, words, &request, &error) && !request.help &&
        use_words(&request, &error)) {
        status = ERROR_SYSTEM;
        if (admin_http_ask(&request.question, &reply, &error))
            status = tell(&request, &reply, &error);
        free(reply.body.data);
    }
    if (request.help) return print_help(request.command);
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    return status;
}
