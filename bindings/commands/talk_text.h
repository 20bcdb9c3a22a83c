/* talk_text.h - converts a typed line to the bytes it means, and bytes to a line that a terminal shows but does
 * not obey. Pure. Text shown by one and typed into the other gives the same bytes again. */
#ifndef MOONPORT_TALK_TEXT_H
#define MOONPORT_TALK_TEXT_H

#include "base/span.h"

enum { TALK_SHOWN_MAX = 4 }; /* bytes of text for one character or byte, at most */

/* Replaces the escapes \xNN \n \r \t \\ in place; returns the line, which can only become shorter. A backslash
 * before anything else stands for itself. */
struct span talk_unescape(struct span line);

/* Writes as much of the front of the packet as fits as text, and takes it off the packet; call it until the
 * packet is empty. room >= TALK_SHOWN_MAX. Returns the bytes of text, never a part of a character. \n \r \t \\
 * are written like this; other characters that could move the cursor, or hide or reorder those around them, and
 * bytes that are not UTF-8, are written as \xNN. */
size_t talk_show(struct span *packet, char *text, size_t room);

#endif
