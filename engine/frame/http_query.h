/* http_query.h - takes values out of the path and the query of a target (http_head.h), decoded (RFC 3986 section 2.1).
 * Owns nothing. Each part is decoded once, after the text was divided: an encoded "/" or "&" divides nothing.
 *
 *     /connections/17/close      ?filter=10.0.0%2E1&sort=age
 *      segment 0   1   2          name   value      name value
 *
 * A value goes to the caller's `room` of `size` bytes, at least 1, and ends with a NUL there. False: it does not exist,
 * does not fit, is not encoded right, or has a NUL in it; then the room holds an empty text. */
#ifndef MOONPORT_HTTP_QUERY_H
#define MOONPORT_HTTP_QUERY_H

#include "base/span.h"

#include <stdbool.h>

/* The value of a parameter, encoded as by an HTML form: a "+" is a space (URL Standard, section
 * application/x-www-form-urlencoded). "a" is the same as "a=". False as well if it is there twice, for nobody could
 * tell which one is meant. */
bool http_query(struct span query, const char *name, char *room, size_t size);

/* How many parameters have that name: tells one that is missing from one that is wrong. */
uint32_t http_query_count(struct span query, const char *name);

/* A segment of the path, from 0. In "/" and at the end of "/a/" there is an empty one. "." and ".." are segments like
 * any other. */
bool http_segment(struct span path, uint32_t index, char *room, size_t size);

uint32_t http_segment_count(struct span path);

#endif
