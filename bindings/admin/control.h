/* control.h - what the admin can be asked about a running program, and what it can be told to do. */
#ifndef MOONPORT_CONTROL_H
#define MOONPORT_CONTROL_H

#include "admin/profiler.h"
#include "admin/route.h"
#include "admin/survey.h"
#include "reload/project.h"
#include "reload/reload.h"
#include "server.h"

struct control {
    struct server *server;
    struct reloader *reloader;
    const struct project *project;
    _Atomic bool draining;    /* accepts no connections any more; ends when the last has left */
    uint32_t quiet_s;         /* for so long no connection was left; the admin's thread has it */
    struct survey_owed owed;  /* what workers have not said of their connections yet */
    struct profiler profiler; /* the thread for looks has it */
};

/* The routes; their context is a struct control. */
extern const struct admin_route control_routes[];

/* Ends the program when a drain was asked for and the last connection has left. On the admin's thread. */
void control_each_second(void *control);

#endif
