/* Requests of HTTP and their answers: the one that a WebSocket begins with, while on_connect decides about it (conn.request,
 * conn:refuse and conn:protocol), and those of framing "http" (on_receive's request and conn:respond). */
#include "api/lua_api.h"
#include "api/lua_conn.h"
#include "frame/http_head.h"
#include "frame/http_text.h"
#include "run/run.h"

#include <string.h>

/* ---- conn.request ---- */

static void set_span(lua_State *L, const char *name, struct span text)
{
    if (text.data == NULL) return;
    lua_pushlstring(L, (const char *)text.data, text.size);
    lua_setfield(L, -2, name);
}

/* Pushes a text with its triplets decoded; one that is none stays as it is. `form`: a "+" is a space. */
static void push_decoded(lua_State *L, struct span text, bool form)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    while (text.size != 0) {
        int byte = http_triplet(text);
        size_t used = byte < 0 ? 1 : 3;
        if (byte < 0) byte = form && text.data[0] == '+' ? ' ' : text.data[0];
        luaL_addchar(&buffer, (char)byte);
        text = span_skip(text, used);
    }
    luaL_pushresult(&buffer);
}

/* Takes what is in front of the next such byte, and the byte. */
static struct span take_part(struct span *text, uint8_t end)
{
    struct span part = span_first(*text, http_span_until(*text, end));
    *text = span_skip(*text, part.size < text->size ? part.size + 1 : part.size);
    return part;
}

/* With the key and the value on the top: sets the field of the table below them, unless it is set already. */
static void set_first(lua_State *L)
{
    lua_pushvalue(L, -2);
    lua_rawget(L, -4);
    bool is_new = lua_isnil(L, -1);
    lua_pop(L, 1);
    if (is_new)
        lua_rawset(L, -3);
    else
        lua_pop(L, 2);
}

/* "a=1&b=2": of a name that is there twice the first counts. */
static void push_query(lua_State *L, struct span query)
{
    lua_newtable(L);
    while (query.size != 0) {
        struct span value = take_part(&query, '&');
        if (value.size == 0) continue;
        struct span name = take_part(&value, '=');
        push_decoded(L, name, true);
        push_decoded(L, value, true);
        set_first(L);
    }
}

static void push_lower(lua_State *L, struct span name)
{
    luaL_Buffer buffer;
    luaL_buffinit(L, &buffer);
    for (size_t i = 0; i < name.size; i++) luaL_addchar(&buffer, (char)http_lower(name.data[i]));
    luaL_pushresult(&buffer);
}

/* Names in lower case; the values of lines with the same name are joined (RFC 9110 section 5.3). */
static void push_headers(lua_State *L, const struct http_head *head)
{
    lua_newtable(L);
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        push_lower(L, field->name);
        lua_pushvalue(L, -1);
        lua_rawget(L, -3);
        bool is_new = lua_isnil(L, -1);
        if (is_new)
            lua_pop(L, 1);
        else
            lua_pushstring(L, http_is_like(field->name, "cookie") ? "; " : ", ");
        lua_pushlstring(L, (const char *)field->value.data, field->value.size);
        if (!is_new) lua_concat(L, 3);
        lua_rawset(L, -3);
    }
}

/* RFC 6265 section 4.2: pairs between semicolons. Of a name that is there twice the first counts. */
static void push_cookies(lua_State *L, const struct http_head *head)
{
    lua_newtable(L);
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct span rest = head->fields[i].value;
        if (!http_is_like(head->fields[i].name, "cookie")) continue;
        while (rest.size != 0) {
            struct span value = take_part(&rest, ';');
            struct span name = http_trim(take_part(&value, '='));
            value = http_trim(value);
            if (name.size == 0) continue;
            lua_pushlstring(L, (const char *)name.data, name.size);
            lua_pushlstring(L, (const char *)value.data, value.size);
            set_first(L);
        }
    }
}

static void push_protocols(lua_State *L, const struct http_head *head)
{
    int count = 0;
    lua_newtable(L);
    for (uint32_t i = 0; i < head->field_count; i++) {
        struct span list = head->fields[i].value, element;
        if (!http_is_like(head->fields[i].name, "sec-websocket-protocol")) continue;
        while (http_list_next(&list, &element)) {
            lua_pushlstring(L, (const char *)element.data, element.size);
            lua_rawseti(L, -2, ++count);
        }
    }
}

int lua_request_push(lua_State *L, const struct link *link)
{
    struct http_head head = {.scanned = 0};
    struct span bytes = link == NULL ? (struct span){NULL, 0} : link_request(link);
    if (bytes.data == NULL || http_head_read(&head, bytes) != HTTP_HEAD) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, 0, 9);
    set_span(L, "method", head.method);
    set_span(L, "target", head.target);
    set_span(L, "host", head.host);
    set_span(L, "origin", http_head_field(&head, "origin"));
    push_decoded(L, head.path, false);
    lua_setfield(L, -2, "path");
    push_query(L, head.query);
    lua_setfield(L, -2, "query");
    push_headers(L, &head);
    lua_setfield(L, -2, "headers");
    push_cookies(L, &head);
    lua_setfield(L, -2, "cookies");
    push_protocols(L, &head);
    lua_setfield(L, -2, "protocols");
    return 1;
}

void lua_request_push_asked(lua_State *L, const struct link *link)
{
    lua_request_push(L, link);
    lua_insert(L, -2);
    lua_setfield(L, -2, "body");
}

/* ---- answers ---- */

enum { HEADERS_MAX = 3072, STATUS_MIN = 200, STATUS_MAX = 599 };

static bool is_plain(struct span text, bool (*fits)(uint8_t))
{
    for (size_t i = 0; i < text.size; i++)
        if (!fits(text.data[i])) return false;
    return true;
}

static bool fits_value(uint8_t byte)
{
    return byte == '\t' || (byte >= ' ' && byte != 0x7f);
}

/* Which fields an answer has by itself. */
struct answer_kind {
    bool (*is_ours)(struct span name);
    const char *expected;
};

static bool is_of_each(struct span name)
{
    return http_is_like(name, "content-length") || http_is_like(name, "connection") ||
           http_is_like(name, "transfer-encoding");
}

static bool is_of_refusal(struct span name)
{
    return is_of_each(name) || http_is_like(name, "content-type");
}

static bool is_of_response(struct span name)
{
    return is_of_each(name) || http_is_like(name, "date");
}

static const struct answer_kind refusal = {
    is_of_refusal, "expected headers such as { [\"Retry-After\"] = \"5\" }; Content-Length, "
                   "Content-Type, Connection and Transfer-Encoding are set by the server"};
static const struct answer_kind response = {
    is_of_response, "expected headers such as { [\"Retry-After\"] = \"5\" }; Content-Length, "
                    "Date, Connection and Transfer-Encoding are set by the server"};

static struct span text_at(lua_State *L, int index)
{
    size_t size = 0;
    const char *bytes = lua_tolstring(L, index, &size);
    return span_of(bytes, bytes == NULL ? 0 : size);
}

/* With the lines so far, a name and a value on the top: adds a line, and takes the value off. */
static void add_line(lua_State *L, int index)
{
    if (!lua_isstring(L, -1) || !is_plain(text_at(L, -1), fits_value))
        luaL_argerror(L, index, "a header's value is one line of text, or a list of such");
    lua_pushvalue(L, -3);
    lua_pushvalue(L, -3);
    lua_pushliteral(L, ": ");
    lua_pushvalue(L, -4);
    lua_pushliteral(L, "\r\n");
    lua_concat(L, 5);
    lua_replace(L, -4);
    lua_pop(L, 1);
}

static void add_lines(lua_State *L, int index)
{
    int list = lua_gettop(L), count = (int)lua_rawlen(L, list);
    for (int i = 1; i <= count; i++) {
        lua_pushvalue(L, list - 2);
        lua_pushvalue(L, list - 1);
        lua_rawgeti(L, list, i);
        add_line(L, index);
        lua_pop(L, 1);
        lua_replace(L, list - 2);
    }
    lua_pop(L, 1);
}

/* Pushes the lines of { name = value, ... } as one text; a value that is a list makes a line of each. *typed: there is a
 * Content-Type. */
static void push_lines(lua_State *L, int index, const struct answer_kind *kind, bool *typed)
{
    luaL_checktype(L, index, LUA_TTABLE);
    lua_pushliteral(L, "");
    lua_pushnil(L);
    while (lua_next(L, index) != 0) {
        bool named = lua_type(L, -2) == LUA_TSTRING;
        struct span name = named ? text_at(L, -2) : (struct span){0};
        if (!named || name.size == 0 || !is_plain(name, http_is_token) || kind->is_ours(name))
            luaL_argerror(L, index, kind->expected);
        if (http_is_like(name, "content-type")) *typed = true;
        if (lua_istable(L, -1))
            add_lines(L, index);
        else
            add_line(L, index);
    }
}

static uint16_t check_status(lua_State *L, int index)
{
    lua_Integer status = luaL_checkinteger(L, index);
    luaL_argcheck(L, status >= STATUS_MIN && status <= STATUS_MAX, index,
                  "expected a status of HTTP, 200 to 599");
    return (uint16_t)status;
}

/* The lines of the headers at that index, which may be missing; they stay on the stack. */
static const char *check_headers(lua_State *L, int index, const struct answer_kind *kind,
                                 bool *typed)
{
    if (lua_isnoneornil(L, index)) return "";
    push_lines(L, index, kind, typed);
    luaL_argcheck(L, lua_rawlen(L, -1) <= HEADERS_MAX, index, "at most 3072 bytes of headers");
    return lua_tostring(L, -1);
}

/* conn:refuse(status [, text [, headers]]): answers the request, and closes */
static int conn_refuse(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    uint16_t status = check_status(L, 2);
    size_t size = 0;
    bool typed;
    const char *text = luaL_optlstring(L, 3, "", &size);
    const char *headers = check_headers(L, 4, &refusal, &typed);
    if (link == NULL) return state_refuse(L, "closed");
    enum send_result result = link_answer(link, status, headers, span_of(text, size));
    if (result == SEND_CLOSED) return state_refuse(L, "answered");
    if (result != SEND_OK) return lua_conn_answer(L, result);
    link_close(link, NULL);
    lua_pushboolean(L, 1);
    return 1;
}

/* conn:respond(status [, headers [, body]]): answers the request of framing "http" that is not answered yet */
static int conn_respond(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    uint16_t status = check_status(L, 2);
    size_t size = 0;
    bool typed = false;
    const char *body = luaL_optlstring(L, 4, "", &size);
    const char *headers = check_headers(L, 3, &response, &typed);
    if (!typed && size > 0) {
        lua_pushfstring(L, "Content-Type: text/plain; charset=utf-8\r\n%s", headers);
        headers = lua_tostring(L, -1);
    }
    if (link == NULL) return state_refuse(L, "closed");
    if (!link_awaits_answer(link)) return state_refuse(L, "answered");
    return lua_conn_answer(L, link_respond(link, status, headers, span_of(body, size)));
}

/* conn:protocol(name): the one of the request's protocols that is spoken */
static int conn_protocol(lua_State *L)
{
    struct link *link = lua_conn_check(L, 1);
    size_t size;
    const char *name = luaL_checklstring(L, 2, &size);
    if (link == NULL) return state_refuse(L, "closed");
    if (link_request(link).data == NULL) return state_refuse(L, "answered");
    if (!link_choose_protocol(link, span_of(name, size))) return state_refuse(L, "notasked");
    lua_pushboolean(L, 1);
    return 1;
}

const luaL_Reg lua_request_methods[] = {
    {"refuse", conn_refuse}, {"respond", conn_respond}, {"protocol", conn_protocol}, {NULL, NULL}};
