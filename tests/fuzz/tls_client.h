/* tls_client.h - for the fuzz targets: a client of TLS in memory, by OpenSSL, whose random bytes are the same each time. */
#ifndef MOONPORT_FUZZ_TLS_CLIENT_H
#define MOONPORT_FUZZ_TLS_CLIENT_H

#include "base/span.h"
#include "system/buffer.h"

#include <stdbool.h>
#include <stdint.h>

struct tls_client;

/* Once, before anything else of TLS. False: this program was built without OpenSSL. */
bool tls_client_prepare(void);

/* TLS 1.2 or 1.3. It resumes the session that was kept last, if there is one of that version and it is to. */
struct tls_client *tls_client_open(bool is_old, bool resumes);
void tls_client_close(struct tls_client *client);

/* It goes on as far as it can with what it has heard. What it has read is appended. */
void tls_client_hear(struct tls_client *client, struct span bytes, struct buffer *plain);

/* What it has to say now is appended. */
void tls_client_say(struct tls_client *client, struct buffer *wire);

/* It has shaken hands, and has not failed. */
bool tls_client_is_open(const struct tls_client *client);
bool tls_client_has_failed(const struct tls_client *client);

/* Once it is open. How many bytes it has taken. */
size_t tls_client_write(struct tls_client *client, struct span plain);

/* It wants other keys, in TLS 1.3, or to negotiate again, in TLS 1.2. */
void tls_client_begin_anew(struct tls_client *client);

/* It says that this was all. */
void tls_client_end(struct tls_client *client);

#endif
