#include "api/shared_inside.h"

#include <errno.h>
#include <locale.h>
#include <stdlib.h>

static bool is_number(const struct shared_value *value)
{
    return value->type == SHARED_INTEGER || value->type == SHARED_FLOAT;
}

static double as_float(const struct shared_value *value)
{
    return value->type == SHARED_INTEGER ? (double)value->integer : value->number;
}

static struct shared_value integer_of(int64_t integer)
{
    return (struct shared_value){.type = SHARED_INTEGER, .integer = integer};
}

static struct shared_value float_of(double number)
{
    return (struct shared_value){.type = SHARED_FLOAT, .number = number};
}

static enum shared_result sum_of(const struct shared_value *a, const struct shared_value *b,
                                 struct shared_value *sum)
{
    if (!is_number(a)) return SHARED_NOT_NUMBER;
    if (a->type == SHARED_INTEGER && b->type == SHARED_INTEGER) {
        sum->type = SHARED_INTEGER;
        bool overflow = __builtin_add_overflow(a->integer, b->integer, &sum->integer);
        return overflow ? SHARED_OVERFLOW : SHARED_OK;
    }
    *sum = float_of(as_float(a) + as_float(b));
    return SHARED_OK;
}

static void write_number(struct shared_entry *entry, const struct shared_value *number)
{
    entry->type = (uint8_t)number->type;
    if (number->type == SHARED_INTEGER)
        entry->value.integer = number->integer;
    else
        entry->value.number = number->number;
}

/* Changes the number in place: a number is never read outside the lock, and all numbers take the same memory. */
static enum shared_result add_to(struct shared_entry *entry, const struct shared_value *by,
                                 struct shared_value *sum)
{
    if (entry->type == SHARED_LIST) return SHARED_NOT_NUMBER;
    struct shared_value value = shared_entry_value(entry);
    enum shared_result result = sum_of(&value, by, sum);
    if (result == SHARED_OK) write_number(entry, sum);
    return result;
}

/* ---- numbers kept as text ---- */

static const char *skip_digits(const char *text, bool *any)
{
    for (; *text >= '0' && *text <= '9'; text++) *any = true;
    return text;
}

/* Is it [+-] digits [. digits] [e [+-] digits], and nothing else? tonumber accepts more. *whole: only digits after
 * the sign. *point: its decimal point, or NULL. */
static bool is_decimal(const char *text, bool *whole, const char **point)
{
    bool digits = false, power = false;
    if (*text == '+' || *text == '-') text++;
    text = skip_digits(text, &digits);
    *whole = *text == '\0';
    *point = *text == '.' ? text : NULL;
    if (*point != NULL) text = skip_digits(text + 1, &digits);
    if (!digits) return false;
    if (*text != 'e' && *text != 'E') return *text == '\0';
    text++;
    if (*text == '+' || *text == '-') text++;
    return *skip_digits(text, &power) == '\0' && power;
}

/* As in Lua, a number too large for an integer becomes a float. A script may have set another locale, in which
 * strtod expects another decimal point. */
static bool read_number(struct span string, struct shared_value *number)
{
    char text[SHARED_NUMBER_MAX + 1];
    const char *point;
    bool whole;
    if (string.size > SHARED_NUMBER_MAX) return false;
    if (memchr(string.data, '\0', string.size) != NULL) return false;
    memcpy(text, string.data, string.size);
    text[string.size] = '\0';
    if (!is_decimal(text, &whole, &point)) return false;
    errno = 0;
    if (whole) *number = integer_of(strtoll(text, NULL, 10));
    if (whole && errno == 0) return true;
    if (point != NULL) text[point - text] = *localeconv()->decimal_point;
    *number = float_of(strtod(text, NULL));
    return true;
}

/* Replaces the entry by one with a number, because a string is never changed in place. This needs no more memory,
 * and the same slot. */
static enum shared_result add_to_text(struct shared *shared, struct shared_entry *text,
                                      const struct shared_value *by, struct shared_entry **made,
                                      struct shared_waste *waste, struct shared_value *sum)
{
    struct shared_value value;
    if (!read_number(shared_entry_value(text).string, &value)) return SHARED_NOT_NUMBER;
    if (*made == NULL) return SHARED_NO_MEMORY;
    enum shared_result result = sum_of(&value, by, sum);
    if (result != SHARED_OK) return result;
    struct shared_entry *entry = *made;
    *made = NULL;
    write_number(entry, sum);
    entry->expires_ns = text->expires_ns;
    result = shared_table_put(&shared->table, entry, text, waste);
    check(result == SHARED_OK);
    return result;
}

/* ---- incr ---- */

/* *made: an entry that may replace a text. If it is NULL and one is needed, NO_MEMORY. */
static enum shared_result incr_found(struct shared *shared, struct span key, uint64_t hash,
                                     const struct shared_value *by, struct shared_entry **made,
                                     uint64_t now_ns, struct shared_value *sum)
{
    struct shared_waste waste = {.entries = NULL};
    enum shared_result result = SHARED_MISSING;
    shared_enter(shared);
    struct shared_entry *entry = shared_find_live(shared, key, hash, now_ns);
    if (entry != NULL && entry->type == SHARED_STRING)
        result = add_to_text(shared, entry, by, made, &waste, sum);
    else if (entry != NULL)
        result = add_to(entry, by, sum);
    shared_leave(shared, now_ns, &waste);
    return result;
}

static enum shared_result incr_there(struct shared *shared, struct span key,
                                     const struct shared_value *by, uint64_t now_ns,
                                     struct shared_value *sum)
{
    uint64_t hash = shared_hash(shared, key);
    struct shared_entry *made = NULL;
    enum shared_result result = incr_found(shared, key, hash, by, &made, now_ns, sum);
    if (result != SHARED_NO_MEMORY) return result;
    made = shared_entry_make(key, hash, by, UINT64_MAX);
    if (made == NULL) return SHARED_NO_MEMORY;
    result = incr_found(shared, key, hash, by, &made, now_ns, sum);
    if (made != NULL) shared_entry_drop(made);
    return result;
}

enum shared_result shared_incr(struct shared *shared, struct span key,
                               const struct shared_value *by, const struct shared_value *init,
                               uint64_t now_ns, uint64_t ttl_ns, struct shared_value *sum)
{
    check(is_number(by));
    check(init == NULL || is_number(init));
    for (;;) {
        enum shared_result result = incr_there(shared, key, by, now_ns, sum);
        if (result != SHARED_MISSING || init == NULL) return result;
        result = sum_of(init, by, sum);
        if (result == SHARED_OK) result = shared_add(shared, key, sum, now_ns, ttl_ns);
        if (result != SHARED_EXISTS) return result; /* EXISTS: another thread was faster */
    }
}
