/* Every piece of Lua in scripts/README.md does what the text around it says. A main.lua and the files
 * behind it are one server: `moonport check` finds nothing wrong with it, its tests pass, and it is
 * talked to as `conversations` has it. */
#include "harness.h"
#include "harness_process.h"
#include "packages.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SECTIONS = 7, FILES_MAX = 4, CLIENTS = 10, VARIABLES_MAX = 4, LINE_SIZE = 512 };

/* One step a line. A client, by number, connects when it is first named:
 *
 *     1> text          sends it              1.      its connection is ended by the server
 *     1< text          gets it               1x      leaves
 *     1~ text          gets it, perhaps after other packets
 *     log text         the server's log has it
 *     edit FILE: old => new
 *
 * What stands in a packet where {name} is expected is what {name} is from then on. */
struct conversation {
    const char *title; /* of the main.lua */
    int workers;
    const char *steps;
};

static const struct conversation conversations[] = {
    {"an echo", 2, "1> hello\n1< you said: hello\n"},
    {"a table of handlers", 2,
     "1< welcome\n1> hello\n1< HELLO\nedit main.lua: upper() => reverse()\n"
     "log generation 2 runs\n1> hello\n1< olleh\n"},
    {"counting packets", 2,
     "1> hello\n1< 1 hello\n2> hello\n2< 1 hello\n1> bye\n1< 2 bye\n1.\n2x\n"
     "log 127.0.0.1 left after 2 packets: said bye\nlog 127.0.0.1 left after 1 packets: eof\n"},
    {"whispering", 2,
     "1< you are {1}\n2< you are {2}\n3< you are {3}\n1> {2} psst\n2< psst\n2> {3} yes?\n3< yes?\n"
     "3> {1} no\n1< no\n1> {1} me\n1< me\n1> 12345 you\n1< nobody heard that: closed\n1> hello\n"
     "1< write a number and a text\n"},
    {"lines", 2, "1> hello\n1< 5 characters\n"},
    {"a Redis of three commands", 2,
     "1> *1\r\n1> $4\r\n1> PING\r\n1< +PONG\r\n1> *3\r\n1> $3\r\n1> set\r\n1> $3\r\n"
     "1> tea\r\n1> $4\r\n1> 2.50\r\n1< +OK\r\n2> *2\r\n2> $3\r\n2> GET\r\n2> $3\r\n"
     "2> tea\r\n2< $4\r\n2< 2.50\r\n1> *2\r\n1> $3\r\n1> GET\r\n1> $1\r\n1> x\r\n1< $-1\r\n"
     "1> *1\r\n1> $2\r\n1> NO\r\n1< -ERR unknown command\r\n1> hello\r\n"
     "1< -ERR that is no command, or too large\r\n1.\n"},
    {"a header of four digits", 1,
     "1> 0006hello\n1< 0006HELLO\n1> 0001a0003xy\n1< 0001A0003XY\n1> no size\n1.\n"},
    {"who listens in", 1, "1< anybody can read this\n1> hello\n1< hello\n"},
    {"a webhook", 1,
     "1> GET /health HTTP/1.1\r\n1> Host: here\r\n1> \r\n1< HTTP/1.1 200 OK\r\n1~ fine\n"
     "1> POST /built HTTP/1.1\r\n1> Host: here\r\n1> X-Token: secret\r\n"
     "1> Content-Length: 4\r\n1> \r\n1> 1.2\n1< HTTP/1.1 202 Accepted\r\n1~ thanks\n"
     "2> GET / HTTP/1.0\r\n2> \r\n2< HTTP/1.1 404 Not Found\r\n2~ not here\n2.\n"},
    {"a long list", 1, "1> 3\n1< line 1\n1< line 2\n1< line 3\n1> 20000\n1~ line 20000\n"},
    {"a quiz", 1, "1> start\n1< 6 times 7? You have five seconds\n1> 41\n1> 42\n1< right\n"},
    {"a countdown", 1, "1> 3\n1> 1\n2> 0\n2< go\n1< 3\n1< 2\n1< 1\n1< go\n1< 1\n1< go\n"},
    {"are you there", 1, "1> hello\n1< good to hear from you\n"},
    {"rooms", 2,
     "1> join kitchen\n1< 1 in kitchen\n2> join kitchen\n2< 2 in kitchen\n3> join cellar\n"
     "3< 1 in cellar\n1> soup?\n2< soup?\n3> join kitchen\n3< 3 in kitchen\n2> please\n1< please\n"
     "3< please\n"},
    {"visitors", 2,
     "1< you are visitor 1\n2< you are visitor 2\n3< you are visitor 3\n1> ann\n"
     "1< the name is yours for an hour\n2> ann\n2< that name is taken\n2> bob\n"
     "2< the name is yours for an hour\n3> ann\n3< that name is taken\n"},
    {"an auction", 2,
     "1> 5\n1< you lead\n2> 5\n2< too low\n2> 7\n2< you lead\n1> 6\n1< too low\n1> news\n"
     "1< {a} bids 5\n3> news\n3< {b} bids 7\n2> news\n2< no news\n"},
    {"a notice board", 2,
     "1> soup\n1< worker {a} of 2 has it from {w}\n1< worker {b} of 2 has it from {w}\n1> read\n"
     "1< soup\n2> read\n2< soup\n"},
    {"what goes wrong", 1,
     "9> stays\n9< stays\n1> fail\n1.\nlog main.lua:4: no such luck\nlog stack traceback\n2> spin\n"
     "2.\nlog main.lua:6: interrupted\n3> eat\n3.\nlog not enough memory\n9> stays\n9< stays\n"},
    {"a till", 2,
     "1> tea\n1< 2.50\n2> cake\n2< 4.00\n1> cake\n1< 6.50\n1> stone\n1.\n"
     "log no price for stone\n"},
    {"what survives", 1,
     "1> ann\n1< hello, ann 1 1 1\n2> bob\n2< hello, bob 2 1 2\nedit words.lua: hello => good day\n"
     "log generation 2 runs\n1> ann\n1< good day, ann 1 2 3\nedit words.lua: } => \n"
     "log words.lua:3\nlog nothing has changed: generation 2 runs\n2> bob\n"
     "2< good day, bob 2 2 4\nedit words.lua: good day\" => hi\" }\nlog generation 3 runs\n"
     "1> ann\n1< hi, ann 1 3 5\n"},
    {"handing on", 1,
     "1> tea\n1< 1: tea\n1> cake\n1< 2: tea cake\nedit main.lua: of the old code => once\n"
     "log generation 2 runs\n1> list\n1< 2: tea cake\n"},
    {"opened once", 1,
     "1> tea\n1< 1 lines\nedit main.lua: \" lines\" => \" in all\"\nlog generation 2 runs\n1> "
     "cake\n"
     "1< 2 in all\n"},
    {"a score", 1,
     "1> 5\n1< you have 5\nedit main.lua: conn.data.score + => conn.data.scor +\n"
     "log generation 2 runs\n1> 1\n1> 1\n1> 1\nlog attempt to perform arithmetic on\n"
     "log generation 3 runs\n1> 2\n1< you have 7\n"},
    {"a timer that stays", 2,
     "1< tick\n2< tick\nedit main.lua: tick => tock\nlog generation 2 runs\n1~ tock\n2~ tock\n"
     "1> time\n1~ it is {h}:{m}\n"},
    {"a loop that ends with its code", 1,
     "1> go\n1< one\n1< one\nedit main.lua: one => two\nlog generation 2 runs\n"
     "1~ newer code is there\n1> go\n1< two\n"},
    {"visits", 2,
     "1> ann\n1< ann, visit 1\n2> ann\n2< ann, visit 2\n1> bob\n1< bob, visit 1\n"
     "1> x', 7) --\n1< x', 7) --, visit 1\nedit store.lua: database:escape => database:escaped\n"
     "log generation 2 runs\n1> ann\n1< ask again later: error\nlog method 'escaped'\n"
     "edit store.lua: database:escaped => database:escape\nlog generation 3 runs\n"
     "2> ann\n2< ann, visit 3\n"},
    {"visits in PostgreSQL", 2,
     "1> ann\n1< ann, visit 1\n2> ann\n2< ann, visit 2\n1> bob\n1< bob, visit 1\n"
     "1> x', 7) --\n1< x', 7) --, visit 1\nedit main.lua: , visit => , call\n"
     "log generation 2 runs\n1> ann\n1< ann, call 3\n"
     "edit store.lua: insert => select pg_terminate_backend(pg_backend_pid()); insert\n"
     "log generation 3 runs\n1> ann\n1< ask again later: error\n"
     "edit store.lua: select pg_terminate_backend(pg_backend_pid());  => \n"
     "log generation 4 runs\n1> ann\n1< ann, call 4\n"},
    {"JSON", 1,
     "1> {\"price\": 2.5, \"count\": 4}\n1< {\"total\":10}\n1> {\"price\": 7}\n1< {\"total\":7}\n"
     "1> {}\n1< {\"error\":\"no price\"}\n1> {\n"
     "1< {\"error\":\"Expected object key string but found T_END at character 2\"}\n"},
    {"tables for two", 3,
     "1> blue\n1< 1 at blue\n2> blue\n1< 2 at blue\n2< 2 at blue\n3> blue\n3< blue is full\n"
     "3> red\n3< 1 at red\nedit main.lua: at \" .. name => on \" .. name\n"
     "log generation 2 runs\n1> red\n1< 2 on red\n3< 2 on red\n1> blue\n1< 2 on blue\n"
     "2< 2 on blue\n"},
    {"a kitchen", 3,
     "1> soup\n1< a moment, please\n1< soup is ready\n2> cake\n2< a moment, please\n"
     "2< cake is ready\nedit main.lua: is ready => is served\nlog generation 2 runs\n"
     "1> tea\n1< a moment, please\n1~ tea is ready\n1> tea\n1< a moment, please\n"
     "1< tea is served\n"},
    {"a race", 3,
     "1> ready\n1< on your marks\n2> ready\n2< on your marks\n3> go\n3< 2 run\n1< run!\n2< run!\n"
     "3> go\n3< 0 run\n"},
};
enum { CONVERSATIONS = sizeof conversations / sizeof *conversations };

/* Those that need a module in C have tests of their own. */
static const struct need {
    const char *title, *module, *package;
} needs[] = {
    {"visits", "luasql.sqlite3", "lua-sql-sqlite3"},
    {"visits in PostgreSQL", "luasql.postgres", "lua-sql-postgres"},
    {"JSON", "cjson.safe", "lua-cjson"},
};
enum { NEEDS = sizeof needs / sizeof *needs };

/* ---- the guide ---- */

struct file {
    char name[64], text[4096];
};

/* A main.lua and the files behind it. */
struct example {
    char title[96];
    struct file files[FILES_MAX];
    int count;
};

static char *read_guide(void)
{
    char path[512];
    snprintf(path, sizeof path, "%s/README.md", getenv("MOONPORT_SCRIPTS"));
    char *guide = file_read(path);
    cr_assert_str_neq(guide, "", "%s is missing", path);
    return guide;
}

/* Takes one line, without its end. NULL: there is none. */
static char *take_line(char **text)
{
    char *line = *text;
    if (*line == '\0') return NULL;
    *text += strcspn(line, "\n");
    if (**text == '\n') *(*text)++ = '\0';
    return line;
}

/* The lines up to the end of the block, of which the first is "-- FILE" or "-- FILE: title". */
static void read_block(char **text, struct file *file, char *title, size_t title_size)
{
    char *line = take_line(text);
    cr_assert(line != NULL && sscanf(line, "-- %63[a-z_.]", file->name) == 1,
              "a block does not begin with its file's name: %s", line);
    const char *colon = strstr(line, ": ");
    snprintf(title, title_size, "%s", colon == NULL ? "" : colon + 2);
    size_t size = (size_t)snprintf(file->text, sizeof file->text, "%s\n", line);
    while ((line = take_line(text)) != NULL && strcmp(line, "```") != 0) {
        size += (size_t)snprintf(file->text + size, sizeof file->text - size, "%s\n", line);
        cr_assert(size < sizeof file->text, "%s is too long for this test", title);
    }
    cr_assert_not_null(line, "the block \"%s\" does not end", title);
}

/* Calls `each` for every example of a section, 0: of all. Returns how many sections there are. */
static int go_through(int section, void (*each)(const struct example *example))
{
    static struct example example;
    int number = 0;
    char *guide = read_guide(), *text = guide, *line;
    example.count = 0;
    while ((line = take_line(&text)) != NULL) {
        bool begins = strncmp(line, "## ", 3) == 0;
        if (begins) {
            if (example.count > 0) each(&example);
            example.count = 0;
            cr_assert_eq(atoi(line + 3), ++number, "%s", line);
        }
        if (strncmp(line, "```", 3) != 0 || (section != 0 && section != number)) continue;
        struct file file;
        char title[96];
        cr_assert_str_eq(line, "```lua");
        read_block(&text, &file, title, sizeof title);
        if (strcmp(file.name, "main.lua") == 0) {
            if (example.count > 0) each(&example);
            example.count = 0;
            snprintf(example.title, sizeof example.title, "%s", title);
        }
        cr_assert(example.count > 0 || strcmp(file.name, "main.lua") == 0,
                  "%s stands before its main.lua", file.name);
        cr_assert(example.count < FILES_MAX);
        example.files[example.count++] = file;
    }
    if (example.count > 0) each(&example);
    free(guide);
    return number;
}

static const struct conversation *find_conversation(const char *title)
{
    for (int i = 0; i < CONVERSATIONS; i++)
        if (strcmp(conversations[i].title, title) == 0) return &conversations[i];
    return NULL;
}

/* ---- talking ---- */

struct talk {
    struct server *server;
    bool lines; /* its packets are lines, or it takes any bytes, or it speaks HTTP */
    int clients[CLIENTS];
    struct variable {
        char name[16], value[64];
    } variables[VARIABLES_MAX];
    int variable_count;
};

static int client_of(struct talk *talk, char digit)
{
    int *client = &talk->clients[digit - '0'];
    if (*client == -1) *client = client_connect(talk->server);
    return *client;
}

/* The text with the variables that are known in their places. */
static void fill_in(const struct talk *talk, const char *text, char filled[LINE_SIZE])
{
    size_t size = 0;
    while (*text != '\0') {
        const struct variable *found = NULL;
        for (int i = 0; i < talk->variable_count && found == NULL; i++)
            if (*text == '{' &&
                strncmp(text + 1, talk->variables[i].name, strcspn(text + 1, "}")) == 0)
                found = &talk->variables[i];
        cr_assert(size + 1 < LINE_SIZE, "a step is too long for this test");
        if (found == NULL) {
            filled[size++] = *text++;
            continue;
        }
        size += (size_t)snprintf(filled + size, LINE_SIZE - size, "%s", found->value);
        text += strcspn(text, "}") + 1;
    }
    cr_assert(size < LINE_SIZE, "a step is too long for this test");
    filled[size] = '\0';
}

/* Is it what is expected? If so, it says what the variables are that were not known. */
static bool matches(struct talk *talk, const char *expected, const char *got)
{
    char filled[LINE_SIZE];
    if (strcmp(expected, got) == 0) return true;
    for (;;) {
        fill_in(talk, expected, filled);
        const char *open = strchr(filled, '{');
        if (open == NULL || strchr(open, '}') == NULL) return strcmp(filled, got) == 0;
        if (strncmp(filled, got, (size_t)(open - filled)) != 0) return false;
        cr_assert(talk->variable_count < VARIABLES_MAX);
        struct variable *variable = &talk->variables[talk->variable_count++];
        snprintf(variable->name, sizeof variable->name, "%.*s", (int)strcspn(open + 1, "}"),
                 open + 1);
        snprintf(variable->value, sizeof variable->value, "%.*s",
                 (int)strspn(got + (open - filled), "0123456789"), got + (open - filled));
        cr_assert_str_neq(variable->value, "", "no {%s} in \"%s\"", variable->name, got);
    }
}

static void put_packet(const struct talk *talk, int client, const char *text)
{
    if (!talk->lines) {
        client_put_text(client, text);
        return;
    }
    client_send_text(client, text);
    client_send_text(client, "\n");
}

static void take_packet(const struct talk *talk, int client, char packet[LINE_SIZE])
{
    size_t size = 0;
    if (talk->lines) {
        do client_receive(client, packet + size, 1);
        while (packet[size] != '\n' && ++size + 1 < LINE_SIZE);
    } else {
        uint8_t *taken = client_take(client, &size);
        cr_assert(size < LINE_SIZE);
        memcpy(packet, taken, size);
        free(taken);
    }
    packet[size] = '\0';
}

static void talk_step(struct talk *talk, const char *step)
{
    int client = client_of(talk, step[0]);
    char text[LINE_SIZE];
    const char *rest = step[1] != '\0' && step[2] == ' ' ? step + 3 : "";
    switch (step[1]) {
    case '>':
        fill_in(talk, rest, text);
        put_packet(talk, client, text);
        break;
    case '<':
        take_packet(talk, client, text);
        cr_assert(matches(talk, rest, text), "expected \"%s\", got \"%s\"", rest, text);
        break;
    case '~':
        do take_packet(talk, client, text);
        while (!matches(talk, rest, text));
        break;
    case '.': cr_assert_eq(client_await_end(client), CLIENT_EOF, "%s", step); break;
    case 'x':
        close(client);
        talk->clients[step[0] - '0'] = -1;
        break;
    default: cr_assert(false, "no such step: %s", step);
    }
}

/* "FILE: old => new": as a person does who then saves it. */
static void edit(const struct server *server, const char *step)
{
    char name[64], old[LINE_SIZE], path[400], changed[8192];
    const char *arrow = strstr(step, " => ");
    cr_assert(arrow != NULL && sscanf(step, "%63[^:]: ", name) == 1, "%s", step);
    const char *from = step + strlen(name) + 2;
    snprintf(old, sizeof old, "%.*s", (int)(arrow - from), from);
    snprintf(path, sizeof path, "%s/%s", server->directory, name);
    char *text = file_read(path), *place = strstr(text, old);
    cr_assert_not_null(place, "no \"%s\" in %s:\n%s", old, path, text);
    snprintf(changed, sizeof changed, "%.*s%s%s", (int)(place - text), text, arrow + 4,
             place + strlen(old));
    script_write(server, name, changed);
    free(text);
}

static void hold_conversation(struct talk *talk, const struct conversation *conversation)
{
    char *steps = strdup(conversation->steps), *text = steps, *step;
    for (int i = 0; i < CLIENTS; i++) talk->clients[i] = -1;
    while ((step = take_line(&text)) != NULL) {
        if (strncmp(step, "log ", 4) == 0)
            server_expect_log(talk->server, step + 4);
        else if (strncmp(step, "edit ", 5) == 0)
            edit(talk->server, step + 5);
        else
            talk_step(talk, step);
    }
    for (int i = 0; i < CLIENTS; i++)
        if (talk->clients[i] != -1) close(talk->clients[i]);
    free(steps);
}

/* ---- one example ---- */

static const struct file *find_file(const struct example *example, const char *ending)
{
    for (int i = 0; i < example->count; i++) {
        const char *place = strstr(example->files[i].name, ending);
        if (place != NULL && strlen(place) == strlen(ending)) return &example->files[i];
    }
    return NULL;
}

/* `moonport COMMAND DIR` finds nothing wrong. */
static void expect_fine(const struct example *example, const char *command, const char *directory,
                        const char *said)
{
    char *out, *err;
    int status = program_run(&out, &err, WORDS(command, directory));
    cr_assert_eq(status, 0, "%s, moonport %s: %s%s", example->title, command, out, err);
    cr_assert_not_null(strstr(out, said), "%s, moonport %s: %s", example->title, command, out);
    cr_assert_str_eq(err, "", "%s, moonport %s: %s", example->title, command, err);
    free(out);
    free(err);
}

/* What is done with the server, if not the conversation. */
static void (*instead)(const struct server *server);

static void try_out(const struct example *example)
{
    char base[200], directory[256], workers[8];
    const struct conversation *conversation = find_conversation(example->title);
    const struct file *config = find_file(example, "config.lua");
    cr_assert_not_null(conversation, "nobody talks to \"%s\"", example->title);
    directory_new(base, sizeof base);
    cr_assert_eq(chdir(base), 0); /* for files that it writes */
    snprintf(directory, sizeof directory, "%s/guide", base);
    cr_assert_eq(mkdir(directory, 0700), 0);
    for (int i = 0; i < example->count; i++)
        file_write(directory, example->files[i].name, example->files[i].text);

    expect_fine(example, "check", directory, "no errors");
    if (find_file(example, "_test.lua") != NULL)
        expect_fine(example, "test", directory, ", 0 failed");

    setenv("MOONPORT_SCRIPTS", base, 1); /* for the harness: what is written there is an example */
    snprintf(workers, sizeof workers, "%d", conversation->workers);
    struct server server =
        server_begin(&(struct begin){.example = "guide", .flags = {"--workers", workers}});
    bool lines = config != NULL && (strstr(config->text, "\"line\"") != NULL ||
                                    strstr(config->text, "\"raw\"") != NULL ||
                                    strstr(config->text, "\"http\"") != NULL);
    struct talk talk = {.server = &server, .lines = lines};
    if (instead != NULL)
        instead(&server);
    else
        hold_conversation(&talk, conversation);
    server_end(&server);
    tree_remove(base);
}

static const struct need *need_of(const char *title)
{
    for (int i = 0; i < NEEDS; i++)
        if (strcmp(needs[i].title, title) == 0) return &needs[i];
    return NULL;
}

static void try_out_plain(const struct example *example)
{
    if (need_of(example->title) == NULL) try_out(example);
}

static void try_section(int section)
{
    cr_assert_eq(go_through(section, try_out_plain), SECTIONS);
}

static const char *wanted;

static void try_out_wanted(const struct example *example)
{
    if (strcmp(example->title, wanted) == 0) try_out(example);
}

static void try_one(const char *title)
{
    need_module(need_of(title)->module, need_of(title)->package);
    wanted = title;
    go_through(0, try_out_wanted);
}

Test(guide, the_first_handler)
{
    try_section(1);
}

Test(guide, connections)
{
    try_section(2);
}

Test(guide, time)
{
    try_section(3);
}

Test(guide, many_workers)
{
    try_section(4);
}

Test(guide, limits_and_errors)
{
    try_section(5);
}

Test(guide, reload)
{
    try_section(6);
}

Test(guide, databases_and_other_workers)
{
    try_section(7);
}

Test(guide, visits_in_sqlite)
{
    try_one("visits");
}

static void expect_printed(const struct server *server, const char *command, const char *printed)
{
    char path[300];
    snprintf(path, sizeof path, "%s/said", server->directory);
    unlink(path); /* it would be appended to */
    int status = process_shell(command, path);
    char *said = file_read(path);
    cr_assert_eq(status, 0, "%s: %s", command, said);
    cr_assert_str_eq(said, printed, "%s", command);
    free(said);
}

static void talk_redis(const struct server *server)
{
    static const char *const steps[][2] = {{"ping", "PONG\n"},
                                           {"ping hello", "hello\n"},
                                           {"set tea 2.50", "OK\n"},
                                           {"get tea", "2.50\n"},
                                           {"get cake", "\n"},
                                           {"--raw set 'a b' ''", "OK\n"},
                                           {"strlen", "ERR unknown command\n\n"}};
    char command[256];
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        snprintf(command, sizeof command, "redis-cli -p %u %s", server->port, steps[i][0]);
        expect_printed(server, command, steps[i][1]);
    }
    snprintf(command, sizeof command,
             "head -c 900000 /dev/zero | tr '\\0' x | redis-cli -p %u -x set large", server->port);
    expect_printed(server, command, "OK\n");
    snprintf(command, sizeof command, "redis-cli -p %u get large | wc -c", server->port);
    expect_printed(server, command, "900001\n");
}

Test(guide, redis_clients)
{
    if (!process_is_there("redis-cli")) cr_skip_test("NOT TESTED: redis-tools is not installed");
    wanted = "a Redis of three commands";
    instead = talk_redis;
    go_through(0, try_out_wanted);
}

Test(guide, visits_in_postgresql)
{
    need_module("luasql.postgres", "lua-sql-postgres");
    struct postgres postgres = postgres_begin("game");
    postgres_run(&postgres, "create table visits (name text primary key, count integer)");
    try_one("visits in PostgreSQL");
    postgres_end(&postgres);
}

Test(guide, json)
{
    try_one("JSON");
}

static int talked_about;

static void count_talked_about(const struct example *example)
{
    talked_about += find_conversation(example->title) != NULL;
}

Test(guide, every_conversation_is_about_something_in_it)
{
    go_through(0, count_talked_about);
    cr_assert_eq(talked_about, CONVERSATIONS);
}
