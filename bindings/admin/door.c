#include "admin/door.h"

#include "frame/http_answer.h"
#include "frame/http_query.h"

#include <stdio.h>
#include <time.h>

static const char stranger_page[] =
    "<!DOCTYPE html>\n<html lang=\"en\"><meta charset=\"utf-8\"><title>Moonport</title>\n"
    "<h1>Moonport</h1>\n<p>Open the address that the server printed when it started: it ends "
    "with <code>?token=...</code>.\nIts log has it in the line that begins with <code>admin "
    "on</code>.\n";

/* ---- being let in ---- */

static void refuse_stranger(struct admin_answer *answer)
{
    answer->status = 401;
    answer->type = answer_html;
    if (!buffer_add_bytes(&answer->body, span_text(stranger_page))) answer->failed = true;
    snprintf(answer->fields, sizeof answer->fields,
             "Content-Security-Policy: default-src 'none'\r\n");
}

/* A browser has come with the token in the address: it gets a cookie, and the address without it, so that the
 * token stays in no history. */
static bool welcome(const struct door *door, const struct http_head *head,
                    struct admin_answer *answer)
{
    char given[TOKEN_MAX + 1];
    if (!http_query(head->query, "token", given, sizeof given)) return false;
    if (!token_matches(door->access.token, span_text(given))) return false;
    answer->status = 303;
    snprintf(answer->fields, sizeof answer->fields,
             "Location: /\r\nSet-Cookie: %s=%s; HttpOnly; SameSite=Strict; Path=/\r\n",
             door->access.cookie, door->access.token);
    return true;
}

static bool copy_query(const struct http_head *head, struct admin_request *request)
{
    if (head->query.size >= sizeof request->query) return false;
    if (head->query.size > 0) memcpy(request->query, head->query.data, head->query.size);
    request->query[head->query.size] = '\0';
    return true;
}

static void refuse(struct admin_answer *answer, int status, const char *why, const char *allow)
{
    answer_refusal(answer, status, why);
    if (status == 401)
        snprintf(answer->fields, sizeof answer->fields, "WWW-Authenticate: Bearer\r\n");
    if (status == 405) snprintf(answer->fields, sizeof answer->fields, "Allow: %s\r\n", allow);
}

bool door_admit(const struct door *door, const struct http_head *head,
                const struct access_peer *peer, struct admin_request *request,
                struct admin_answer *answer)
{
    const char *why = "there is nothing under this path", *allow = "";
    int status = route_find(door->routes, head, request, &allow);
    if (status != 200) {
        refuse(answer, status, status == 405 ? "this path wants another method" : why, allow);
        return false;
    }
    enum access_kind kind = request->route->access;
    status = access_check(&door->access, head, kind, peer, &request->by_page, &why);
    bool is_page = kind == ACCESS_PAGE && (status == 200 || status == 401);
    if (is_page && welcome(door, head, answer)) return false;
    if (status == 200 && copy_query(head, request)) return true;
    if (status == 401 && is_page)
        refuse_stranger(answer);
    else
        refuse(answer, status == 200 ? 414 : status, status == 200 ? "the query is too long" : why,
               allow);
    return false;
}

/* ---- heads of answers ---- */

bool door_write_head(struct buffer *out, const struct admin_answer *answer, bool keeps)
{
    char date[HTTP_DATE_SIZE];
    int status = answer->status == 0 ? 200 : answer->status;
    http_date_write((uint64_t)time(NULL), date);
    return buffer_add(out,
                      "HTTP/1.1 %d %s\r\nDate: %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
                      "Cache-Control: no-store\r\nX-Content-Type-Options: nosniff\r\n"
                      "X-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n"
                      "Cross-Origin-Resource-Policy: same-origin\r\n%s%s\r\n",
                      status, http_phrase(status), date,
                      answer->type == NULL ? answer_text : answer->type, buffer_size(&answer->body),
                      answer->fields, keeps ? "" : "Connection: close\r\n");
}
