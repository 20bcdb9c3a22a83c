/* route.h - what can be asked of the admin: a table of methods and paths. Pure. */
#ifndef MOONPORT_ROUTE_H
#define MOONPORT_ROUTE_H

#include "admin/access.h"
#include "admin/answer.h"

/* Which thread answers. AT_ONCE: the admin's own, it must not wait for anything. LOOK: one that may wait for workers,
 * for a moment. CHANGE: one that may take seconds; such requests are carried out one after another, in the order
 * in which they came. BACK: the same, but not behind those: it ends what they wait for. */
enum route_thread { ROUTE_AT_ONCE, ROUTE_LOOK, ROUTE_CHANGE, ROUTE_BACK, ROUTE_THREADS };

struct admin_route {
    const char *method; /* "GET" (and HEAD), "POST" */
    const char *path;   /* "/listeners/N/open": N is a number. ".json" behind it asks for JSON */
    uint8_t access;     /* enum access_kind */
    uint8_t thread;     /* enum route_thread */
    void (*act)(void *context, const struct admin_request *request, struct admin_answer *answer);
};

/* Finds the route of a request, in a table that ends with a NULL method. Returns 200, and fills in route, number
 * and wants_json; 404: no such path; 405: it has another method, which *allow then names. */
int route_find(const struct admin_route *routes, const struct http_head *head,
               struct admin_request *request, const char **allow);

#endif
