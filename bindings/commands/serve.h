/* serve.h - the command `moonport [serve] DIR`. */
#ifndef MOONPORT_SERVE_H
#define MOONPORT_SERVE_H

/* words[0] is the command; returns the exit status. */
int serve_main(int count, char **words);

#endif
