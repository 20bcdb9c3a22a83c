/* http_try.h - heads of requests for tests. */
#ifndef MOONPORT_TEST_HTTP_TRY_H
#define MOONPORT_TEST_HTTP_TRY_H

#include "frame/http_head.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

/* Reads a head of this request line, without its version, and these fields, each with its line end. Its spans are
 * valid until the next one. A target that does not begin with "/" is looked at as it is. */
static inline void http_try(struct http_head *head, const char *line, const char *fields)
{
    static char text[HTTP_HEAD_MAX + 1];
    snprintf(text, sizeof text, "%s HTTP/1.1\r\n%s\r\n", line, fields);
    head->scanned = 0;
    enum http_verdict verdict = http_head_read(head, span_text(text));
    cr_assert_eq(verdict, HTTP_HEAD, "%s: %d, %s", text, (int)verdict, head->why);
}

#endif
