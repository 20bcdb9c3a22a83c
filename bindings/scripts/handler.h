/* handler.h - the functions of a script that the server calls. */
#ifndef MOONPORT_HANDLER_H
#define MOONPORT_HANDLER_H

enum handler {
    ON_START,
    ON_CONNECT,
    ON_RECEIVE,
    ON_DRAIN,
    ON_IDLE,
    ON_DISCONNECT,
    ON_MESSAGE,
    ON_UNLOAD,
    ON_LOAD,
    ON_STOP,
    HANDLERS,
};
extern const char *const handler_names[HANDLERS];

/* For tables of names that begin with theirs. */
#define HANDLER_NAMES \
    [ON_START] = "on_start", [ON_CONNECT] = "on_connect", [ON_RECEIVE] = "on_receive", \
    [ON_DRAIN] = "on_drain", [ON_IDLE] = "on_idle", [ON_DISCONNECT] = "on_disconnect", \
    [ON_MESSAGE] = "on_message", [ON_UNLOAD] = "on_unload", [ON_LOAD] = "on_load", \
    [ON_STOP] = "on_stop"

#endif
