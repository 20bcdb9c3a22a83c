#include "commands/top_text.h"

#include "base/check.h"
#include "commands/talk_text.h"

#include <stdbool.h>

/* ---- numbers ---- */

/* Three digits or so, with the letter of the power. Below `whole` there is no letter, and no fraction. */
static const char *scale(double value, double base, double whole, const char *letters, char *room)
{
    int power = 0;
    if (!(value >= 0)) {
        snprintf(room, TOP_NUMBER_MAX, "-");
        return room;
    }
    if (value < whole) {
        snprintf(room, TOP_NUMBER_MAX, "%.0f", value);
        return room;
    }
    while (value >= base * 0.9995 && letters[power + 1] != '\0') {
        value /= base;
        power++;
    }
    snprintf(room, TOP_NUMBER_MAX, value < 99.95 ? "%.1f%c" : "%.0f%c", value, letters[power]);
    return room;
}

const char *top_count(double value, char room[TOP_NUMBER_MAX])
{
    return scale(value, 1000, 99999.5, " kMGTPE", room);
}

const char *top_rate(double per_second, char room[TOP_NUMBER_MAX])
{
    if (per_second >= 0 && per_second < 9.95) {
        snprintf(room, TOP_NUMBER_MAX, "%.1f", per_second);
        return room;
    }
    return scale(per_second, 1000, 9999.5, " kMGTPE", room);
}

const char *top_bytes(double bytes, char room[TOP_NUMBER_MAX])
{
    return scale(bytes, 1024, 1023.5, " KMGTPE", room);
}

const char *top_time(double seconds, char room[TOP_NUMBER_MAX])
{
    static const struct {
        double below, times;
        const char *unit;
    } units[] = {{0.9995e-3, 1e6, "us"}, {0.9995, 1e3, "ms"}, {0, 1, "s"}};
    int i = 0;
    if (!(seconds >= 0)) {
        snprintf(room, TOP_NUMBER_MAX, "-");
        return room;
    }
    while (i < 2 && seconds >= units[i].below) i++;
    double value = seconds * units[i].times;
    bool whole = value >= 9.95 || units[i].times > 1e3;
    snprintf(room, TOP_NUMBER_MAX, whole ? "%.0f%s" : "%.1f%s", value, units[i].unit);
    return room;
}

const char *top_age(double seconds, char room[TOP_NUMBER_MAX])
{
    static const struct {
        long unit, part;
        const char *format;
    } forms[] = {{86400, 3600, "%ldd%02ldh"}, {3600, 60, "%ldh%02ldm"}, {60, 1, "%ldm%02lds"}};
    if (!(seconds >= 0 && seconds < 1e9)) {
        snprintf(room, TOP_NUMBER_MAX, "-");
        return room;
    }
    long whole = (long)seconds;
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        if (whole < forms[i].unit) continue;
        long rest = whole % forms[i].unit / forms[i].part;
        snprintf(room, TOP_NUMBER_MAX, forms[i].format, whole / forms[i].unit, rest);
        return room;
    }
    snprintf(room, TOP_NUMBER_MAX, "%lds", whole);
    return room;
}

/* ---- text ---- */

/* A backslash stays one, unlike in `moonport talk`: nobody types these lines again. */
static bool is_shown_otherwise(uint8_t byte)
{
    return byte == '\t' || byte == '\\';
}

size_t top_clean(struct span text, char *room, size_t size)
{
    size_t used = 0;
    check(size > TALK_SHOWN_MAX);
    while (text.size > 0 && size - used > TALK_SHOWN_MAX) {
        size_t run = 0;
        while (run < text.size && !is_shown_otherwise(text.data[run])) run++;
        if (run == 0) {
            used += (size_t)snprintf(room + used, size - used, text.data[0] == '\t' ? "  " : "\\");
            text = span_skip(text, 1);
            continue;
        }
        struct span rest = span_first(text, run);
        used += talk_show(&rest, room + used, size - 1 - used);
        text = span_skip(text, run - rest.size);
    }
    room[used] = '\0';
    return used;
}
