#include "base/settings_table.h"

#include "base/address.h"
#include "base/check.h"
#include "base/settings.h"
#include "base/size_text.h"

#include <inttypes.h>
#include <string.h>

/* ---- numbers ---- */

static uint64_t load(const struct setting *setting, const void *field)
{
    switch (setting->field_size) {
    case 1: return *(const uint8_t *)field;
    case 4: return *(const uint32_t *)field;
    }
    check(setting->field_size == 8);
    return *(const uint64_t *)field;
}

static void store(const struct setting *setting, void *field, uint64_t value)
{
    switch (setting->field_size) {
    case 1: *(uint8_t *)field = (uint8_t)value; return;
    case 4: *(uint32_t *)field = (uint32_t)value; return;
    }
    check(setting->field_size == 8);
    *(uint64_t *)field = value;
}

static bool is_within(const struct setting *setting, uint64_t value)
{
    return value >= setting->min && value <= setting->max;
}

static bool is_power(const struct setting *setting, uint64_t value)
{
    return is_within(setting, value) && (value & (value - 1)) == 0;
}

static bool read_number(const struct setting *setting, const char *text, void *field,
                        bool (*parse)(const char *text, uint64_t *value),
                        bool (*allows)(const struct setting *setting, uint64_t value))
{
    uint64_t value;
    if (!parse(text, &value) || !allows(setting, value)) return false;
    store(setting, field, value);
    return true;
}

static bool same_number(const struct setting *setting, const void *one, const void *other)
{
    return load(setting, one) == load(setting, other);
}

static bool fits_number(const struct setting *setting, const void *field)
{
    return is_within(setting, load(setting, field));
}

static void show_number(const struct setting *setting, const void *field, struct text *shown)
{
    text_add(shown, "%" PRIu64, load(setting, field));
}

static bool read_size(const struct setting *setting, const char *text, void *field,
                      struct error *reason)
{
    (void)reason;
    return read_number(setting, text, field, settings_size, is_within);
}

static void expect_size(const struct setting *setting, const char *given, struct text *expected)
{
    (void)given;
    text_add(expected, "a size from %s to %s", size_text(setting->min).text,
             size_text(setting->max).text);
}

static void show_size(const struct setting *setting, const void *field, struct text *shown)
{
    text_add(shown, "%s", size_text(load(setting, field)).text);
}

static bool read_seconds(const struct setting *setting, const char *text, void *field,
                         struct error *reason)
{
    (void)reason;
    return read_number(setting, text, field, settings_seconds, is_within);
}

static void expect_seconds(const struct setting *setting, const char *given, struct text *expected)
{
    check(setting->max == SETTING_TEN_YEARS);
    text_add(expected, "seconds from %s to %" PRIu64 " (ten years)%s",
             setting->min == 0 ? "0" : "0.001", setting->max / 1000000000,
             strchr(given, ',') != NULL ? ", a fraction behind a point" : "");
}

static void show_seconds(const struct setting *setting, const void *field, struct text *shown)
{
    text_add(shown, "%g", (double)load(setting, field) / 1e9);
}

static bool parse_count(const char *text, uint64_t *value)
{
    int64_t count;
    if (!settings_integer(text, &count) || count < 0) return false;
    *value = (uint64_t)count;
    return true;
}

static bool read_count(const struct setting *setting, const char *text, void *field,
                       struct error *reason)
{
    (void)reason;
    return read_number(setting, text, field, parse_count, is_within);
}

static void expect_count(const struct setting *setting, const char *given, struct text *expected)
{
    (void)given;
    text_add(expected, "a whole number from %" PRIu64 " to %" PRIu64, setting->min, setting->max);
}

static bool read_power(const struct setting *setting, const char *text, void *field,
                       struct error *reason)
{
    (void)reason;
    return read_number(setting, text, field, parse_count, is_power);
}

static void expect_power(const struct setting *setting, const char *given, struct text *expected)
{
    (void)given;
    text_add(expected, "a power of two from %" PRIu64 " to %" PRIu64, setting->min, setting->max);
}

static bool fits_power(const struct setting *setting, const void *field)
{
    return is_power(setting, load(setting, field));
}

const struct setting_kind setting_size = {read_size, expect_size, same_number, fits_number,
                                          show_size};
const struct setting_kind setting_seconds = {read_seconds, expect_seconds, same_number, fits_number,
                                             show_seconds};
const struct setting_kind setting_count = {read_count, expect_count, same_number, fits_number,
                                           show_number};
const struct setting_kind setting_power = {read_power, expect_power, same_number, fits_power,
                                           show_number};

/* ---- words ---- */

const char *const setting_truth_words[] = {"false", "true", NULL};

static size_t words_count(const struct setting *setting)
{
    size_t count = 0;
    while (setting->words[count] != NULL) count++;
    return count;
}

static bool read_word(const struct setting *setting, const char *text, void *field,
                      struct error *reason)
{
    for (uint64_t i = 0; setting->words[i] != NULL; i++) {
        if (strcmp(setting->words[i], text) != 0 || !is_within(setting, i)) continue;
        store(setting, field, i);
        return true;
    }
    const char *nearest = settings_nearest(text, setting->words, words_count(setting));
    if (nearest != NULL) error_set(reason, ERROR_INPUT, "did you mean %s?", nearest);
    return false;
}

static void expect_word(const struct setting *setting, const char *given, struct text *expected)
{
    (void)given;
    text_add(expected, "one of %s", setting->value);
}

static void show_word(const struct setting *setting, const void *field, struct text *shown)
{
    uint64_t value = load(setting, field);
    if (value < words_count(setting))
        text_add(shown, "%s", setting->words[value]);
    else
        show_number(setting, field, shown);
}

const struct setting_kind setting_word = {read_word, expect_word, same_number, fits_number,
                                          show_word};

/* ---- addresses ---- */

static bool read_address(const struct setting *setting, const char *text, void *field,
                         struct error *reason)
{
    struct address parsed;
    (void)setting;
    if (!address_parse(text, &parsed, reason)) return false;
    *(struct address *)field = parsed;
    return true;
}

static bool same_address(const struct setting *setting, const void *one, const void *other)
{
    (void)setting;
    return address_is_same(one, other);
}

const struct setting_kind setting_address = {.read = read_address, .same = same_address};

/* ---- tables ---- */

static size_t count_of(const struct settings *settings)
{
    return settings == NULL ? 0 : settings->count + count_of(settings->base);
}

const struct setting *settings_row(const struct settings *settings, size_t index)
{
    size_t of_base = count_of(settings->base);
    if (index < of_base) return settings_row(settings->base, index);
    return index - of_base < settings->count ? &settings->rows[index - of_base] : NULL;
}

const struct setting *settings_find(const struct settings *settings, const char *name)
{
    const struct setting *row;
    for (size_t i = 0; (row = settings_row(settings, i)) != NULL; i++)
        if (strcmp(row->name, name) == 0) return row;
    return NULL;
}

static bool refuse_name(const struct settings *settings, const char *name, struct error *error)
{
    const char *names[SETTINGS_MAX] = {NULL}, *of = settings->of == NULL ? "" : settings->of;
    const struct setting *row;
    size_t count = 0;
    check(count_of(settings) <= SETTINGS_MAX);
    for (; (row = settings_row(settings, count)) != NULL; count++) names[count] = row->name;
    const char *nearest = settings_nearest(name, names, count);
    if (nearest != NULL)
        return error_set(error, ERROR_INPUT, "unknown setting \"%.200s\"%s: did you mean \"%s\"?",
                         name, of, nearest);
    char place[sizeof error->text];
    struct text all = text_in(place, sizeof place);
    for (size_t i = 0; i < count; i++) text_add(&all, "%s%s", i > 0 ? ", " : "", names[i]);
    return error_set(error, ERROR_INPUT, "unknown setting \"%.200s\"%s: there are %.1700s", name,
                     of, all.bytes);
}

static bool refuse(const struct settings *settings, const struct setting *setting,
                   const char *given, const struct error *reason, struct error *error)
{
    char place[256];
    struct text expected = text_in(place, sizeof place);
    const char *of = settings->of == NULL ? "" : settings->of;
    if (setting->kind->expect == NULL || reason->kind == ERROR_USAGE)
        return error_set(error, ERROR_INPUT, "%s = \"%.200s\"%s: %.1500s", setting->name, given, of,
                         reason->text);
    setting->kind->expect(setting, given, &expected);
    bool because = reason->kind != ERROR_NONE;
    if (because && setting->words != NULL) /* names the word that was probably meant */
        return error_set(error, ERROR_INPUT, "%s = \"%.200s\"%s: expected %s; %.1200s",
                         setting->name, given, of, expected.bytes, reason->text);
    return error_set(error, ERROR_INPUT,
                     "%s = \"%.200s\"%s: expected %s, for example %s%s%.1200s%s", setting->name,
                     given, of, expected.bytes, setting->example, because ? " (" : "",
                     because ? reason->text : "", because ? ")" : "");
}

static void *field_of(const struct setting *setting, void *values)
{
    return (char *)values + setting->offset;
}

static const void *field_in(const struct setting *setting, const void *values)
{
    return (const char *)values + setting->offset;
}

bool settings_set(const struct settings *settings, void *values, const char *name,
                  const char *value, struct error *error)
{
    struct error reason = {.kind = ERROR_NONE};
    const struct setting *setting = settings_find(settings, name);
    if (setting == NULL) return refuse_name(settings, name, error);
    if (setting->kind->read(setting, value, field_of(setting, values), &reason)) return true;
    return refuse(settings, setting, value, &reason, error);
}

bool settings_check(const struct settings *settings, const void *values, struct error *error)
{
    const struct error none = {.kind = ERROR_NONE};
    const struct setting *setting;
    for (size_t i = 0; (setting = settings_row(settings, i)) != NULL; i++) {
        const void *field = field_in(setting, values);
        char place[64];
        struct text given = text_in(place, sizeof place);
        if (setting->kind->fits == NULL || setting->kind->fits(setting, field)) continue;
        setting->kind->show(setting, field, &given);
        return refuse(settings, setting, given.bytes, &none, error);
    }
    return true;
}

void settings_compare(const struct settings *settings, const void *before, const void *after,
                      void (*differs)(void *context, const struct setting *setting), void *context)
{
    const struct setting *setting;
    for (size_t i = 0; (setting = settings_row(settings, i)) != NULL; i++)
        if (!setting->kind->same(setting, field_in(setting, before), field_in(setting, after)))
            differs(context, setting);
}

void settings_take_live(const struct settings *settings, void *target, const void *source)
{
    const struct setting *setting;
    for (size_t i = 0; (setting = settings_row(settings, i)) != NULL; i++)
        if (setting->live)
            memcpy(field_of(setting, target), field_in(setting, source), setting->field_size);
}
