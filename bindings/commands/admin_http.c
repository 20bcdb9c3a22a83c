#include "commands/admin_http.h"

#include "admin/token.h"
#include "base/settings.h"
#include "base/text.h"
#include "commands/talk_system.h"

#include <ctype.h>
#include <stdlib.h>
#include <strings.h>

enum {
    PIECE = 65536,        /* bytes received at once */
    REPLY_MAX = 64 << 20, /* bytes; no server sends as much */
    HEAD_MAX = 16 << 10,
    PATIENCE_MS = 120000, /* of silence; a reload may run tests first */
};

static const char version[] = "HTTP/1.1 ";

/* ---- the question ---- */

bool admin_http_add(struct admin_question *question, const char *name, const char *value)
{
    size_t used = strlen(question->target);
    bool is_first = strchr(question->target, '?') == NULL;
    struct text target = text_in(question->target + used, sizeof question->target - used);
    text_add(&target, "%c%s=", is_first ? '?' : '&', name);
    for (; *value != '\0'; value++) {
        bool plain = isalnum((unsigned char)*value) || strchr("-._~", *value) != NULL;
        text_add(&target, plain ? "%c" : "%%%02X", (unsigned char)*value);
    }
    return !target.cut;
}

static void find_token(const struct address *address, char token[TOKEN_MAX + 1])
{
    const char *given = getenv("MOONPORT_TOKEN");
    token[0] = '\0';
    if (given != NULL && given[0] != '\0')
        snprintf(token, TOKEN_MAX + 1, "%s", given);
    else if (!token_read(address, token))
        token[0] = '\0';
    token[strcspn(token, "\r\n")] = '\0';
}

static size_t write_question(const struct admin_question *question, char *place, size_t size)
{
    char token[TOKEN_MAX + 1];
    struct text text = text_in(place, size);
    find_token(&question->address, token);
    text_add(&text, "%s %s HTTP/1.1\r\nHost: %s\r\nConnection: close\r\nAccept: %s\r\n",
             question->method, question->target,
             question->address.family == ADDRESS_UNIX ? "localhost" : question->where,
             question->wants_json ? "application/json" : "text/plain");
    if (token[0] != '\0') text_add(&text, "Authorization: Bearer %s\r\n", token);
    if (strcmp(question->method, "POST") == 0)
        text_add(&text, "X-Moonport: 1\r\nContent-Length: 0\r\n");
    text_add(&text, "\r\n");
    return text.used;
}

/* A failure to send is no error yet: the answer may be there already. */
static void send_question(intptr_t socket, struct span unsent)
{
    while (unsent.size > 0) {
        ptrdiff_t sent = talk_send(socket, unsent);
        if (sent == TALK_LOST) return;
        unsent = span_skip(unsent, (size_t)sent);
        if (unsent.size > 0 && talk_wait(socket, TALK_SENDABLE, PATIENCE_MS) == 0) return;
    }
}

/* ---- the reply ---- */

static bool refuse_stranger(const struct admin_question *question, struct error *error)
{
    return error_set(error, ERROR_SYSTEM,
                     "what listens at %s is not a Moonport, or that is not its setting admin",
                     question->where);
}

static bool begins_strangely(struct span bytes)
{
    size_t size = strlen(version);
    if (bytes.size < size) size = bytes.size;
    return bytes.size > REPLY_MAX || memcmp(bytes.data, version, size) != 0;
}

/* Receives up to the end of the connection. */
static bool receive(const struct admin_question *question, intptr_t socket, struct buffer *received,
                    struct error *error)
{
    struct error why;
    do {
        if (!buffer_reserve(received, PIECE))
            return error_set(error, ERROR_SYSTEM, "the system has no more memory");
        ptrdiff_t size = talk_receive(socket, received->data + received->end, PIECE, &why);
        if (size == TALK_ENDED) return true;
        if (size == TALK_LOST)
            return error_set(error, ERROR_SYSTEM, "no answer from %s: %.1800s", question->where,
                             why.text);
        received->end += (size_t)size;
        if (size == 0 && talk_wait(socket, TALK_RECEIVED, PATIENCE_MS) == 0)
            return error_set(error, ERROR_SYSTEM,
                             "no answer from %s for %d seconds: the server is busy, or it is not a "
                             "Moonport; its log says what became of %s",
                             question->where, PATIENCE_MS / 1000, question->target);
    } while (received->end == 0 || !begins_strangely(buffer_bytes(received)));
    return refuse_stranger(question, error);
}

/* The value of a field of the head, which ends with an empty line; NULL: it has none. */
static const char *field_of(const char *head, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = strstr(head, "\r\n"); line != NULL; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, size) == 0 && line[2 + size] == ':')
            return line + 2 + size + 1 + strspn(line + 2 + size + 1, " ");
    return NULL;
}

/* Takes the head off. The reply is whole if its body has the length that the head says. */
static bool take_head(const struct admin_question *question, struct admin_reply *reply,
                      struct error *error)
{
    struct span bytes = buffer_bytes(&reply->body);
    char head[HEAD_MAX + 1];
    size_t size = bytes.size < HEAD_MAX ? bytes.size : HEAD_MAX;
    if (bytes.data != NULL) memcpy(head, bytes.data, size);
    head[size] = '\0';
    char *end = strstr(head, "\r\n\r\n");
    if (end != NULL) {
        end[2] = '\0';
        const char *length = field_of(head, "Content-Length");
        buffer_consume(&reply->body, (size_t)(end - head) + 4);
        reply->status = (int)strtol(head + strlen(version), NULL, 10);
        if (length != NULL && strtoull(length, NULL, 10) == buffer_size(&reply->body)) return true;
    }
    return error_set(error, ERROR_SYSTEM,
                     "the connection to %s ended before the answer: the server has ended, or that "
                     "is not its setting admin",
                     question->where);
}

void admin_http_want_token(const struct admin_question *question, struct error *error)
{
    error_set(error, ERROR_INPUT,
              "the server at %s wants its token: run this as the server's user, or set "
              "MOONPORT_TOKEN (the server's log has it in the line \"admin on\")",
              question->where);
}

bool admin_http_ask(const struct admin_question *question, struct admin_reply *reply,
                    struct error *error)
{
    char text[2 * ADMIN_TARGET_MAX];
    struct error why;
    *reply = (struct admin_reply){.status = 0};
    intptr_t socket = talk_connect(&question->address, &why);
    if (socket < 0)
        return error_set(error, ERROR_SYSTEM,
                         "cannot reach a server at %s, or that is not its setting admin: %.1800s",
                         question->where, why.text);
    send_question(socket, span_of(text, write_question(question, text, sizeof text)));
    bool fine = receive(question, socket, &reply->body, error) && take_head(question, reply, error);
    talk_disconnect(socket);
    return fine;
}
