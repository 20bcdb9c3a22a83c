/* command_line.h - a script directory and flags, as serve, check and test take them. */
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

/* The settings of the source's config.lua, with the flags above them; finished. */
bool command_line_configure(const struct command_line *line, const struct source *source,
                            struct options *options, struct error *error);

/* The flags, for the help. */
void command_line_help(FILE *out);

#endif
