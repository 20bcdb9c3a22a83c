/* lua_thread.h - starts a thread that may run Lua, with a stack large enough for it whatever `ulimit -s` says. */
#ifndef MOONPORT_LUA_THREAD_H
#define MOONPORT_LUA_THREAD_H

#include "lua/compat.h"

#include <pthread.h>

static inline bool lua_thread_create(pthread_t *thread, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    pthread_attr_init(&attributes);
    bool fine = pthread_attr_setstacksize(&attributes, COMPAT_STACK_SIZE) == 0 &&
                pthread_create(thread, &attributes, run, argument) == 0;
    pthread_attr_destroy(&attributes);
    return fine;
}

#endif
