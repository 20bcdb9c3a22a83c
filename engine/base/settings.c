#include "base/settings.h"

#include "base/check.h"

#include <string.h>

/* Ten years of 365 days. In nanoseconds they easily fit into 64 bits. */
#define SECONDS_MAX (UINT64_C(10) * 365 * 24 * 3600)
#define NANOSECONDS UINT64_C(1000000000)

/* Longer names are not compared: no setting has one. */
enum { NAME_MAX_SIZE = 48 };

/* Not from <ctype.h>, whose functions depend on the locale. */
static bool digit(char c)
{
    return c >= '0' && c <= '9';
}

static char lower(char c)
{
    if (c >= 'A' && c <= 'Z') return (char)(c - 'A' + 'a');
    return c;
}

static bool same(const char *one, const char *other)
{
    while (*one != '\0' && lower(*one) == lower(*other)) one++, other++;
    return *one == *other;
}

static bool begins_with(const char *text, const char *prefix)
{
    while (*prefix != '\0' && lower(*text) == lower(*prefix)) text++, prefix++;
    return *prefix == '\0';
}

/* Reads one or more digits at *text, and moves past them. False if there is none, or too many. */
static bool read_digits(const char **text, uint64_t *value)
{
    const char *at = *text;
    if (!digit(*at)) return false;
    for (*value = 0; digit(*at); at++) {
        if (__builtin_mul_overflow(*value, 10, value)) return false;
        if (__builtin_add_overflow(*value, (uint64_t)(*at - '0'), value)) return false;
    }
    *text = at;
    return true;
}

bool settings_size(const char *text, uint64_t *bytes)
{
    static const char units[] = "kmg";
    uint64_t value, scale = 1;
    if (!read_digits(&text, &value)) return false;

    const char *unit = *text == '\0' ? NULL : strchr(units, lower(*text));
    if (unit != NULL) {
        scale <<= 10 * (unit - units + 1);
        text++;
        if (same(text, "b") || same(text, "ib")) text = "";
    }
    return *text == '\0' && !__builtin_mul_overflow(value, scale, bytes);
}

bool settings_integer(const char *text, int64_t *value)
{
    uint64_t magnitude;
    bool negative = *text == '-';
    if (negative) text++;
    if (!read_digits(&text, &magnitude) || *text != '\0') return false;
    if (magnitude > (uint64_t)INT64_MAX + negative) return false;
    *value = (int64_t)(negative ? 0 - magnitude : magnitude);
    return true;
}

bool settings_seconds(const char *text, uint64_t *nanoseconds)
{
    uint64_t seconds, fraction = 0;
    if (!read_digits(&text, &seconds) || seconds > SECONDS_MAX) return false;
    if (*text == '.') {
        if (!digit(*++text)) return false;
        /* Digits after the ninth are less than a nanosecond. */
        for (uint64_t unit = NANOSECONDS / 10; digit(*text); unit /= 10)
            fraction += unit * (uint64_t)(*text++ - '0');
    }
    if (*text != '\0') return false;
    *nanoseconds = seconds * NANOSECONDS + fraction;
    return *nanoseconds <= SECONDS_MAX * NANOSECONDS;
}

bool settings_truth(const char *text, bool *value)
{
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++) {
        if (!same(text, words[i])) continue;
        *value = i % 2 == 1;
        return true;
    }
    return false;
}

static size_t least(size_t one, size_t other)
{
    return one < other ? one : other;
}

/* The number of letters to insert, remove, change or swap with a neighbor (Damerau, 1964; the variant
 * that edits no place twice). Row i of the table holds the distances from one[0 .. i) to every prefix of
 * `other`; only the last two rows before it are needed. */
static size_t distance(const char *one, const char *other)
{
    size_t rows[3][NAME_MAX_SIZE + 1];
    size_t one_size = strlen(one), other_size = strlen(other);
    check(one_size <= NAME_MAX_SIZE);
    check(other_size <= NAME_MAX_SIZE);

    for (size_t j = 0; j <= other_size; j++) rows[0][j] = j;
    for (size_t i = 1; i <= one_size; i++) {
        size_t *row = rows[i % 3], *above = rows[(i + 2) % 3], *second = rows[(i + 1) % 3];
        char c = lower(one[i - 1]);
        row[0] = i;
        for (size_t j = 1; j <= other_size; j++) {
            char d = lower(other[j - 1]);
            row[j] = least(above[j - 1] + (c != d), least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && c == lower(other[j - 2]) && lower(one[i - 2]) == d)
                row[j] = least(row[j], second[j - 2] + 1);
        }
    }
    return rows[one_size % 3][other_size];
}

const char *settings_nearest(const char *typed, const char *const *names, size_t count)
{
    size_t size = strlen(typed);
    if (size > NAME_MAX_SIZE) return NULL;

    const char *nearest = NULL;
    size_t nearest_cost = SIZE_MAX;
    for (size_t i = 0; i < count; i++) {
        if (strlen(names[i]) > NAME_MAX_SIZE) continue;
        size_t edits = distance(typed, names[i]);
        /* edits < size: editing all letters of a short name would make it match anything. */
        bool misspelt = edits < size && edits <= (size < 6 ? 1 : size / 3);
        bool cut_short = size >= 3 && begins_with(names[i], typed);
        bool goes_on = strlen(names[i]) >= 3 && begins_with(typed, names[i]);
        if (!misspelt && !cut_short && !goes_on) continue;

        /* Of two names at the same distance, prefers one that extends or begins `typed`. */
        size_t cost = 2 * edits + !(cut_short || goes_on);
        if (cost >= nearest_cost) continue;
        nearest = names[i];
        nearest_cost = cost;
    }
    return nearest;
}
