/* moonport - the program. */
#include "base/settings.h"
#include "commands/admin_client.h"
#include "commands/check_command.h"
#include "commands/profile_command.h"
#include "commands/serve.h"
#include "commands/talk.h"
#include "commands/test_command.h"
#include "commands/top.h"
#include "lua/lua_thread.h"
#include "reload/command_line.h"
#include "run/runtime.h"
#include "system/system.h"

#include <unistd.h>

static const struct command {
    const char *name;
    int (*run)(int count, char **words); /* words[0] is the name; returns the exit status */
    bool helps;                          /* it has a --help of its own */
    bool runs_lua;                       /* runs Lua itself, so it gets a thread for that */
} commands[] = {
    {"serve", serve_main, false, false},
    {"check", check_main, true, true},
    {"test", test_main, true, true},
    {"talk", talk_main, true, false},
    {"top", top_main, true, false},
    {"profile", profile_main, true, false},
    {"reload", admin_client_main, true, false},
    {"rollback", admin_client_main, true, false},
    {"stats", admin_client_main, true, false},
    {"connections", admin_client_main, true, false},
    {"errors", admin_client_main, true, false},
    {"log", admin_client_main, true, false},
    {"listener", admin_client_main, true, false},
    {"drain", admin_client_main, true, false},
    {"stop", admin_client_main, true, false},
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static int help(FILE *out)
{
    fputs("moonport - a TCP server that you script in Lua\n"
          "\n"
          "  moonport DIR [FLAGS]         serve DIR/main.lua, with the settings of DIR/config.lua\n"
          "  moonport serve DIR [FLAGS]   the same\n"
          "  moonport check DIR           look for errors in its scripts, without serving\n"
          "  moonport test DIR            run the tests in it, DIR/*_test.lua, without serving\n"
          "  moonport talk ADDRESS        a client: a line typed is a packet sent\n"
          "  moonport --help | --version\n"
          "\n"
          "To a running server, each with [--admin ADDRESS]; its page is at that address, too:\n"
          "\n"
          "  moonport top                     watch it in this terminal, and act there\n"
          "  moonport profile                 where Lua's time and memory go: functions, lines\n"
          "  moonport reload | rollback       load its scripts again | go back to the ones before\n"
          "  moonport stats | errors | log    print its figures, its scripts' errors, its log\n"
          "  moonport connections [close ID]  list them, or close one\n"
          "  moonport listener open|close N   open or close a listener; connections stay\n"
          "  moonport drain | stop            end when the last connection has left | now\n"
          "\n"
          "Flags override config.lua (a setting there has the same name, with _ for -):\n"
          "\n",
          out);
    command_line_help(out);
    fputs("\n"
          "SIZE takes K, M and G. Try:  moonport scripts/echo  and  moonport talk 127.0.0.1:7000\n"
          "Exit status: 0 fine, 1 the script or the settings are wrong, 2 usage, 3 the system "
          "refused.\n",
          out);
    return out == stdout ? 0 : ERROR_USAGE;
}

static const struct command *find_command(const char *word)
{
    for (int i = 0; i < COMMANDS; i++)
        if (strcmp(word, commands[i].name) == 0) return &commands[i];
    return NULL;
}

static const char *nearest_command(const char *word)
{
    const char *names[COMMANDS + 2] = {"--help", "--version"};
    for (int i = 0; i < COMMANDS; i++) names[i + 2] = commands[i].name;
    return settings_nearest(word, names, COMMANDS + 2);
}

/* For a word that is neither a command nor a directory: the command that it is close to. */
static const char *misspelt(const char *word)
{
    return access(word, F_OK) == 0 ? NULL : nearest_command(word);
}

struct errand {
    const struct command *command;
    int count;
    char **words;
    int status;
};

static void *run_errand(void *argument)
{
    struct errand *errand = argument;
    errand->status = errand->command->run(errand->count, errand->words);
    return NULL;
}

/* Runs the command on a thread of its own if it runs Lua, because the size of the main thread's stack depends on
 * `ulimit -s`. */
static int run_command(const struct command *command, int count, char **words)
{
    struct errand errand = {.command = command, .count = count, .words = words};
    pthread_t thread;
    if (!command->runs_lua) return command->run(count, words);
    if (!lua_thread_create(&thread, run_errand, &errand)) {
        fprintf(stderr, "moonport: cannot make a thread to run Lua on\n");
        return ERROR_SYSTEM;
    }
    pthread_join(thread, NULL);
    return errand.status;
}

int main(int count, char **words)
{
    system_begin();
    if (count < 2) return help(stderr);
    const char *command = words[1];
    const struct command *chosen = find_command(command);
    if (chosen != NULL && chosen->helps) return run_command(chosen, count - 1, words + 1);
    if (strcmp(command, "help") == 0 && access(command, F_OK) != 0) return help(stdout);
    if (command_line_asks_for_help(count, words)) return help(stdout);
    if (chosen != NULL) return run_command(chosen, count - 1, words + 1);
    if (strcmp(command, "--version") == 0) {
        printf("moonport %s (%s)\n", MOONPORT_VERSION, COMPAT_LUA_NAME);
        return 0;
    }
    if (command[0] == '-' && strncmp(command, "--", 2) != 0) {
        const char *meant = nearest_command(command);
        fprintf(stderr, "moonport: unknown flag %s%s%s: see moonport --help\n", command,
                meant == NULL ? "" : ", did you mean ", meant == NULL ? "" : meant);
        return ERROR_USAGE;
    }
    const char *meant = command[0] == '-' ? NULL : misspelt(command);
    if (meant != NULL) {
        fprintf(stderr, "moonport: there is no directory %s: did you mean %s?\n", command, meant);
        return ERROR_USAGE;
    }
    return serve_main(count, words);
}
