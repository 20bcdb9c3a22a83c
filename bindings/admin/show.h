/* show.h - what the admin shows, each a route's `act` (route.h); the context is a struct control. In the form that
 * was asked for: JSON for the page and for programs, text for the command line. */
#ifndef MOONPORT_SHOW_H
#define MOONPORT_SHOW_H

#include "admin/answer.h"

/* GET / : the page (page.html). */
void show_page(void *context, const struct admin_request *request, struct admin_answer *answer);

/* GET /stats : all figures. As text, a line for each: its name as in server.stats(), and its value. */
void show_stats(void *context, const struct admin_request *request, struct admin_answer *answer);

/* GET /metrics : the same for Prometheus, in its text format 0.0.4. */
void show_metrics(void *context, const struct admin_request *request, struct admin_answer *answer);

/* GET /connections?sort=id|address|worker|listener|age|idle|queued&order=asc|desc&filter=TEXT&offset=0&limit=100 :
 * as text, a line for each, with tabs; all that there are, also those that are being closed. Waits for workers, for
 * three seconds in all; those that are busy for longer are missing, and named. */
void show_connections(void *context, const struct admin_request *request,
                      struct admin_answer *answer);

/* POST /connections/N/close : the connection with that id, with reason "admin", when what is queued has been sent; one
 * that is being closed already, at once. */
void close_connection(void *context, const struct admin_request *request,
                      struct admin_answer *answer);

/* POST /profile?seconds=10&worker=N : takes a profile of all workers, or of that one (profiler.h), and answers at once. 409: one
 * runs already. */
void start_profile(void *context, const struct admin_request *request, struct admin_answer *answer);

/* GET /profile?format=text|svg|speedscope : the last one, when it is done. 409: it runs; 404: there was none. As JSON: {
 * stage: "none" "runs" "done", seconds, worker, left }. */
void show_profile(void *context, const struct admin_request *request, struct admin_answer *answer);

/* GET /errors : the distinct errors of scripts, the newest first. */
void show_errors(void *context, const struct admin_request *request, struct admin_answer *answer);

/* GET /log?after=NUMBER : the recent lines of the log behind that one. */
void show_log(void *context, const struct admin_request *request, struct admin_answer *answer);

#endif
