/* tls_place.h - a directory with a script, settings and certificates by a CA of the tests (tls/certificates.sh), the server
 * that serves it, and programs that others wrote, which talk with that. What those do is in tls/. */
#ifndef MOONPORT_E2E_TLS_PLACE_H
#define MOONPORT_E2E_TLS_PLACE_H

#include "harness.h"

/* A fresh directory with this config.lua, tls/main.lua, and the certificates of these names ("ec rsa"). Skips the test where
 * there is no TLS, or nothing that makes certificates. */
char *tls_place_make(const char *config, const char *certificates);
void tls_place_write(const char *place, const char *name, const char *text);
void tls_place_remove(char *place);

/* Parts of a config.lua. In TLS_SHOWS the files are those of certificates.sh. */
#define TLS_SHOWS(name) "{ certificate = '" name ".pem', key = '" name ".key' }"
#define TLS_SHOWS_BOTH "{ certificate = { 'ec.pem', 'rsa.pem' }, key = { 'ec.key', 'rsa.key' } }"
#define TLS_LISTEN(framing, tls) \
    "{ address = '127.0.0.1:0', framing = '" framing "', tls = " tls " },"
#define TLS_CONFIG(listeners) \
    "return { workers = 2, idle_timeout = 0, max_packet = '1M', reload = 'signal', listen = " \
    "{" listeners "} }\n"

/* Serves it. */
struct server tls_place_serve(const char *place);

/* Runs a line of the shell in it, which must end well. */
void tls_place_run(const char *place, const char *line);

/* Runs tls/SCRIPT by Python with these words behind it, in the place. It must say "ok", and nothing else. */
void tls_place_talk(const char *place, const char *script, const char *words);

/* The same by another program: "node". */
void tls_place_talk_by(const char *program, const char *place, const char *script,
                       const char *words);

/* One that may take long, beside the test, and dies with it; of each script one at a time. The second waits until it has said
 * "ok". */
struct tls_talker {
    pid_t pid;
    const char *script;
};
struct tls_talker tls_place_start(const char *place, const char *script, const char *words);
void tls_place_await(const char *place, struct tls_talker talker);

#endif
