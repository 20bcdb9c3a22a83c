#include "scripts/handler.h"

const char *const handler_names[HANDLERS] = {
    [ON_START] = "on_start",
    [ON_CONNECT] = "on_connect",
    [ON_RECEIVE] = "on_receive",
    [ON_DRAIN] = "on_drain",
    [ON_IDLE] = "on_idle",
    [ON_STOP] = "on_stop",
    [ON_DISCONNECT] = "on_disconnect",
    [ON_MESSAGE] = "on_message",
    [ON_UNLOAD] = "on_unload",
    [ON_LOAD] = "on_load",
};
