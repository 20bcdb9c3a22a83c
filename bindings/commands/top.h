/* top.h - `moonport top`: a running server in a terminal, which is drawn again each second. */
#ifndef MOONPORT_TOP_H
#define MOONPORT_TOP_H

/* words[0] is "top", its arguments follow. Returns the exit status: 0 somebody has quit, 1 the server does not let it
 * look, 2 usage, or there is no terminal, 3 no server was reached at first, or this build cannot draw. */
int top_main(int count, char **words);

#endif
