/* The table `server`. */
#include "api/lua_api.h"
#include "base/settings.h"
#include "jobs/jobs.h"
#include "run/code.h"
#include "run/run.h"
#include "server.h"

static const struct server *server_of(lua_State *L)
{
    return worker_server(runtime_of(L)->worker);
}

static int refuse_level(lua_State *L)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    struct lua_text room;
    const char *name = lua_text_plain(L, 1, &room);
    const char *meant = settings_nearest(name, names, sizeof names / sizeof *names);
    lua_pushfstring(L,
                    "expected \"error\", \"warn\", \"info\" or \"debug\", and then the text%s%s%s",
                    meant != NULL ? "; did you mean \"" : "", meant != NULL ? meant : "",
                    meant != NULL ? "\"?" : "");
    return luaL_argerror(L, 1, lua_tostring(L, -1));
}

/* server.log(level, text), or (level, format, ...): a text alone is not used as a format, because it may come
 * from a peer */
static int server_log(lua_State *L)
{
    enum log_level level;
    size_t size;
    const char *name = luaL_checklstring(L, 1, &size);
    if (strlen(name) != size || !log_level_of(name, &level)) return refuse_level(L);
    luaL_checkstring(L, 2);
    if (!log_wants(level)) return 0;
    if (lua_gettop(L) > 2) {
        lua_pushvalue(L, lua_upvalueindex(2)); /* string.format */
        lua_replace(L, 1);
        lua_call(L, lua_gettop(L) - 1, 1);
    }
    const char *text = lua_tolstring(L, -1, &size);
    log_text(level, span_of(text, size));
    return 0;
}

/* server.now() */
static int server_now(lua_State *L)
{
    const struct state *state = state_of(L);
    lua_pushnumber(L, (lua_Number)state->now_ns(state) / 1e9);
    return 1;
}

static int slept(struct run *run)
{
    lua_pushboolean(run->L, 1);
    return 1;
}

/* server.sleep(seconds) */
static int server_sleep(lua_State *L)
{
    uint64_t delay_ns;
    bool known = state_read_seconds(L, 1, &delay_ns);
    struct run *run = run_check_wait(L, "server.sleep");
    if (!known) return state_refuse_seconds(L, 1);
    return run_wait(run, delay_ns, slept, NULL);
}

static int next_conn(lua_State *L)
{
    lua_Integer index = lua_tointeger(L, lua_upvalueindex(2)) + 1;
    lua_pushinteger(L, index);
    lua_replace(L, lua_upvalueindex(2));
    lua_rawgeti(L, lua_upvalueindex(1), (int)index);
    return 1;
}

/* server.connections(): an iterator over this worker's connections, as they are now */
static int server_connections(lua_State *L)
{
    struct runtime *runtime = runtime_of(L);
    int count = 0;
    lua_rawgeti(L, LUA_REGISTRYINDEX, runtime->conns);
    lua_newtable(L);
    for (struct link *link = worker_next(runtime->worker, NULL); link != NULL;
         link = worker_next(runtime->worker, link)) {
        lua_rawgeti(L, -2, (int)link_slot(link) + 1);
        lua_rawseti(L, -2, ++count);
    }
    lua_pushinteger(L, 0);
    lua_pushcclosure(L, next_conn, 2);
    return 1;
}

static void set_figure(lua_State *L, const char *name, uint64_t figure)
{
    lua_pushinteger(L, (lua_Integer)figure);
    lua_setfield(L, -2, name);
}

static void push_value(lua_State *L, const struct figure *figure, uint64_t value)
{
    if (figure->unit == FIGURE_NS)
        lua_pushnumber(L, (lua_Number)value / 1e9);
    else
        lua_pushinteger(L, (lua_Integer)value);
}

static void push_labelled(lua_State *L, const struct server_stats *stats,
                          const struct figure *figure)
{
    size_t count = figure_count(stats, figure);
    lua_createtable(L, 0, (int)count);
    for (size_t i = 0; i < count; i++) {
        struct span word;
        uint64_t value = figure_labelled(stats, figure, i, &word);
        lua_pushlstring(L, (const char *)word.data, word.size);
        push_value(L, figure, value);
        lua_rawset(L, -3);
    }
}

static void push_times(lua_State *L, const struct server_stats *stats, const struct figure *figure)
{
    lua_createtable(L, 0, FIGURE_QUANTILES);
    for (int i = 0; i < FIGURE_QUANTILES; i++) {
        const char *name;
        push_value(L, figure, figure_quantile(figure_times(stats, figure), i, &name));
        lua_setfield(L, -2, name);
    }
}

static void push_stats(lua_State *L, const struct server_stats *stats)
{
    lua_createtable(L, 0, SERVER_FIGURES);
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        if (figure->labels != NULL)
            push_labelled(L, stats, figure);
        else if (figure->kind == FIGURE_TIMES)
            push_times(L, stats, figure);
        else
            push_value(L, figure, figure_of(stats, figure));
        lua_setfield(L, -2, figure->name);
    }
}

static void set_seconds(lua_State *L, const char *name, uint64_t duration_ns)
{
    lua_pushnumber(L, (lua_Number)duration_ns / 1e9);
    lua_setfield(L, -2, name);
}

static void push_handler(lua_State *L, const struct meter_sum *sum)
{
    lua_createtable(L, 0, 6);
    set_figure(L, "calls", sum->calls);
    set_figure(L, "failed", sum->failed);
    set_figure(L, "interrupted", sum->interrupted);
    set_seconds(L, "p50", histogram_quantile(&sum->time, 0.5));
    set_seconds(L, "p99", histogram_quantile(&sum->time, 0.99));
    set_seconds(L, "max", sum->time.largest_ns);
}

/* Adds what so many workers have counted of their scripts to the table on the top of the stack. */
static void set_meters(lua_State *L, const struct meters *meters, uint32_t workers)
{
    uint64_t memory = 0, collections = 0;
    lua_createtable(L, 0, METER_KINDS);
    for (uint32_t kind = 0; kind < METER_KINDS; kind++) {
        struct meter_sum sum = {.calls = 0};
        for (uint32_t i = 0; i < workers; i++) meter_read(&meters[i], kind, &sum);
        push_handler(L, &sum);
        lua_setfield(L, -2, run_names[kind]);
    }
    lua_setfield(L, -2, "handlers");
    for (uint32_t i = 0; i < workers; i++) {
        memory += counter_get(&meters[i].lua_memory);
        collections += counter_get(&meters[i].lua_collections);
    }
    set_figure(L, "lua_memory", memory);
    set_figure(L, "lua_collections", collections);
}

static void push_jobs(lua_State *L, struct jobs *jobs)
{
    struct jobs_figures figures = jobs_figures(jobs);
    lua_createtable(L, 0, 7);
    set_figure(L, "threads", figures.threads);
    set_figure(L, "busy", figures.busy);
    set_figure(L, "queued", figures.queued);
    set_figure(L, "lost", figures.lost);
    set_figure(L, "done", figures.done);
    set_figure(L, "failed", figures.failed);
    lua_pushnumber(L, (lua_Number)figures.time_ns / 1e9);
    lua_setfield(L, -2, "seconds");
}

static void push_listener(lua_State *L, const struct server_listener_stats *stats)
{
    char address[ADDRESS_TEXT_MAX];
    lua_createtable(L, 0, SERVER_LISTENER_FIGURES + 3);
    lua_pushstring(L, address_format(&stats->address, address));
    lua_setfield(L, -2, "address");
    lua_pushstring(L, stats->framing);
    lua_setfield(L, -2, "framing");
    lua_pushboolean(L, stats->is_open);
    lua_setfield(L, -2, "open");
    for (int i = 0; i < SERVER_LISTENER_FIGURES; i++) {
        const struct figure *figure = &server_listener_figures[i];
        set_figure(L, figure->name, figure_of(stats, figure));
    }
}

static void push_listeners(lua_State *L, const struct server *server)
{
    struct server_listener_stats stats;
    lua_createtable(L, (int)server_listener_count(server), 0);
    for (uint32_t i = 0; server_listener_stats(server, i, &stats); i++) {
        push_listener(L, &stats);
        lua_rawseti(L, -2, (int)i + 1);
    }
}

/* server.stats(): figures of the server and, in `by_worker`, of each worker; times in seconds */
static int server_stats_table(lua_State *L)
{
    const struct server *server = server_of(L);
    const struct meters *meters = runtime_of(L)->program->meters;
    struct server_stats stats;
    run_publish(runtime_of(L));
    server_stats(server, &stats);
    push_stats(L, &stats);
    uint32_t workers = (uint32_t)stats.workers;
    set_meters(L, meters, workers);
    set_figure(L, "generation", code_generation(runtime_of(L)));
    push_jobs(L, runtime_of(L)->program->jobs);
    lua_setfield(L, -2, "jobs");
    push_listeners(L, server);
    lua_setfield(L, -2, "listeners");
    lua_createtable(L, (int)workers, 0);
    for (uint32_t i = 0; i < workers; i++) {
        server_worker_stats(server, i, &stats);
        push_stats(L, &stats);
        set_meters(L, &meters[i], 1);
        lua_rawseti(L, -2, (int)i + 1);
    }
    lua_setfield(L, -2, "by_worker");
    return 1;
}

void lua_server_open_everywhere(struct state *state)
{
    static const luaL_Reg functions[] = {{"now", server_now}, {NULL, NULL}};
    lua_State *L = state->L;
    state_register(state, L, functions);
    lua_pushlightuserdata(L, state);
    lua_getglobal(L, "string");
    lua_getfield(L, -1, "format");
    lua_remove(L, -2);
    lua_pushcclosure(L, server_log, 2);
    lua_setfield(L, -2, "log");
    lua_pushliteral(L, MOONPORT_VERSION);
    lua_setfield(L, -2, "version");
    set_figure(L, "generation", 0);
    lua_newtable(L);
    lua_setfield(L, -2, "state");
}

void lua_server_open(struct runtime *runtime)
{
    static const luaL_Reg functions[] = {
        {"sleep", server_sleep},
        {"stats", server_stats_table},
        {"connections", server_connections},
        {NULL, NULL},
    };
    lua_State *L = runtime->state.L;
    state_register(&runtime->state, L, functions);
    lua_server_open_everywhere(&runtime->state);
    set_figure(L, "worker", worker_number(runtime->worker));
    set_figure(L, "workers", worker_count(runtime->worker));
}
