#include "serve.h"

#include "config_lua.h"
#include "runtime.h"
#include "server.h"
#include "settings.h"
#include "system.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FLAGS_MAX = 256, STOP_POLL_MS = 20, ABORT_PATIENCE_MS = 2000 };
enum { MAIN_SIZE_MAX = 64 << 20, FILES_BESIDE = 1024 /* listeners, a script's own, ... */ };

/* ---- the command line ---- */

struct flag {
    char name[32]; /* as config_set knows it */
    const char *value;
};

struct command_line {
    char *directory;
    struct flag flags[FLAGS_MAX];
    int count;
    bool has_listen;
};

/* A setting's name has _ where its flag has -. */
static void replace(char *text, char from, char to)
{
    for (; *text != '\0'; text++)
        if (*text == from) *text = to;
}

static bool unknown_flag(const char *flag, struct error *error)
{
    const char *names[64] = {"listen", "help", "version"};
    size_t count;
    const struct config_name *settings = config_names(&count);
    for (size_t i = 0; i < count; i++) names[i + 3] = settings[i].name;
    char typed[32];
    snprintf(typed, sizeof typed, "%s", flag);
    replace(typed, '-', '_');
    const char *nearest = settings_nearest(typed, names, count + 3);
    if (nearest == NULL)
        return error_set(error, ERROR_USAGE, "unknown flag --%s: see moonport --help", flag);
    char meant[32];
    snprintf(meant, sizeof meant, "%s", nearest);
    replace(meant, '_', '-');
    return error_set(error, ERROR_USAGE, "unknown flag --%s: did you mean --%s?", flag, meant);
}

static bool is_setting(const char *name)
{
    size_t count;
    const struct config_name *settings = config_names(&count);
    for (size_t i = 0; i < count; i++)
        if (strcmp(settings[i].name, name) == 0) return true;
    return strcmp(name, "listen") == 0;
}

/* "--idle-timeout=5", or "--idle-timeout" and "5" behind it. Returns how many words it took. */
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
    if (!is_setting(flag->name)) return unknown_flag(name, error);
    if (line->count + 1 == FLAGS_MAX) return error_set(error, ERROR_USAGE, "too many flags");
    if (equals == NULL && count < 2)
        return error_set(error, ERROR_USAGE, "--%s needs a value", name);
    flag->value = equals != NULL ? equals + 1 : words[1];
    line->has_listen = line->has_listen || strcmp(flag->name, "listen") == 0;
    line->count++;
    return equals != NULL ? 1 : 2;
}

/* "scripts/echo/" is "scripts/echo", but "/" and "C:\\" are what they are. */
static void trim_path(char *path)
{
    size_t size = strlen(path);
    while (size > 1 && strchr(system_separators, path[size - 1]) != NULL && path[size - 2] != ':')
        path[--size] = '\0';
}

static bool read_command_line(struct command_line *line, int count, char **words,
                              struct error *error)
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
                "two directories: %s and %s; one is served (the commands are serve and talk)",
                line->directory, words[i]);
        } else {
            line->directory = words[i++];
        }
    }
    if (line->directory == NULL)
        return error_set(error, ERROR_USAGE,
                         "which directory? moonport DIR serves the main.lua in it");
    trim_path(line->directory);
    return true;
}

/* ---- what it names ---- */

static bool find_directory(const char *directory, struct error *error)
{
    struct stat status;
    if (stat(directory, &status) != 0)
        return error_set(error, ERROR_INPUT, "%s: %s (a directory with a main.lua is expected)",
                         directory, strerror(errno));
    if (!S_ISDIR(status.st_mode))
        return error_set(error, ERROR_INPUT, "%s is a file: name the directory that it is in",
                         directory);
    return true;
}

static bool read_main(struct program *program, struct error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/main.lua", program->directory);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        return error_set(error, ERROR_INPUT, "%s: %s (the handlers are expected there)", path,
                         strerror(errno));
    size_t capacity = 0;
    do {
        capacity = capacity == 0 ? 65536 : 2 * capacity;
        char *grown = realloc(program->main_text, capacity);
        if (grown == NULL || capacity > MAIN_SIZE_MAX) {
            fclose(file);
            return error_set(error, ERROR_INPUT, "%s is too large", path);
        }
        program->main_text = grown;
        program->main_size +=
            fread(grown + program->main_size, 1, capacity - program->main_size, file);
    } while (program->main_size == capacity);
    bool failed = ferror(file);
    fclose(file);
    return !failed || error_set(error, ERROR_INPUT, "%s cannot be read", path);
}

static bool configure(struct config *config, const struct command_line *line, struct error *error)
{
    char path[4096];
    struct error inner = {.kind = ERROR_NONE};
    config_init(config);
    snprintf(path, sizeof path, "%s/config.lua", line->directory);
    if (!config_lua_load(config, path, error)) return false;
    if (line->has_listen) config->listener_count = 0;
    for (int i = 0; i < line->count; i++) {
        const struct flag *flag = &line->flags[i];
        bool fine = strcmp(flag->name, "listen") == 0
                        ? config_add_listener(config, flag->value, &inner) != NULL
                        : config_set(config, flag->name, flag->value, &inner);
        if (!fine) return error_set(error, ERROR_USAGE, "%s", inner.text);
    }
    return config_finish(config, error);
}

/* ---- serving ---- */

/* The first stop lets everything finish; the second does not wait, whatever a script is up to. */
static void serve_until_stopped(struct server *server)
{
    system_wait_for_stop(-1);
    log_line(LOG_INFO, "stopping: every queue is flushed first; once more stops at once");
    server_drain(server);
    bool again = false;
    while (!again && server_is_active(server)) again = system_wait_for_stop(STOP_POLL_MS);
    if (!again) return;
    log_line(LOG_WARN, "stopping at once");
    server_abort(server);
    for (int waited = 0; server_is_active(server); waited += STOP_POLL_MS) {
        if (waited >= ABORT_PATIENCE_MS) {
            log_line(LOG_WARN, "a script does not return: ended without it");
            _exit(0);
        }
        system_wait_for_stop(STOP_POLL_MS);
    }
}

static void announce(const struct command_line *line, const struct config *config)
{
    uint64_t wanted = config_blocks_wanted(config);
    if (config->blocks < wanted)
        log_line(LOG_INFO,
                 "blocks = %u: enough for most loads, but %u connections could use %llu at once; "
                 "receiving pauses when they run out",
                 config->blocks, config->max_connections, (unsigned long long)wanted);
    log_line(LOG_INFO, "serving %s with %u worker%s, at most %u connections", line->directory,
             config->workers, config->workers == 1 ? "" : "s", config->max_connections);
}

int serve_main(int count, char **words)
{
    struct command_line line = {.directory = NULL};
    struct program program = {.directory = NULL};
    struct error error = {.kind = ERROR_NONE};
    static struct config config;
    if (!read_command_line(&line, count, words, &error)) goto failed;
    program.directory = line.directory;
    if (!find_directory(line.directory, &error)) goto failed;
    if (!read_main(&program, &error)) goto failed;
    if (!configure(&config, &line, &error)) goto failed;
    log_set_level(config.log);
    system_show_output();
    uint64_t files = (uint64_t)config.max_connections + FILES_BESIDE;
    uint64_t may_open = system_prepare(files);
    if (may_open < files)
        log_line(LOG_WARN,
                 "only %llu files may be open, too few for max_connections = %u: raise the limit "
                 "(ulimit -n %llu) or lower max_connections",
                 (unsigned long long)may_open, config.max_connections, (unsigned long long)files);

    struct script script = lua_script;
    script.context = &program;
    struct server *server = server_start(&config, &script, &error);
    if (server == NULL) goto failed;
    system_catch_stops();
    server_announce(server);
    announce(&line, &config);
    serve_until_stopped(server);
    server_stop(server);
    log_line(LOG_INFO, "stopped");

failed:
    if (error.kind != ERROR_NONE) fprintf(stderr, "moonport: %s\n", error.text);
    free(program.main_text);
    return (int)error.kind;
}

void serve_help(FILE *out)
{
    size_t count;
    const struct config_name *settings = config_names(&count);
    fprintf(out, "  --%-34s %s\n", "listen ADDRESS",
            "where to listen; may be given more than once [0.0.0.0:7000]");
    for (size_t i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof name, "%s %s", settings[i].name, settings[i].value);
        replace(name, '_', '-');
        fprintf(out, "  --%-34s %s [%s]\n", name, settings[i].help, settings[i].example);
    }
}
