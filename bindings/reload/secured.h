/* secured.h - the certificates of the listeners that speak TLS: read at the start, and read again when one of the files says
 * something else. What is not fit to be shown changes nothing, and the log says what is wrong with it. */
#ifndef MOONPORT_SECURED_H
#define MOONPORT_SECURED_H

#include "base/error.h"
#include "stream/tls.h"

/* One setting `tls`; listeners with the same one share it. */
struct secured {
    struct secured *next;
    struct tls_source source;
    const char *text; /* of the setting; the same text has the same place (config_text.h) */
    struct tls_settings settings; /* it points into itself */
    uint64_t stamp; /* of what is in its files: of those that are shown, or that were refused */
    uint64_t seen;  /* of what was in them at the last look: they are read when it stays the same */
    _Atomic int64_t ends; /* of its certificates the soonest, in seconds since 1970 */
    bool
        tickets_are_lost; /* the file with their keys is not as it should be, as the log has said */
    int64_t warned; /* the day, since 1970, on which the log said that a certificate ends soon */
};

/* The one of the list with this text, or a new one in it. Never moves. NULL with an error. */
struct secured *secured_open(struct secured **list, const char *script_dir, const char *text,
                             struct error *error);

/* Before it serves: tells of certificates that are made up, and has the keys of tickets in their files. False with an
 * error. */
bool secured_serve(struct secured *list, const char *script_dir, struct error *error);

/* Looks whether files have changed; those that were the same twice are read. `at_once`: at the first time, too. One thread
 * at a time. */
void secured_look(struct secured *list, const char *script_dir, bool at_once);

/* When the first certificate of the list ends, in seconds since 1970; 0: the list is empty. Any thread. */
int64_t secured_ends(struct secured *list);

/* Once no listener uses them. */
void secured_close(struct secured **list);

#endif
