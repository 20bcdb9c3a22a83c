/* settings_table.h - settings as rows of a table: the name of each, its allowed values, and where its value is stored.
 *
 * A table may extend another one, its base, whose values are then the first member of its own. Help, flags, settings
 * files and comparisons are loops over the rows. */
#ifndef MOONPORT_SETTINGS_TABLE_H
#define MOONPORT_SETTINGS_TABLE_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct setting;

/* How values of a kind are read, compared and shown. `field` is at the row's offset. */
struct setting_kind {
    /* Reads text into the field; false, and the field is unchanged, if the text is not valid. *reason, empty at first,
     * may say what is wrong, in addition to what is expected; as an ERROR_USAGE, instead of it. */
    bool (*read)(const struct setting *setting, const char *text, void *field,
                 struct error *reason);

    /* Describes the valid values: "a size from 1 to 1G". NULL: the reason is enough. */
    void (*expect)(const struct setting *setting, const char *given, struct text *expected);

    bool (*same)(const struct setting *setting, const void *one, const void *other);

    /* Whether the field is within its bounds; a program may have set it directly. NULL: always. */
    bool (*fits)(const struct setting *setting, const void *field);

    /* Shows the value in the form that `read` accepts. May be NULL if `fits` is NULL. */
    void (*show)(const struct setting *setting, const void *field, struct text *shown);
};

struct setting {
    const char *name;
    const char *value;   /* for help: "SIZE" "N" "SECONDS" ... */
    const char *example; /* a good value, often the default */
    const char *help;
    const struct setting_kind *kind;
    size_t offset, field_size; /* bytes; 0: the kind alone knows how much its field is */
    uint64_t min, max;         /* of numbers, in the field's unit */
    const char *const *words;  /* for a choice: what the field's values are called; then NULL */
    bool live;                 /* may change while a server runs */
    const char *usual;         /* the default, if the example is another value */
};

/* For a row: where the member of that struct is. */
#define SETTING_FIELD(type, member) \
    .offset = offsetof(type, member), .field_size = sizeof((type *)0)->member

/* Of any unsigned type; seconds are held in nanoseconds. */
extern const struct setting_kind setting_size, setting_seconds, setting_count,
    setting_power, /* a count that is a power of two */
    setting_word;  /* one of the row's words, by its place among them */
extern const struct setting_kind setting_address; /* a struct address */

/* For `max` of a row of seconds. */
#define SETTING_TEN_YEARS (UINT64_C(10) * 365 * 24 * 3600 * 1000000000)

extern const char *const setting_truth_words[]; /* "false" "true", NULL */

struct settings {
    const struct setting *rows;
    size_t count;
    const struct settings *base; /* or NULL */
    const char *of;              /* " of a listener": behind a name in errors; or NULL */
};

enum { SETTINGS_MAX = 64 }; /* in a table and its bases: room for their names */

/* Rows by index, those of the base first. NULL: there are no more. */
const struct setting *settings_row(const struct settings *settings, size_t index);
const struct setting *settings_find(const struct settings *settings, const char *name);

/* Sets one setting by its name, from text. False, and nothing is changed: the name is unknown (the error suggests the
 * nearest known one), or the value is not valid (the error says what is expected). */
bool settings_set(const struct settings *settings, void *values, const char *name,
                  const char *value, struct error *error);

/* Whether all values are within their bounds. */
bool settings_check(const struct settings *settings, const void *values, struct error *error);

/* Calls `differs` for each setting that is not the same in both. */
void settings_compare(const struct settings *settings, const void *before, const void *after,
                      void (*differs)(void *context, const struct setting *setting), void *context);

/* Copies the settings that are `live`. */
void settings_take_live(const struct settings *settings, void *target, const void *source);

#endif
