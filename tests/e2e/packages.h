/* packages.h - what tests use of this system's packages and of npm: modules in C, a database server, and clients. A test
 * that cannot have it is skipped, and says so. */
#ifndef MOONPORT_E2E_PACKAGES_H
#define MOONPORT_E2E_PACKAGES_H

#include "harness.h"

/* Skips the test unless the program can load it. */
void need_module(const char *module, const char *package);

/* Debian's Python has its modules, others have not. Skips the test unless it can load this one. */
#define PYTHON "/usr/bin/python3"
void need_python(const char *module, const char *package);

/* Skips the test unless the shell finds it. */
void need_program(const char *name, const char *package);

/* False: it was built without OpenSSL. */
bool has_tls(void);

/* Skips the test where the program has no TLS, or there is no `openssl`, which makes certificates. */
void need_tls(void);

/* npm's client of WebSocket, in build/websocket of this tree, and node. Skips the test unless they are there. */
void need_ws(void);

/* A PostgreSQL of its own, on a unix socket in a fresh directory. */
struct postgres {
    pid_t pid;
    char directory[200];
};

/* Starts it, with an empty database of this name. What the test starts from now on finds it: PGHOST and PGUSER
 * are set. Skips the test where there is none. */
struct postgres postgres_begin(const char *database);
void postgres_run(const struct postgres *postgres, const char *statement);
void postgres_end(struct postgres *postgres);

#endif
