/* moonport - the program. */
#include "runtime.h"
#include "serve.h"
#include "settings.h"
#include "system.h"
#include "talk.h"

static int help(FILE *out)
{
    fputs("moonport - a TCP server that you script in Lua\n"
          "\n"
          "  moonport DIR [FLAGS]         serve DIR/main.lua, with the settings of DIR/config.lua\n"
          "  moonport serve DIR [FLAGS]   the same\n"
          "  moonport talk ADDRESS        a client: a line typed is a packet sent\n"
          "  moonport --help | --version\n"
          "\n"
          "Flags, which go before config.lua (a setting there has the same name, with _ for -):\n"
          "\n",
          out);
    serve_help(out);
    fputs("\n"
          "SIZE takes K, M and G. Try:  moonport scripts/echo  and  moonport talk 127.0.0.1:7000\n"
          "Exit status: 0 fine, 1 the script or the settings are wrong, 2 usage, 3 the system "
          "refused.\n",
          out);
    return out == stdout ? 0 : ERROR_USAGE;
}

int main(int count, char **words)
{
    static const char *const commands[] = {"serve", "talk", "--help", "--version"};
    system_begin();
    if (count < 2) return help(stderr);
    const char *command = words[1];
    if (strcmp(command, "serve") == 0) return serve_main(count - 1, words + 1);
    if (strcmp(command, "talk") == 0) return talk_main(count - 1, words + 1);
    for (int i = 1; i < count; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return help(stdout);
    if (strcmp(command, "--version") == 0) {
        printf("moonport %s (%s)\n", MOONPORT_VERSION, COMPAT_LUA_NAME);
        return 0;
    }
    if (command[0] == '-' && strncmp(command, "--", 2) != 0) {
        const char *meant = settings_nearest(command, commands, 4);
        fprintf(stderr, "moonport: unknown flag %s%s%s: see moonport --help\n", command,
                meant == NULL ? "" : ", did you mean ", meant == NULL ? "" : meant);
        return ERROR_USAGE;
    }
    return serve_main(count, words);
}
