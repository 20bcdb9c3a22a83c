/* http_site.h - the files that a listener shows now, which may be put others in the place of while it runs. */
#ifndef MOONPORT_HTTP_SITE_H
#define MOONPORT_HTTP_SITE_H

#include "frame/http_files.h"

#include <pthread.h>

struct http_site {
    pthread_mutex_t mutex;
    struct http_files *files; /* held; NULL: there are none */
};

/* Without files. One thread opens and closes; nobody else uses it then. */
void http_site_open(struct http_site *site);
void http_site_close(struct http_site *site);

/* The files of now, held for the caller, who drops them; NULL: there are none. Any thread. */
struct http_files *http_site_take(struct http_site *site);

/* From now on these are shown; takes over the caller's hold. NULL: none. Any thread. */
void http_site_put(struct http_site *site, struct http_files *files);

#endif
