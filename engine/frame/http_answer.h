/* http_answer.h - writes the head of an answer that is the last one of its connection (RFC 9112 section 4). Pure. */
#ifndef MOONPORT_HTTP_ANSWER_H
#define MOONPORT_HTTP_ANSWER_H

#include "base/span.h"

#include <stdbool.h>

/* The head stands on its own: the body is sent behind it, by whoever has written it, unless `without_body`. */
struct http_answer {
    uint16_t status;
    const char *type;    /* of the body; NULL: none is named */
    struct span body;    /* to be sent behind the head */
    const char *headers; /* further lines, each with its CRLF; NULL: none */
    bool without_body;   /* to a HEAD: the head tells of the body, which is not sent */
    uint64_t date_s;     /* seconds since 1970; 0: there is no Date */
};

/* Returns how many bytes the head has; 0: it does not fit. With 304 (RFC 9110 section 15.4.5) and 204 it tells of no
 * body, which must be empty then. With 426, "Upgrade" must be among the headers (9110 section 15.5.22): Connection names
 * it, as it must (7.8). */
size_t http_answer_write(const struct http_answer *answer, char *room, size_t size);

/* The reason phrase of a status (RFC 9110 section 15); "Unknown" if it is not known. */
const char *http_phrase(int status);

/* A moment as in the field Date (RFC 9110 section 5.6.7), with a NUL. */
enum { HTTP_DATE_SIZE = sizeof "Sun, 06 Nov 1994 08:49:37 GMT" };
void http_date_write(uint64_t unix_s, char room[HTTP_DATE_SIZE]);

#endif
