/* answer.h - what the admin was asked, and what it answers. */
#ifndef MOONPORT_ANSWER_H
#define MOONPORT_ANSWER_H

#include "admin/json.h"

enum { REQUEST_PATH_MAX = 64, REQUEST_QUERY_MAX = 512 };

/* A request that was granted. It is copied to the thread that answers it. */
struct admin_request {
    const struct admin_route *route;
    uint64_t number;               /* the N of the route's path */
    bool wants_json;               /* else text for a terminal */
    bool by_page;                  /* a person at the page asks, not the command line */
    char path[REQUEST_PATH_MAX];   /* as it came, for the log */
    char query[REQUEST_QUERY_MAX]; /* still encoded */
};

/* The answer to it; the zeroed one is 200 without a body. `body` is freed by whoever has it in the end. */
struct admin_answer {
    int status;       /* 0: 200 */
    const char *type; /* of the body; NULL: text */
    struct buffer body;
    bool failed;      /* there was no memory: 500 */
    char fields[384]; /* further header fields, each with its line end */
};

extern const char answer_json[], answer_text[], answer_html[]; /* types */

/* A result of a command, in the form that was asked for. `text`: lines for a person. */
void answer_result(struct admin_answer *answer, const struct admin_request *request, bool fine,
                   const char *text);

/* Why a request is refused, as text. */
void answer_refusal(struct admin_answer *answer, int status, const char *text);

/* Adds to a text body. */
__attribute__((format(printf, 2, 3))) void answer_add(struct admin_answer *answer,
                                                      const char *format, ...);

/* The value of a parameter of the query, percent-decoded, with a NUL; or as a number. Without such a parameter the
 * value stays as it is. False: the parameter is there twice, too long, wrongly encoded, or no number. */
bool request_parameter(const struct admin_request *request, const char *name, char *value,
                       size_t size);
bool request_number(const struct admin_request *request, const char *name, uint64_t *value);

#endif
