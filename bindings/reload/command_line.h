/* command_line.h - a script directory and flags, the arguments of serve, check and test. */
#ifndef MOONPORT_COMMAND_LINE_H
#define MOONPORT_COMMAND_LINE_H

#include "reload/options.h"
#include "scripts/source.h"

enum { FLAGS_MAX = 256 };

struct flag {
    char name[32]; /* as options_settings has it */
    const char *value;
};

struct command_line {
    char *directory;
    struct flag flags[FLAGS_MAX];
    int count;
    bool has_listen;
};

/* Is --help or -h among the words? */
bool command_line_asks_for_help(int count, char **words);

/* words[0] is the command's name. */
bool command_line_read(struct command_line *line, int count, char **words, struct error *error);

/* Reads the settings of the source's config.lua, lets the flags override them, and finishes them. */
bool command_line_configure(const struct command_line *line, const struct source *source,
                            struct options *options, struct error *error);

/* Writes the flags for the help text. */
void command_line_help(FILE *out);

#endif
