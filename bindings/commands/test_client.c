#include "commands/test_client.h"

#include "link/table.h"
#include "server.h"

/* The same in each run, as everything in a test is. */
static bool foreseeable(void *bytes, size_t size)
{
    static uint64_t state;
    for (uint8_t *byte = bytes; size != 0; size--) {
        state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        *byte++ = (uint8_t)(state >> 56);
    }
    return true;
}

/* ---- the table ---- */

/* With the table on the top. */
static void set_text(lua_State *L, const char *name, struct span text)
{
    lua_pushlstring(L, (const char *)text.data, text.size);
    lua_setfield(L, -2, name);
}

static void set_number(lua_State *L, const char *name, lua_Integer number)
{
    lua_pushinteger(L, number);
    lua_setfield(L, -2, name);
}

/* Adds what is on the top to a list of the table below it, unless the test has put something else there. */
static void append(lua_State *L, const char *name)
{
    lua_getfield(L, -2, name);
    if (lua_istable(L, -1)) {
        lua_pushvalue(L, -2);
        lua_rawseti(L, -2, (int)lua_rawlen(L, -2) + 1);
    }
    lua_pop(L, 2);
}

static void add_packet(lua_State *L, const struct client_news *news)
{
    lua_pushlstring(L, (const char *)news->packet.data, news->packet.size);
    append(L, "sent");
    if (news->kind == PACKET_PLAIN) return;
    lua_pushstring(L, news->kind == PACKET_TEXT ? "text" : "binary");
    append(L, "kinds");
}

static void note(lua_State *L, struct test_client *client, enum client_verdict verdict,
                 const struct client_news *news)
{
    switch (verdict) {
    case CLIENT_PACKET: add_packet(L, news); break;
    case CLIENT_OPENED:
        if (news->answer.protocol.size != 0) set_text(L, "protocol", news->answer.protocol);
        break;
    case CLIENT_REFUSED:
        set_number(L, "refused", news->answer.status);
        set_text(L, "refused_text", news->answer.text);
        break;
    case CLIENT_CLOSED:
        set_number(L, "close_code", news->code);
        set_text(L, "close_reason", news->packet);
        break;
    case CLIENT_BROKEN:
        if (!client_end_is_websocket(&client->end)) break;
        client->why = client->end.is_open ? news->cut.why : news->answer.why;
        if (client->why == NULL) client->why = "a message is larger than max_packet";
        break;
    default: break;
    }
}

static bool send_unsent(struct test_client *client)
{
    struct span bytes = buffer_bytes(&client->unsent);
    bool fine = offline_send(client->peer, bytes);
    buffer_consume(&client->unsent, bytes.size);
    return fine;
}

/* Whether the handshake can still be answered. */
static bool awaits(const struct test_client *client, struct span bytes, bool ended)
{
    if (client->end.is_over) return false;
    return bytes.size != 0 || (ended && !client->end.is_open);
}

static int take(lua_State *L)
{
    struct test_client *client = lua_touserdata(L, 1);
    lua_rawgeti(L, LUA_REGISTRYINDEX, client->table);
    client_end_set_frame(&client->end, offline_frame(client->peer));
    bool ended = offline_ended(client->peer), goes_on = true;
    while (goes_on) {
        struct span bytes = offline_received(client->peer);
        struct client_news news;
        if (!awaits(client, bytes, ended)) break;
        enum client_verdict verdict =
            client_end_next(&client->end, bytes, ended, &news, &client->unsent);
        note(L, client, verdict, &news);
        if (verdict == CLIENT_FAILED) client->failed = true;
        offline_take(client->peer, news.consumed);
        goes_on = verdict != CLIENT_MORE && verdict != CLIENT_BROKEN;
    }
    if (!send_unsent(client)) client->failed = true;
    lua_pushboolean(L, ended);
    lua_setfield(L, -2, "closed");
    return 0;
}

bool test_client_update(struct test_client *client, struct error *error)
{
    if (client->failed) return error_set(error, ERROR_SYSTEM, "no memory for a client");
    if (!state_try(&client->runtime->state, take, client, error)) return false;
    return client->why == NULL ||
           error_set(error, ERROR_INPUT, "a client does not understand the server: %s",
                     client->why);
}

/* In offline_run: an error is found by the next update. */
static void read_peer(struct offline_peer *peer, void *context)
{
    struct test_client *client = context;
    struct error error;
    (void)peer;
    if (!client->failed && !state_try(&client->runtime->state, take, client, &error))
        client->failed = true;
}

/* ---- the beginning ---- */

struct making {
    struct test_client *client;
    int number;
};

static int make_table(lua_State *L)
{
    const struct making *making = lua_touserdata(L, 1);
    struct test_client *client = making->client;
    uint64_t id = offline_peer_id(client->peer);
    const struct link *link = worker_find(client->runtime->worker, id);
    lua_createtable(L, 1, 6);
    lua_pushinteger(L, making->number);
    lua_rawseti(L, -2, 1);
    set_number(L, "worker", (lua_Integer)table_worker_of(id) + 1);
    set_number(L, "id", (lua_Integer)id);
    lua_newtable(L);
    lua_setfield(L, -2, "sent");
    if (client_end_is_websocket(&client->end)) {
        lua_newtable(L);
        lua_setfield(L, -2, "kinds");
    }
    if (link != NULL) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, client->runtime->conns);
        lua_rawgeti(L, -1, (int)link_slot(link) + 1);
        lua_setfield(L, -3, "conn");
        lua_pop(L, 1);
    }
    luaL_getmetatable(L, TEST_CLIENT_META);
    lua_setmetatable(L, -2);
    client->table = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
}

/* The options that only a WebSocket has. */
static bool check_asking(const struct websocket_asking *asking, const struct frame *frame,
                         struct error *error)
{
    if (frame->kind == FRAME_WEBSOCKET) return true;
    if (asking->target == NULL && asking->headers == NULL && asking->protocols == NULL &&
        asking->origin == NULL)
        return true;
    return error_set(error, ERROR_INPUT,
                     "test.connect: path, headers, protocols and origin are for a listener with "
                     "framing \"websocket\"");
}

bool test_client_open(struct test_client *client, int number, struct offline *offline,
                      uint32_t listener, const struct address *from,
                      struct websocket_asking *asking, struct error *error)
{
    struct server *server = worker_server(client->runtime->worker);
    struct making making = {client, number};
    struct address where;
    char host[ADDRESS_TEXT_MAX];
    if (!server_address(server, listener, &where))
        return error_set(error, ERROR_INPUT, "test.connect: there is no listener %u", listener + 1);
    client->peer = offline_connect(offline, listener, from);
    if (client->peer == NULL)
        return error_set(error, ERROR_INPUT,
                         "test.connect: the server takes no more connections (max_connections)");
    const struct frame *frame = offline_frame(client->peer);
    if (!check_asking(asking, frame, error)) return false;
    if (asking->target == NULL)
        asking->target = frame->kind == FRAME_WEBSOCKET && frame->websocket.path[0] != '\0'
                             ? frame->websocket.path
                             : "/";
    asking->host = where.family == ADDRESS_UNIX ? "localhost" : address_format(&where, host);
    if (!client_end_open(&client->end, frame, asking, foreseeable, &client->unsent, error) ||
        !send_unsent(client))
        return false;
    offline_run(offline); /* on_connect */
    if (!state_try(&client->runtime->state, make_table, &making, error)) return false;
    if (client_end_is_websocket(&client->end)) offline_set_reader(client->peer, read_peer, client);
    return true;
}

void test_client_close(struct test_client *client)
{
    if (client->peer != NULL) offline_set_reader(client->peer, NULL, NULL);
    free(client->unsent.data);
    client->unsent = (struct buffer){.data = NULL};
}

/* ---- what the test lets it do ---- */

bool test_client_send(struct test_client *client, struct span packet, enum packet_kind kind,
                      struct error *error)
{
    enum frame_fault fault;
    client_end_set_frame(&client->end, offline_frame(client->peer));
    if (kind != PACKET_PLAIN && !client_end_is_websocket(&client->end))
        return error_set(error, ERROR_INPUT, "conn:receive: only a WebSocket has kinds");
    if (client->end.is_over) return true; /* the server has closed, as it might on a network */
    if (!client_end_wrap(&client->end, packet, kind, &client->unsent, &fault))
        return error_set(error, ERROR_SYSTEM, "conn:receive: no memory");
    if (fault != FRAME_NO_FAULT)
        return error_set(error, ERROR_INPUT, "conn:receive: %s", frame_fault_text(fault));
    return send_unsent(client) || error_set(error, ERROR_SYSTEM, "conn:receive: no memory");
}

bool test_client_finish(struct test_client *client, uint16_t code, struct span reason,
                        struct error *error)
{
    client_end_set_frame(&client->end, offline_frame(client->peer));
    bool says_so = client_end_is_websocket(&client->end) && client->end.is_open;
    client->finished = true;
    if (!says_so) {
        offline_finish(client->peer);
        return true;
    }
    return (client_end_close(&client->end, code, reason, &client->unsent) && send_unsent(client)) ||
           error_set(error, ERROR_SYSTEM, "conn:close: no memory");
}
