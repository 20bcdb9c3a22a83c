/* admin_client.h - `moonport reload` and its kin: has a running server do something, and prints what
 * it says of it. */
#ifndef MOONPORT_ADMIN_CLIENT_H
#define MOONPORT_ADMIN_CLIENT_H

/* words[0] is the command's name, its arguments follow. Returns the exit status: 0 done, 1 the
 * server could not do it, 2 usage, 3 no server was reached, or it did not answer. */
int admin_client_main(int count, char **words);

#endif
