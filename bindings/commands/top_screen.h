/* top_screen.h - the terminal that `moonport top` draws on, by ncurses. There is one for the process, which owns the
 * terminal's mode while it is open. A build without ncurses, and Windows, have none. */
#ifndef MOONPORT_TOP_SCREEN_H
#define MOONPORT_TOP_SCREEN_H

#include "base/error.h"
#include "commands/top_paint.h"

/* False: this build has none, or standard input and output are no terminal. */
bool top_screen_check(struct error *error);

/* False: it is none of the kind on which something can be drawn. */
bool top_screen_open(struct error *error);

/* Restores the terminal. */
void top_screen_close(void);

/* Begins an empty picture, of the size that the terminal has now; and shows what was put into it. `anew`: all of it,
 * for something else has written to the terminal. Control characters are not obeyed. */
struct top_canvas top_screen_begin(void);
void top_screen_show(bool anew);

/* Waits for a key, a change of the size or top_screen_wake, up to so many milliseconds. Returns the key, or
 * TOP_KEY_NONE. */
int top_screen_key(int timeout_ms);

/* Any thread. Does nothing before the screen is open, and after it was closed. */
void top_screen_wake(void);

/* The signal that asked the program to end since the screen is open; 0: none has. */
int top_screen_signal(void);

/* Ends the program by this signal, as if it had not been caught. */
void top_screen_die(int signal);

#endif
