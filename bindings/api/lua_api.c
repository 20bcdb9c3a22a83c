#include "api/lua_api.h"

static void open(struct runtime *runtime)
{
    lua_State *L = runtime->state.L;
    lua_newtable(L);
    lua_server_open(runtime);
    lua_timer_open(runtime);
    lua_group_open(runtime);
    lua_shared_open(&runtime->state, runtime->program->shared);
    lua_message_open(runtime);
    lua_call_open(runtime);
    lua_job_open(runtime);
    lua_channel_open(runtime);
    lua_conn_open(runtime);
    lua_setglobal(L, "server");
}

static void close(struct runtime *runtime)
{
    lua_group_close(runtime);
    lua_channel_close(runtime);
    lua_job_close(runtime);
}

const struct api lua_api = {
    .open = open,
    .close = close,
    .add_conn = lua_conn_add,
    .remove_conn = lua_conn_remove,
    .push_request = lua_request_push_asked,
    .message_generation = lua_message_generation,
    .push_message = lua_message_push,
};
