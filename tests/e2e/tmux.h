/* tmux.h - a terminal with somebody at it: tmux draws what a program writes to it, and types. One at a time; it dies
 * with the test. */
#ifndef MOONPORT_TMUX_H
#define MOONPORT_TMUX_H

/* Skips the test, and says so, where there is no tmux. */
void need_tmux(void);

/* Runs a command of the shell in a terminal of that size. */
void tmux_begin(int columns, int rows, const char *command);
void tmux_end(void);

/* A key: "q" "Down" "Enter" "C-c". */
void tmux_press(const char *key);
void tmux_resize(int columns, int rows);

/* What stands there now, a line for each row; valid until the next call of these. */
const char *tmux_screen(void);

/* Wait until it has this, or no longer has it. */
void tmux_expect(const char *text);
void tmux_expect_gone(const char *text);

#endif
