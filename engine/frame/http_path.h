/* http_path.h - paths of targets (http_head.h) as a whole, decoded once (RFC 3986 section 2.4) and never more: "%2541"
 * is "%41". An encoded "/" is no "/", for it divides nothing (section 2.2): "%2f" stays as it is, and is the same as
 * "%2F". Owns nothing. */
#ifndef MOONPORT_HTTP_PATH_H
#define MOONPORT_HTTP_PATH_H

#include "base/span.h"

#include <stdbool.h>

/* Whether two encoded paths are the same once both are decoded: "/%41" and "/A". False as well if one is not encoded
 * right. */
bool http_path_is(struct span path, struct span other);

/* Decodes into the room, of at least 1 byte, with a NUL behind it. False: it does not fit, is not encoded right, or has a
 * NUL or an encoded "/" in it, which no name of a file has; then the room holds an empty text. */
bool http_path_decode(struct span path, char *room, size_t size);

/* Encodes what a target cannot have as it is (http_head.h), and "%" and "?"; a NUL behind it. False: it does not fit; then
 * the room holds an empty text. */
bool http_path_encode(struct span path, char *room, size_t size);

#endif
