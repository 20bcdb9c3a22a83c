#include "admin/json.h"

#include "admin/decimal.h"
#include "base/utf8.h"

#include <inttypes.h>
#include <stdio.h>

static void put(struct json *json, struct span bytes)
{
    json->failed = json->failed || !buffer_add_bytes(json->out, bytes);
}

static void put_text(struct json *json, const char *text)
{
    put(json, span_text(text));
}

/* ---- structure ---- */

void json_name(struct json *json, const char *name)
{
    if (json->follows) put_text(json, ",");
    json->follows = true;
    if (name == NULL) return;
    put_text(json, "\"");
    put_text(json, name);
    put_text(json, "\":");
}

void json_open(struct json *json, const char *name, char bracket)
{
    json_name(json, name);
    put(json, span_of(&bracket, 1));
    json->follows = false;
}

void json_close(struct json *json, char bracket)
{
    put(json, span_of(&bracket, 1));
    json->follows = true;
}

/* ---- values ---- */

void json_count(struct json *json, const char *name, uint64_t value)
{
    char text[24];
    json_name(json, name);
    snprintf(text, sizeof text, "%" PRIu64, value);
    put_text(json, text);
}

static void put_decimal(struct json *json, const char *name, uint64_t value, int places)
{
    char text[DECIMAL_MAX];
    json_name(json, name);
    put_text(json, decimal(value, places, text));
}

void json_seconds(struct json *json, const char *name, uint64_t duration_ns)
{
    put_decimal(json, name, duration_ns, 9);
}

void json_time(struct json *json, const char *name, uint64_t time_us)
{
    put_decimal(json, name, time_us, 6);
}

void json_truth(struct json *json, const char *name, bool value)
{
    json_name(json, name);
    put_text(json, value ? "true" : "false");
}

void json_null(struct json *json, const char *name)
{
    json_name(json, name);
    put_text(json, "null");
}

static void put_escaped(struct json *json, uint8_t byte)
{
    char text[8];
    switch (byte) {
    case '\n': put_text(json, "\\n"); return;
    case '\t': put_text(json, "\\t"); return;
    case '"': put_text(json, "\\\""); return;
    case '\\': put_text(json, "\\\\"); return;
    default: snprintf(text, sizeof text, "\\u%04x", byte); put_text(json, text);
    }
}

void json_text(struct json *json, const char *name, struct span text)
{
    json_name(json, name);
    put_text(json, "\"");
    while (text.size > 0) {
        uint8_t first = text.data[0];
        size_t size = utf8_size(text);
        if (size == 0)
            put_text(json, "\\ufffd");
        else if (first < 0x20 || first == 0x7f || first == '"' || first == '\\')
            put_escaped(json, first);
        else
            put(json, span_first(text, size));
        text = span_skip(text, size > 0 ? size : 1);
    }
    put_text(json, "\"");
}

void json_string(struct json *json, const char *name, const char *text)
{
    json_text(json, name, span_text(text));
}
