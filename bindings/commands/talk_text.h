/* talk_text.h - a typed line as the bytes it stands for, and bytes as a line that a terminal shows
 * but does not obey. Pure; what one shows, typed into the other, is the same bytes again. */
#ifndef MOONPORT_TALK_TEXT_H
#define MOONPORT_TALK_TEXT_H

#include "base/span.h"

enum { TALK_SHOWN_MAX = 4 }; /* bytes of text that one character or byte can take */

/* Reads the escapes \xNN \n \r \t \\ where they lie; returns the line, which can only have become
 * shorter. A backslash in front of anything else stands for itself. */
struct span talk_unescape(struct span line);

/* Writes the front of the packet as text, as much as has room, and takes it off the packet; call it
 * until the packet is empty. room >= TALK_SHOWN_MAX; returns the bytes of text, never a part of a
 * character. \n \r \t \\ are written so; what else could move the cursor, hide or reorder what stands
 * around it, or is not UTF-8, is written \xNN. */
size_t talk_show(struct span *packet, char *text, size_t room);

#endif
