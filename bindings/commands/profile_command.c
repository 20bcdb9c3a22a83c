#include "commands/profile_command.h"

#include "admin/profiler.h"
#include "base/clock.h"
#include "base/settings.h"
#include "commands/admin_client.h"
#include "commands/admin_http.h"
#include "commands/talk.h"
#include "reload/options.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

enum { SECONDS = 10, AGAIN_MS = 100 };
#define PATIENCE_NS UINT64_C(5000000000) /* for an answer behind its time */

static const char help[] =
    "moonport profile [--seconds N] [--worker N] [--svg FILE] [--speedscope FILE] [--admin "
    "ADDRESS]\n"
    "\n"
    "Samples for some seconds what the Lua of a running server does, and prints where its time "
    "goes:\n"
    "for each handler, for each function by itself and with all that it calls, and for each line; "
    "and\n"
    "which lines allocate memory. The server goes on meanwhile, a few percent slower at most.\n"
    "\n"
    "  --seconds N         for so long: 1 to 300 (default 10)\n"
    "  --worker N          of this worker alone (default: of all together)\n"
    "  --svg FILE          writes a flame graph as well, for a browser\n"
    "  --speedscope FILE   writes a file for https://www.speedscope.app as well\n"
    "  --admin ADDRESS     the server's setting admin (default " OPTIONS_ADMIN ")\n"
    "\n"
    "The server wants to be shown its token. It leaves one for its own user, which is found by\n"
    "itself; anybody else sets MOONPORT_TOKEN to it.\n"
    "\n"
    "Exit status: 0 done, 1 the server could not do it, and says why, 2 usage, 3 no server was\n"
    "reached there, it did not answer, or a file cannot be written.\n";

/* A file that is written beside the text. */
struct output {
    const char *format;
    const char *name; /* NULL: it was not asked for */
    FILE *file;
};

struct request {
    struct admin_question question; /* without a target */
    const char *address;
    const char *seconds, *worker; /* NULL: as the server has it */
    struct output outputs[2];
    bool help;
};

/* ---- the command line ---- */

static bool refuse(const char *word, struct error *error)
{
    static const char *const known[] = {"--admin",      "--help", "--seconds",
                                        "--speedscope", "--svg",  "--worker"};
    char typed[32];
    snprintf(typed, sizeof typed, "%.*s", (int)strcspn(word, "="), word);
    const char *nearest =
        word[0] == '-' ? settings_nearest(typed, known, sizeof known / sizeof *known) : NULL;
    return error_set(error, ERROR_USAGE, "profile: what is %s?%s%s%s try moonport profile --help",
                     typed, nearest != NULL ? " Did you mean " : "", nearest != NULL ? nearest : "",
                     nearest != NULL ? "?" : "");
}

/* The option at `at`, if it is this one: true, and its value, or an error if it has none. */
static bool take_option(const char *name, const char *example, int count, char **words, int *at,
                        const char **value, struct error *error)
{
    const char *word = words[*at];
    size_t size = strlen(name);
    if (strncmp(word, name, size) != 0 || (word[size] != '\0' && word[size] != '=')) return false;
    if (word[size] == '=')
        *value = word + size + 1;
    else if (++*at < count)
        *value = words[*at];
    else
        error_set(error, ERROR_USAGE, "profile: %s needs a value, for example %s", name, example);
    return true;
}

static bool is_number(const char *word, long most)
{
    bool digits = word[0] != '\0' && strspn(word, "0123456789") == strlen(word);
    return digits && strlen(word) < 10 && strtol(word, NULL, 10) >= 1 &&
           strtol(word, NULL, 10) <= most;
}

static bool check_numbers(const struct request *request, struct error *error)
{
    if (request->seconds != NULL && !is_number(request->seconds, PROFILER_SECONDS_MAX))
        return error_set(error, ERROR_USAGE, "profile: --seconds is a number from 1 to %d, not %s",
                         PROFILER_SECONDS_MAX, request->seconds);
    if (request->worker != NULL && !is_number(request->worker, CONFIG_WORKERS_MAX))
        return error_set(error, ERROR_USAGE, "profile: --worker is the number of a worker, not %s",
                         request->worker);
    return true;
}

static bool read_words(int count, char **words, struct request *request, struct error *error)
{
    struct output *svg = &request->outputs[0], *speedscope = &request->outputs[1];
    for (int i = 1; i < count; i++) {
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0)
            return request->help = true;
        if (!take_option("--seconds", "30", count, words, &i, &request->seconds, error) &&
            !take_option("--worker", "1", count, words, &i, &request->worker, error) &&
            !take_option("--svg", "profile.svg", count, words, &i, &svg->name, error) &&
            !take_option("--speedscope", "profile.json", count, words, &i, &speedscope->name,
                         error) &&
            !take_option("--admin", OPTIONS_ADMIN, count, words, &i, &request->address, error))
            return refuse(words[i], error);
        if (error->kind != ERROR_NONE) return false;
    }
    struct admin_question *question = &request->question;
    if (!check_numbers(request, error) ||
        !address_parse(request->address, &question->address, error))
        return false;
    talk_prefer_loopback(&question->address);
    address_format(&question->address, question->where);
    return true;
}

/* ---- asking ---- */

static void wait_for(uint64_t duration_ns)
{
    const struct timespec pause = {.tv_sec = (time_t)(duration_ns / 1000000000),
                                   .tv_nsec = (long)(duration_ns % 1000000000)};
    nanosleep(&pause, NULL);
}

static bool tell_refusal(const struct request *request, const struct admin_reply *reply,
                         struct error *error)
{
    struct span body = buffer_bytes(&reply->body);
    const char *where = request->question.where;
    if (reply->status == 401) {
        admin_http_want_token(&request->question, error);
    } else if (reply->status == 404 && request->worker == NULL) {
        error_set(error, ERROR_INPUT,
                  "the server at %s does not know the command profile: is it an older one?", where);
    } else {
        admin_client_print(body, stderr);
        error->kind = ERROR_INPUT;
        error->text[0] = '\0';
    }
    return false;
}

static bool start(const struct request *request, struct error *error)
{
    struct admin_question question = request->question;
    struct admin_reply reply;
    question.method = "POST";
    snprintf(question.target, sizeof question.target, "/profile");
    if (request->seconds != NULL) admin_http_add(&question, "seconds", request->seconds);
    if (request->worker != NULL) admin_http_add(&question, "worker", request->worker);
    bool fine = admin_http_ask(&question, &reply, error);
    if (fine && reply.status != 200) fine = tell_refusal(request, &reply, error);
    free(reply.body.data);
    return fine;
}

/* Asks for it in this form until it is there. */
static bool fetch(const struct request *request, const char *format, struct admin_reply *reply,
                  struct error *error)
{
    struct admin_question question = request->question;
    uint64_t end_ns = clock_after_ns(PATIENCE_NS);
    question.method = "GET";
    snprintf(question.target, sizeof question.target, "/profile?format=%s", format);
    for (;;) {
        if (!admin_http_ask(&question, reply, error)) return false;
        if (reply->status == 200) return true;
        if (reply->status != 409 || clock_now_ns() > end_ns)
            return tell_refusal(request, reply, error);
        free(reply->body.data);
        wait_for(AGAIN_MS * UINT64_C(1000000));
    }
}

/* ---- files ---- */

static bool refuse_file(const struct output *output, struct error *error)
{
    return error_set(error, ERROR_SYSTEM, "profile: cannot write %s: %s", output->name,
                     strerror(errno));
}

/* Before anything is asked, so that no profile is lost. */
static bool open_files(struct request *request, struct error *error)
{
    for (int i = 0; i < 2; i++) {
        struct output *output = &request->outputs[i];
        if (output->name == NULL) continue;
        output->file = fopen(output->name, "wb");
        if (output->file == NULL) return refuse_file(output, error);
    }
    return true;
}

static bool write_file(const struct request *request, struct output *output, struct error *error)
{
    struct admin_reply reply;
    bool fine = fetch(request, output->format, &reply, error);
    struct span body = buffer_bytes(&reply.body);
    if (fine) {
        bool written = fwrite(body.data, 1, body.size, output->file) == body.size;
        written = fclose(output->file) == 0 && written;
        output->file = NULL;
        fine = written || refuse_file(output, error);
    }
    free(reply.body.data);
    return fine;
}

static bool print_text(const struct request *request, struct error *error)
{
    struct admin_reply reply;
    bool fine = fetch(request, "text", &reply, error);
    if (fine) {
        admin_client_print(buffer_bytes(&reply.body), stdout);
        fine = fflush(stdout) == 0 ||
               error_set(error, ERROR_SYSTEM, "it is done, but that cannot be printed");
    }
    free(reply.body.data);
    return fine;
}

static void take(struct request *request, struct error *error)
{
    long seconds = request->seconds != NULL ? strtol(request->seconds, NULL, 10) : SECONDS;
    bool fine = open_files(request, error) && start(request, error);
    if (fine && isatty(STDERR_FILENO)) fprintf(stderr, "sampling for %ld s ...\n", seconds);
    if (fine) wait_for((uint64_t)seconds * UINT64_C(1000000000));
    for (int i = 0; i < 2 && fine; i++)
        if (request->outputs[i].name != NULL)
            fine = write_file(request, &request->outputs[i], error);
    if (fine) print_text(request, error);
    for (int i = 0; i < 2; i++)
        if (request->outputs[i].file != NULL) fclose(request->outputs[i].file);
}

int profile_main(int count, char **words)
{
    struct error error = {.kind = ERROR_NONE};
    struct request request = {
        .address = OPTIONS_ADMIN,
        .outputs = {{.format = "svg"}, {.format = "speedscope"}},
    };
    if (read_words(count, words, &request, &error) && !request.help) take(&request, &error);
    if (request.help) fputs(help, stdout);
    if (error.kind != ERROR_NONE && error.text[0] != '\0')
        fprintf(stderr, "moonport: %s\n", error.text);
    return (int)error.kind;
}
