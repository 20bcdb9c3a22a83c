#include "frame/http_site.h"

void http_site_open(struct http_site *site)
{
    site->files = NULL;
    pthread_mutex_init(&site->mutex, NULL);
}

void http_site_close(struct http_site *site)
{
    http_site_put(site, NULL);
    pthread_mutex_destroy(&site->mutex);
}

struct http_files *http_site_take(struct http_site *site)
{
    pthread_mutex_lock(&site->mutex);
    struct http_files *files = site->files;
    if (files != NULL) http_files_hold(files);
    pthread_mutex_unlock(&site->mutex);
    return files;
}

/* The old ones may be many: they are freed when nobody waits. */
void http_site_put(struct http_site *site, struct http_files *files)
{
    pthread_mutex_lock(&site->mutex);
    struct http_files *before = site->files;
    site->files = files;
    pthread_mutex_unlock(&site->mutex);
    if (before != NULL) http_files_drop(before);
}
