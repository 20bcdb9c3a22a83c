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

#endif
