/* talk_edit.h - the line that a person types in a terminal, with a history. It is shown below the output, and
 * stays whole. There is one for the process, which owns the terminal's mode while it is open.
 *
 * Without libedit in the build, none can be opened, and the terminal itself edits lines. */
#ifndef MOONPORT_TALK_EDIT_H
#define MOONPORT_TALK_EDIT_H

#include <stdbool.h>
#include <stddef.h>

struct talk_receiver;

/* False if standard input or output is not a terminal that can move its cursor. */
bool talk_edit_open(const struct talk_receiver *receiver);
void talk_edit_close(void); /* restores the terminal */

/* The first draws the line on the screen, with the cursor in the first column before; the second erases it, and
 * leaves the cursor there. Calling either one twice does no harm. */
void talk_edit_show(void);
void talk_edit_hide(void);

/* Reads keys while there are any, until a line is entered. Returns the bytes of the line with its end, or of its
 * beginning if it is longer than `size`; 0: no line yet. TALK_ENDED (talk_system.h) at the end. */
ptrdiff_t talk_edit_read(void *data, size_t size);

bool talk_edit_has_more(void); /* keys or lines have been read and not yet returned */

/* To be called when a system call was interrupted: the size of the window may have changed. */
void talk_edit_interrupted(void);

#endif
