#include "server/config_text.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static char *texts[CONFIG_TEXTS_MAX];
static int count;

static const char *keep(const char *text)
{
    for (int i = 0; i < count; i++)
        if (strcmp(texts[i], text) == 0) return texts[i];
    size_t size = strlen(text) + 1;
    char *kept = count == CONFIG_TEXTS_MAX ? NULL : malloc(size);
    if (kept == NULL) return NULL;
    memcpy(kept, text, size);
    texts[count++] = kept;
    return kept;
}

const char *config_text_keep(const char *text)
{
    pthread_mutex_lock(&mutex);
    const char *kept = keep(text);
    pthread_mutex_unlock(&mutex);
    return kept;
}
