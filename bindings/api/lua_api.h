/* lua_api.h - the functions that scripts call: one file for each subject, which adds its own to the table
 * `server` or to the globals. scripts/api/moonport.lua documents each function. */
#ifndef MOONPORT_LUA_API_H
#define MOONPORT_LUA_API_H

#include "run/runtime.h"

/* All of it, for struct program. */
extern const struct api lua_api;

/* ---- for lua_api.c: each finds the table `server` on the top of the stack ---- */

void lua_server_open(struct runtime *runtime);        /* stats, sleep ... */
void lua_server_open_everywhere(struct state *state); /* now, log, version; in jobs, too */
void lua_job_open(struct runtime *runtime);
void lua_job_close(struct runtime *runtime); /* its runs have ended */
void lua_job_open_server(struct state *state,
                         void *program); /* the global `server`, for struct job_setup */
void lua_timer_open(struct runtime *runtime);
void lua_shared_open(struct state *state, struct shared *shared);
void lua_message_open(struct runtime *runtime);
uint64_t lua_message_generation(struct span bytes);
bool lua_message_push(struct runtime *runtime, lua_State *to, struct span bytes);
void lua_request_push_asked(lua_State *L, const struct link *link);
void lua_channel_open(struct runtime *runtime);
void lua_channel_close(struct runtime *runtime);
void lua_call_open(struct runtime *runtime);
void lua_group_open(struct runtime *runtime);
void lua_group_close(struct runtime *runtime);
void lua_conn_open(struct runtime *runtime); /* and send, broadcast */
bool lua_conn_add(struct runtime *runtime, struct link *link);
void lua_conn_remove(struct runtime *runtime, struct link *link);

/* ---- lua_conn.c, for functions that take a conn ---- */

/* Returns the conn's link; NULL if it is closed; raises an error if it is no conn. */
struct link *lua_conn_check(lua_State *L, int index);

/* "text" or "binary", or nothing: PACKET_PLAIN. */
enum packet_kind lua_conn_check_kind(lua_State *L, int index);

/* The options of a broadcast, all of which may be missing: { except = conn, kind = "text" }. */
struct lua_broadcast {
    const struct link *except;
    enum packet_kind kind;
};
struct lua_broadcast lua_conn_check_broadcast(lua_State *L, int index);

/* Pushes true, or nil and why it was not sent. */
int lua_conn_answer(lua_State *L, enum send_result result);

/* server.close, for lua_call.c. */
int lua_conn_close_any(lua_State *L);

#endif
