/* talk_edit.h - the line that a person types in a terminal, with a history. It stands below what is
 * printed, and stays whole. One for the process, which owns the terminal's mode while it is open.
 *
 * Built with libedit, or without: then none can be opened, and the terminal edits lines itself. */
#ifndef MOONPORT_TALK_EDIT_H
#define MOONPORT_TALK_EDIT_H

#include <stdbool.h>
#include <stddef.h>

struct talk_receiver;

/* False if the standard input and output are no terminal that can move its cursor. */
bool talk_edit_open(const struct talk_receiver *receiver);
void talk_edit_close(void); /* the terminal is as it was before */

/* Puts the line on the screen, where the cursor is in the first column; takes it off, and leaves the
 * cursor there. Twice is as good as once. */
void talk_edit_show(void);
void talk_edit_hide(void);

/* Reads keys, while there are any, until a line is entered: that is one, with its end, or its
 * beginning if it is longer than `size`; 0: none yet. TALK_ENDED (talk_system.h) at the end. */
ptrdiff_t talk_edit_read(void *data, size_t size);

bool talk_edit_has_more(void); /* it has read what talk_edit_read has not handed on yet */

/* To be called when a call of the system was interrupted: the window may have another size. */
void talk_edit_interrupted(void);

#endif
