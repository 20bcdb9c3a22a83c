/* json.h - writes JSON (RFC 8259) into a buffer. The writer puts the commas; callers open and close what they
 * write. Text of any bytes becomes a valid string: what is not UTF-8 is replaced by U+FFFD.
 *
 * If memory runs out, `failed` is set and the rest is not written. */
#ifndef MOONPORT_JSON_H
#define MOONPORT_JSON_H

#include "system/buffer.h"

struct json {
    struct buffer *out;
    bool failed;
    bool follows; /* a value stands before the next one, which needs a comma */
};

/* Of an object, the name of the next value; `name` is plain ASCII without quotes. NULL: none, in an array. */
void json_name(struct json *json, const char *name);

/* `bracket`: one of { } [ ]. */
void json_open(struct json *json, const char *name, char bracket);
void json_close(struct json *json, char bracket);

void json_count(struct json *json, const char *name, uint64_t value);
void json_seconds(struct json *json, const char *name, uint64_t duration_ns);
void json_time(struct json *json, const char *name, uint64_t time_us); /* as seconds */
void json_truth(struct json *json, const char *name, bool value);
void json_null(struct json *json, const char *name);
void json_text(struct json *json, const char *name, struct span text);
void json_string(struct json *json, const char *name, const char *text);

#endif
