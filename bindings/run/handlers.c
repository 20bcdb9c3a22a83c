#include "run/handlers.h"

#include "run/code.h"
#include "run/run.h"
#include "run/trial.h"

/* ---- the way into a handler ---- */

/* drive(on_receive, conn) calls on_receive for one packet after another in one coroutine, because preparing a
 * coroutine takes longer than most handlers do. After a handler that waited, no packet is ready: the connection
 * is on hold, so the packets behind it wait as well. */

/* The run of this coroutine; NULL if a script resumed the coroutine, which may be long after the run. */
static struct run *driven(lua_State *L)
{
    struct run *run = runtime_of(L)->current;
    return run != NULL && run->L == L ? run : NULL;
}

/* Where a closure has the kinds of packets among its upvalues. */
enum { KIND_UPVALUES = COMPAT_CALLS_WAITING ? 1 : 2 };

/* Values that need no look-up for each packet. */
static void push_kinds(lua_State *L)
{
    lua_pushliteral(L, "text");
    lua_pushliteral(L, "binary");
}

/* The packet is on the top, and its framing makes more of it: pushes its kind, or puts a request in its place. Returns how
 * many they are. */
__attribute__((noinline)) static int push_more(lua_State *L, const struct run *run)
{
    if (link_frame(run->link)->kind == FRAME_HTTP) {
        run->runtime->program->api->push_request(L, run->link);
        return 1;
    }
    bool is_binary = link_packet_kind(run->link) == PACKET_BINARY;
    lua_pushvalue(L, lua_upvalueindex(KIND_UPVALUES + is_binary));
    return 2;
}

/* Pushes the packet, and its kind if its framing tells. Returns how many. */
static int push_packet(lua_State *L, struct run *run)
{
    struct runtime *runtime = run->runtime;
    run->reached = false;
    lua_pushlstring(L, (const char *)run->packet.data, run->packet.size);
    run->reached = true;
    overtime_again(&runtime->state.overtime, L);
    run_count_packet(runtime);
    return run->has_more ? push_more(L, run) : 1;
}

static bool next_packet(struct run *run)
{
    return !run->runtime->state.heap.refused && link_next(run->link, &run->packet);
}

#if COMPAT_CALLS_WAITING

static int drove(lua_State *L, int status, lua_KContext context)
{
    (void)L;
    (void)status;
    (void)context;
    return 0;
}

static int drive(lua_State *L)
{
    struct run *run = driven(L);
    if (run == NULL) return 0;
    do {
        lua_pushvalue(L, 1);
        lua_pushvalue(L, 2);
        lua_callk(L, 1 + push_packet(L, run), 0, 0, drove);
    } while (next_packet(run));
    return 0;
}

static void push_drive(struct runtime *runtime)
{
    push_kinds(runtime->state.L);
    lua_pushcclosure(runtime->state.L, drive, 2);
}

#else

static const char drive_text[] =
    "local next_packet = ... "
    "return function(on_receive, conn) "
    "  local packet, kind = next_packet() "
    "  while packet do on_receive(conn, packet, kind) packet, kind = next_packet() end "
    "end";

/* next_packet(): a string and its kind, or nil. The first packet is already in run->packet. */
static int take_packet(lua_State *L)
{
    struct run *run = driven(L);
    if (run == NULL || run->kind != ON_RECEIVE || run->link == NULL) return 0;
    if (run->reached && !next_packet(run)) return 0;
    return push_packet(L, run);
}

/* The loop is in Lua because a C function of LuaJIT cannot call a function that waits. It is not compiled,
 * because hooks do not reach compiled code. */
static void push_drive(struct runtime *runtime)
{
    lua_State *L = runtime->state.L;
    if (luaL_loadbuffer(L, drive_text, sizeof drive_text - 1, PLACE_OURS) != 0) lua_error(L);
    lua_pushlightuserdata(L, runtime);
    push_kinds(L);
    lua_pushcclosure(L, take_packet, 3);
    lua_call(L, 1, 1);
    luaJIT_setmode(L, -1, LUAJIT_MODE_FUNC | LUAJIT_MODE_OFF);
}

#endif

void handlers_open(struct runtime *runtime)
{
    push_drive(runtime);
    runtime->state.hidden = luaL_ref(runtime->state.L, LUA_REGISTRYINDEX);
}

/* Takes a coroutine with the handler and its conn on it, for on_receive with `drive` below them. NULL: there is
 * no memory. */
static struct run *prepare(struct runtime *runtime, enum handler handler, struct link *link)
{
    struct run *run = run_take(runtime, handler, link);
    if (run == NULL) return NULL;
    bool driven = handler == ON_RECEIVE;
    if (driven) lua_pushvalue(runtime->state.L, SLOT_DRIVE);
    lua_pushvalue(runtime->state.L, SLOT_HANDLERS + (int)handler);
    lua_rawgeti(runtime->state.L, SLOT_CONNS, (int)link_slot(link) + 1);
    if (run->link != NULL) run->conn = lua_topointer(runtime->state.L, -1);
    lua_xmove(runtime->state.L, run->L, driven ? 3 : 2);
    return run;
}

/* Does a connection stay open when this run fails; or, with NULL, when there was no memory for it? */
static bool keeps_failed(const struct runtime *runtime, const struct run *run)
{
    bool on_trial = run == NULL ? runtime->on_trial : run->on_trial;
    return on_trial || runtime->keeps_failed;
}

/* The answer of on_connect and on_idle: the first result, or nil. If on_connect fails, the connection ends in any case:
 * it was not accepted, and what later handlers count on may not be there. */
static enum script_verdict answer(struct run *run, enum run_state state)
{
    if (state == RUN_WAITS) return SCRIPT_WAIT;
    enum script_verdict verdict = SCRIPT_NO;
    if (state == RUN_DONE) {
        bool has = lua_gettop(run->L) > 0 && !lua_isnil(run->L, 1);
        if (run->kind == ON_CONNECT)
            verdict = has && !lua_toboolean(run->L, 1) ? SCRIPT_NO : SCRIPT_YES;
        else
            verdict = has && lua_toboolean(run->L, 1) ? SCRIPT_YES : SCRIPT_NO;
    } else {
        if (run->kind == ON_IDLE && keeps_failed(run->runtime, run)) verdict = SCRIPT_YES;
        if (verdict == SCRIPT_NO) link_close_failed(run->link);
    }
    run_done(run);
    return verdict;
}

/* Is a handler waiting that holds up the connection's packets? A waiting on_idle does not. */
static bool has_waiting(struct runtime *runtime, const struct link *link)
{
    const struct list *head = runtime_owned(runtime, link_slot(link));
    for (const struct list *node = head->next; node != head; node = node->next) {
        const struct run *run = container_of((struct list *)node, struct run, node);
        if (run->kind == ON_RECEIVE || run->kind == ON_DRAIN) return true;
    }
    return false;
}

/* on_connect waited and is over. Unless the state is RUN_ENDED, the connection is still there: its end would have
 * ended the run. */
static void finish_connected(struct run *run, enum run_state state)
{
    struct link *link = run->link;
    if (state == RUN_ENDED)
        run_done(run);
    else
        link_decide(link, answer(run, state));
}

static void finish_idle(struct run *run, enum run_state state)
{
    struct link *link = run->link;
    if (state == RUN_ENDED)
        run_done(run);
    else
        link_decide_idle(link, answer(run, state));
}

/* on_receive or on_drain has failed. */
static void fail(struct link *link, bool ends)
{
    if (ends)
        link_close_failed(link);
    else
        link_respond_failed(link);
}

/* The same for on_receive and on_drain. */
static void finish_held(struct run *run, enum run_state state)
{
    struct runtime *runtime = run->runtime;
    struct link *link = run->link;
    bool ends = state == RUN_FAILED && !keeps_failed(runtime, run);
    run_done(run);
    if (state == RUN_ENDED) return;
    if (state == RUN_FAILED) fail(link, ends);
    if (!has_waiting(runtime, link)) link_release(link);
}

enum script_verdict handlers_connected(void *state, struct link *link)
{
    struct runtime *runtime = state;
    if (!runtime->program->api->add_conn(runtime, link)) return SCRIPT_NO;
    if (!runtime->has[ON_CONNECT]) return SCRIPT_YES;
    struct run *run = prepare(runtime, ON_CONNECT, link);
    if (run == NULL) return SCRIPT_NO;
    run->finished = finish_connected;
    return answer(run, run_call(run, 1));
}

/* What follows a call of on_receive or on_drain. */
static void conclude(struct run *run, enum run_state state, struct link *link)
{
    if (state == RUN_WAITS) {
        run->finished = finish_held;
        link_hold(link);
        return;
    }
    bool ends = state == RUN_FAILED && !keeps_failed(run->runtime, run);
    run_done(run);
    if (state == RUN_FAILED) fail(link, ends);
}

/* Adds a string to the arguments. If that fails, finishes the run, closes the connection and returns false. */
static bool push_argument(struct run *run, struct link *link, struct span bytes)
{
    lua_State *L = run->runtime->state.L;
    if (compat_push_bytes(L, run->L, bytes.data, bytes.size)) return true;
    trial_failed(run);
    run_not_called(run, L);
    lua_pop(L, 1);
    run_done(run);
    link_close_failed(link);
    return false;
}

void handlers_received(void *state, struct link *link, struct span packet)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_RECEIVE]) {
        link_respond_failed(link);
        return;
    }
    struct run *run = prepare(runtime, ON_RECEIVE, link);
    if (run == NULL) { /* a packet of its stream is lost */
        fail(link, !keeps_failed(runtime, NULL));
        return;
    }
    run->packet = packet;
    run->has_more = frame_has_sessions(link_frame(link));
    run->reached = false;
    conclude(run, run_call_packets(run, 2), link);
}

/* length(header), of a framing that a script has set: `measure` is its function in the registry. A failure ends the
 * connection in any case: where its packets are is not known any more. */
uint64_t handlers_measure(void *state, struct link *link, int measure, struct span header)
{
    struct runtime *runtime = state;
    lua_State *L = runtime->state.L;
    struct run *run = run_take(runtime, RUN_LENGTH, link);
    uint64_t length = 0;
    if (run == NULL) {
        link_close_failed(link);
        return 0;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, measure);
    lua_xmove(L, run->L, 1);
    if (!push_argument(run, link, header)) return 0;
    enum run_state result = run_call(run, 1);
    if (result == RUN_DONE && lua_gettop(run->L) > 0) {
        lua_Number number = lua_tonumber(run->L, 1);
        if (number >= 1 && number < 0x1p53) length = (uint64_t)number;
        if ((lua_Number)length != number) length = 0;
    }
    run_done(run);
    if (result != RUN_DONE) link_close_failed(link);
    return length;
}

void handlers_drained(void *state, struct link *link)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_DRAIN]) return;
    struct run *run = prepare(runtime, ON_DRAIN, link);
    if (run != NULL) conclude(run, run_call(run, 1), link);
}

enum script_verdict handlers_idle(void *state, struct link *link, double seconds)
{
    struct runtime *runtime = state;
    if (!runtime->has[ON_IDLE]) return SCRIPT_NO;
    struct run *run = prepare(runtime, ON_IDLE, link);
    if (run == NULL) return keeps_failed(runtime, NULL) ? SCRIPT_YES : SCRIPT_NO;
    run->finished = finish_idle;
    lua_pushnumber(run->L, seconds);
    return answer(run, run_call(run, 2));
}

void handlers_disconnected(void *state, struct link *link, const char *reason)
{
    struct runtime *runtime = state;
    (void)reason; /* a NUL would end it */
    run_cancel_owned(runtime, link);
    if (!runtime->has[ON_DISCONNECT]) return;
    struct run *run = prepare(runtime, ON_DISCONNECT, link);
    if (run == NULL || !push_argument(run, link, link_reason(link))) return;
    uint16_t code = link_code(link);
    if (code != 0) lua_pushinteger(run->L, code);
    if (run_call(run, code != 0 ? 3 : 2) != RUN_WAITS) run_done(run);
}

void handlers_released(void *state, struct link *link)
{
    struct runtime *runtime = state;
    run_cancel_owned(runtime, link);
    runtime->program->api->remove_conn(runtime, link);
}

void handlers_message(void *state, uint32_t from, struct span bytes)
{
    struct runtime *runtime = state;
    code_catch_up(runtime, runtime->program->api->message_generation(bytes));
    if (!runtime->has[ON_MESSAGE]) return;
    struct run *run = run_take_loose(runtime, ON_MESSAGE);
    if (run == NULL) return;
    if (!runtime->program->api->push_message(runtime, run->L, bytes)) {
        trial_failed(run);
        run_not_called(run, runtime->state.L);
        lua_pop(runtime->state.L, 1);
        run_done(run);
        return;
    }
    lua_pushinteger(run->L, (lua_Integer)from + 1);
    if (run_call(run, 2) != RUN_WAITS) run_done(run);
}
