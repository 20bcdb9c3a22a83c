/* server.group(name): a set of connections, of all workers, that can be broadcast to. */
#include "api/lua_api.h"

#include "link/group.h"
#include "server.h"

#include <stdlib.h>

#define GROUP_META "moonport.group"

/* The contents of a script's group object. It is also in a list of the runtime, which closes it at the latest: a
 * finalizer that fails for lack of memory is not called again, and an object that another finalizer makes at the
 * end of a Lua state is never finalized. */
struct held {
    struct list node;
    struct group *group;
};

static void let_go(struct held *held)
{
    list_remove(&held->node);
    group_drop(held->group);
    free(held);
}

void lua_group_close(struct runtime *runtime)
{
    for (struct list *node = runtime->groups.next; node != &runtime->groups;) {
        struct held *held = container_of(node, struct held, node);
        node = node->next;
        let_go(held);
    }
}

static struct group *check_group(lua_State *L)
{
    struct held **value = luaL_checkudata(L, 1, GROUP_META);
    struct held *held = *value;
    if (held != NULL) return held->group;
    luaL_error(L, "the group is garbage"); /* a finalizer can still reach it */
    return NULL;
}

/* server.group(name): the group of that name, which is made on first use */
static int get(lua_State *L)
{
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    if (size > GROUP_NAME_MAX) return state_refuse(L, "badname");
    struct held **value = lua_newuserdatauv(L, sizeof *value, 0);
    *value = NULL;
    luaL_getmetatable(L, GROUP_META);
    lua_setmetatable(L, -2); /* before there is a group: this may fail for lack of memory */
    struct held *held = malloc(sizeof *held);
    if (held == NULL) return state_refuse(L, "memory");
    held->group = server_group(worker_server(runtime_of(L)->worker), span_of(name, size));
    if (held->group == NULL) {
        free(held);
        return state_refuse(L, "memory");
    }
    list_append(&runtime_of(L)->groups, &held->node);
    *value = held;
    return 1;
}

static int release(lua_State *L)
{
    struct held **value = luaL_checkudata(L, 1, GROUP_META);
    if (*value != NULL) let_go(*value);
    *value = NULL;
    return 0;
}

/* group:add(conn) */
static int add(lua_State *L)
{
    struct group *group = check_group(L);
    struct link *link = lua_conn_check(L, 2);
    if (link == NULL) return state_refuse(L, "closed");
    return lua_conn_answer(L, worker_group_add(runtime_of(L)->worker, group, link));
}

/* group:remove(conn): false if it was not a member */
static int remove_member(lua_State *L)
{
    struct group *group = check_group(L);
    struct link *link = lua_conn_check(L, 2);
    lua_pushboolean(L, link != NULL && worker_group_remove(runtime_of(L)->worker, group, link));
    return 1;
}

/* group:broadcast(packet [, { except = conn, kind = "text" }]) */
static int broadcast(lua_State *L)
{
    struct group *group = check_group(L);
    size_t size, count;
    const char *packet = luaL_checklstring(L, 2, &size);
    struct lua_broadcast options = lua_conn_check_broadcast(L, 3);
    enum send_result result = worker_group_broadcast(
        runtime_of(L)->worker, group, span_of(packet, size), options.kind, options.except, &count);
    if (result != SEND_OK) return lua_conn_answer(L, result);
    lua_pushinteger(L, (lua_Integer)count);
    return 1;
}

/* group:count(): members in all workers, at this moment */
static int count_members(lua_State *L)
{
    lua_pushinteger(L, (lua_Integer)group_count(check_group(L)));
    return 1;
}

static int tostring(lua_State *L)
{
    struct span name = group_name(check_group(L));
    lua_pushliteral(L, "group ");
    lua_pushlstring(L, (const char *)name.data, name.size);
    lua_concat(L, 2);
    return 1;
}

void lua_group_open(struct runtime *runtime)
{
    static const luaL_Reg methods[] = {
        {"add", add}, {"remove", remove_member}, {"broadcast", broadcast}, {"count", count_members},
        {NULL, NULL},
    };
    static const luaL_Reg functions[] = {{"group", get}, {NULL, NULL}};
    lua_State *L = runtime->state.L;
    state_register(&runtime->state, L, functions);
    luaL_newmetatable(L, GROUP_META);
    lua_newtable(L);
    state_register(&runtime->state, L, methods);
    lua_setfield(L, -2, "__index");
    lua_pushliteral(L, "group");
    lua_setfield(L, -2, "__metatable");
    lua_pushcfunction(L, release);
    lua_setfield(L, -2, "__gc");
    lua_pushcfunction(L, tostring);
    lua_setfield(L, -2, "__tostring");
    lua_pop(L, 1);
}
