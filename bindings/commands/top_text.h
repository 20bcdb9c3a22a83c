/* top_text.h - how `moonport top` writes numbers, and text that it was given. Pure. */
#ifndef MOONPORT_TOP_TEXT_H
#define MOONPORT_TOP_TEXT_H

#include "base/span.h"

enum { TOP_NUMBER_MAX = 24 };

/* Each writes the value into `room`, in at most 6 characters if it is sensible, and returns it. What is not known is
 * a NAN, and shown as "-". */
const char *top_count(double value, char room[TOP_NUMBER_MAX]); /* "17" "12.3k"; powers of 1000 */
const char *top_rate(double per_second, char room[TOP_NUMBER_MAX]); /* "0.4" "17" "12.3k" */
const char *top_bytes(double bytes, char room[TOP_NUMBER_MAX]); /* "512" "1.5K" "12M"; of 1024 */
const char *top_time(double seconds,
                     char room[TOP_NUMBER_MAX]); /* how long a call took: "350us" "1.2s" */
const char *top_age(double seconds, char room[TOP_NUMBER_MAX]); /* "12s" "3m20s" "1h02m" "3d04h" */

/* Copies text so that a terminal shows it, but does not obey it: control characters, those that hide or reorder
 * others, and what is not UTF-8 become \n, \r or \xNN, tabs become spaces. It is cut to fit, never within a
 * character. Returns its bytes without the NUL. size > 4. */
size_t top_clean(struct span text, char *room, size_t size);

#endif
