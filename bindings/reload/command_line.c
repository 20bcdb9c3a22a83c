#include "reload/command_line.h"

#include "base/settings.h"
#include "reload/config_lua.h"
#include "system/system.h"

#include <string.h>

bool command_line_asks_for_help(int count, char **words)
{
    for (int i = 1; i < count; i++)
        if (strcmp(words[i], "--help") == 0 || strcmp(words[i], "-h") == 0) return true;
    return false;
}

/* A setting's name has _ where its flag has -. */
static void replace(char *text, char from, char to)
{
    for (; *text != '\0'; text++)
        if (*text == from) *text = to;
}

/* Our name for a flag of other programs, if ours is entirely different; NULL: there is none. */
static const char *flag_elsewhere(const char *flag)
{
    static const char *const names[][2] = {
        {"port", "listen"},          {"bind", "listen"},   {"host", "listen"},
        {"address", "listen"},       {"addr", "listen"},   {"threads", "workers"},
        {"timeout", "idle_timeout"}, {"log_level", "log"}, {"verbose", "log"},
    };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(flag, names[i][0]) == 0) return names[i][1];
    return NULL;
}

static bool unknown_flag(const char *flag, struct error *error)
{
    const char *names[2 + SETTINGS_MAX] = {"help", "version"};
    const struct setting *setting;
    size_t count = 2;
    for (size_t i = 0; (setting = settings_row(&options_settings, i)) != NULL; i++)
        names[count++] = setting->name;
    char typed[32];
    snprintf(typed, sizeof typed, "%s", flag);
    replace(typed, '-', '_');
    const char *nearest = flag_elsewhere(typed);
    if (nearest == NULL) nearest = settings_nearest(typed, names, count);
    if (nearest == NULL)
        return error_set(error, ERROR_USAGE, "unknown flag --%s: see moonport --help", flag);
    char meant[32];
    snprintf(meant, sizeof meant, "%s", nearest);
    replace(meant, '_', '-');
    return error_set(error, ERROR_USAGE, "unknown flag --%s: did you mean --%s?", flag, meant);
}

/* "--idle-timeout=5", or "--idle-timeout" followed by "5". Returns how many words it took. */
static int read_flag(struct command_line *line, char **words, int count, struct error *error)
{
    const char *text = words[0] + 2;
    const char *equals = strchr(text, '=');
    size_t size = equals == NULL ? strlen(text) : (size_t)(equals - text);
    struct flag *flag = &line->flags[line->count];
    char name[64];
    snprintf(name, sizeof name, "%.*s", (int)size, text);
    if (size >= sizeof flag->name) return unknown_flag(name, error);
    memcpy(flag->name, name, size + 1);
    replace(flag->name, '-', '_');
    if (settings_find(&options_settings, flag->name) == NULL) return unknown_flag(name, error);
    if (line->count + 1 == FLAGS_MAX) return error_set(error, ERROR_USAGE, "too many flags");
    if (equals == NULL && count < 2)
        return error_set(error, ERROR_USAGE, "--%s needs a value", name);
    flag->value = equals != NULL ? equals + 1 : words[1];
    line->has_listen = line->has_listen || strcmp(flag->name, "listen") == 0;
    line->count++;
    return equals != NULL ? 1 : 2;
}

/* Turns "scripts/echo/" into "scripts/echo", but leaves "/" and "C:\\" alone. */
static void trim_path(char *path)
{
    size_t size = strlen(path);
    while (size > 1 && strchr(system_separators, path[size - 1]) != NULL && path[size - 2] != ':')
        path[--size] = '\0';
}

bool command_line_read(struct command_line *line, int count, char **words, struct error *error)
{
    for (int i = 1; i < count;) {
        if (strncmp(words[i], "--", 2) == 0) {
            int taken = read_flag(line, words + i, count - i, error);
            if (taken == 0) return false;
            i += taken;
        } else if (words[i][0] == '-') {
            return error_set(error, ERROR_USAGE, "unknown flag %s: see moonport --help", words[i]);
        } else if (line->directory != NULL) {
            return error_set(
                error, ERROR_USAGE,
                "two directories: %s and %s; one is enough (see moonport --help for the commands)",
                line->directory, words[i]);
        } else {
            line->directory = words[i++];
        }
    }
    if (line->directory == NULL) {
        bool looks = strcmp(words[0], "check") == 0 || strcmp(words[0], "test") == 0;
        return error_set(error, ERROR_USAGE,
                         "which directory? moonport %s%sDIR %s the main.lua in it",
                         looks ? words[0] : "", looks ? " " : "", looks ? "loads" : "serves");
    }
    trim_path(line->directory);
    return true;
}

bool command_line_configure(const struct command_line *line, const struct source *source,
                            struct options *options, struct error *error)
{
    struct error inner = {.kind = ERROR_NONE};
    options_init(options);
    if (!config_lua_load(options, source, error)) return false;
    if (line->has_listen) options->config.listener_count = 0;
    for (int i = 0; i < line->count; i++) {
        const struct flag *flag = &line->flags[i];
        if (!settings_set(&options_settings, options, flag->name, flag->value, &inner))
            return error_set(error, ERROR_USAGE, "%s", inner.text);
    }
    return options_finish(options, error);
}

void command_line_help(FILE *out)
{
    const struct setting *setting;
    for (size_t i = 0; (setting = settings_row(&options_settings, i)) != NULL; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s %s", setting->name, setting->value);
        replace(name, '_', '-');
        fprintf(out, "  --%-34s %s [%s]\n", name, setting->help,
                setting->usual == NULL ? setting->example : setting->usual);
    }
}
