/* settings.h - reads settings from text: sizes, numbers, booleans; and finds the nearest known name. */
#ifndef MOONPORT_SETTINGS_H
#define MOONPORT_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* "4096" "16K" "16M" "1G" (powers of 1024, either case, "KB" and "KiB" too). False: it is none. */
bool settings_size(const char *text, uint64_t *bytes);

/* A whole number, with a sign if it is negative. */
bool settings_integer(const char *text, int64_t *value);

/* Seconds, with a fraction if you like: "0.5" "60". Not negative, at most ten years. */
bool settings_seconds(const char *text, uint64_t *nanoseconds);

/* "true" "false" "yes" "no" "on" "off" "1" "0". */
bool settings_truth(const char *text, bool *value);

/* The name that was probably meant by `typed`, by edit distance; NULL if none is near. */
const char *settings_nearest(const char *typed, const char *const *names, size_t count);

#endif
