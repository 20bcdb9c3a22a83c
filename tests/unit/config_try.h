/* config_try.h - for the tests of configurations: sets and finishes one, and sees what it is told. */
#ifndef MOONPORT_CONFIG_TRY_H
#define MOONPORT_CONFIG_TRY_H

#include "config.h"

#include <criterion/criterion.h>
#include <string.h>

#define KB (UINT64_C(1) << 10)
#define MB (UINT64_C(1) << 20)
#define GB (UINT64_C(1) << 30)

static inline struct config fresh(void)
{
    struct config config;
    config_init(&config);
    return config;
}

static inline void set(struct config *config, const char *name, const char *value)
{
    struct error error = {0};
    cr_assert(config_set(config, name, value, &error), "%s", error.text);
}

static inline void finish(struct config *config)
{
    struct error error = {0};
    cr_assert(config_finish(config, &error), "%s", error.text);
}

static inline void says(const struct error *error, const char *part)
{
    cr_assert_eq(error->kind, ERROR_INPUT);
    cr_assert_not_null(strstr(error->text, part), "\"%s\" should say: %s", error->text, part);
}

static inline void refused(const char *name, const char *value, const char *part)
{
    struct config config = fresh(), before;
    struct error error = {0};
    memcpy(&before, &config, sizeof config);
    cr_assert_not(config_set(&config, name, value, &error), "%s = \"%s\"", name, value);
    says(&error, part);
    cr_assert_eq(memcmp(&config, &before, sizeof config), 0, "%s has changed something", name);
}

static inline void unfinished(struct config *config, const char *part)
{
    struct error error = {0};
    cr_assert_not(config_finish(config, &error), "should say: %s", part);
    says(&error, part);
}

#endif
