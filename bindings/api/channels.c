#include "api/channels.h"

#include "base/hash.h"
#include "lua/value.h"
#include "server/worker_mail.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS_FIRST = 64 };

/* A channel or a signal. A channel and a signal may have the same name. */
struct channel {
    struct channel *next; /* in its bucket */
    uint64_t hash;
    bool signals;
    struct list items;
    size_t count;
    struct list takers, givers; /* waits for a value or a signal; waits for room */
    size_t name_size;
    uint8_t name[];
};

struct channels {
    pthread_mutex_t mutex;
    struct channel **buckets; /* chains; a power of two of them, about as many as channels */
    size_t bucket_count, channel_count;
    uint32_t joined;
};

/* ---- values ---- */

struct channel_item *channel_item_make(struct worker *worker, struct span bytes,
                                       const struct span *name)
{
    struct budget *budget = &worker->home.streams.budget;
    size_t paid = name == NULL ? 0 : sizeof(struct channel) + name->size;
    if (!budget_take(budget, paid)) return NULL;
    struct chunk *chunk = chunk_make(budget, sizeof(struct channel_item) + bytes.size);
    if (chunk == NULL) {
        budget_give(budget, paid);
        return NULL;
    }
    struct channel_item *item = (struct channel_item *)chunk->data;
    list_init(&item->node);
    item->chunk = chunk;
    item->paid = paid;
    memcpy(item->bytes, bytes.data, bytes.size);
    return item;
}

struct span channel_item_bytes(const struct channel_item *item)
{
    return span_of(item->bytes, item->chunk->size - sizeof *item);
}

void channel_item_drop(struct channel_item *item)
{
    struct budget *budget = item->chunk->budget;
    size_t paid = item->paid;
    chunk_drop(item->chunk);
    budget_give(budget, paid);
}

/* ---- names; under the mutex ---- */

/* From where the system has put the table: no peer knows that. */
static uint64_t hash_of(const struct channels *channels, bool signals, struct span name)
{
    return hash_bytes((uint64_t)(uintptr_t)channels + signals, name);
}

static struct channel **bucket_of(const struct channels *channels, uint64_t hash)
{
    return &channels->buckets[hash & (channels->bucket_count - 1)];
}

static struct channel *find(const struct channels *channels, bool signals, struct span name)
{
    uint64_t hash = hash_of(channels, signals, name);
    struct channel *channel = *bucket_of(channels, hash);
    for (; channel != NULL; channel = channel->next)
        if (channel->hash == hash && channel->signals == signals &&
            channel->name_size == name.size &&
            (name.size == 0 || memcmp(channel->name, name.data, name.size) == 0))
            return channel;
    return NULL;
}

/* If there is no memory, the chains only become longer. */
static void double_buckets(struct channels *channels)
{
    struct channel **old = channels->buckets;
    size_t old_count = channels->bucket_count;
    struct channel **buckets = calloc(2 * old_count, sizeof *buckets);
    if (buckets == NULL) return;
    channels->buckets = buckets;
    channels->bucket_count = 2 * old_count;
    for (size_t i = 0; i < old_count; i++) {
        for (struct channel *channel = old[i], *next; channel != NULL; channel = next) {
            struct channel **bucket = bucket_of(channels, channel->hash);
            next = channel->next;
            channel->next = *bucket;
            *bucket = channel;
        }
    }
    free(old);
}

/* Returns the channel or signal of that name, and makes it if there is none. NULL: no memory. */
static struct channel *get(struct channels *channels, bool signals, struct span name)
{
    struct channel *channel = find(channels, signals, name);
    if (channel != NULL) return channel;
    channel = calloc(1, sizeof *channel + name.size);
    if (channel == NULL) return NULL;
    channel->hash = hash_of(channels, signals, name);
    channel->signals = signals;
    channel->name_size = name.size;
    if (name.size > 0) memcpy(channel->name, name.data, name.size);
    list_init(&channel->items);
    list_init(&channel->takers);
    list_init(&channel->givers);
    channel->next = *bucket_of(channels, channel->hash);
    *bucket_of(channels, channel->hash) = channel;
    if (++channels->channel_count > channels->bucket_count) double_buckets(channels);
    return channel;
}

/* Frees the channel if it has neither values nor waiting runs. */
static void settle(struct channels *channels, struct channel *channel)
{
    if (channel->count > 0 || !list_empty(&channel->takers) || !list_empty(&channel->givers))
        return;
    struct channel **place = bucket_of(channels, channel->hash);
    while (*place != channel) place = &(*place)->next;
    *place = channel->next;
    channels->channel_count--;
    free(channel);
}

/* ---- waiting; under the mutex ---- */

static struct channel_wait *wait_of(struct request *request)
{
    return (struct channel_wait *)request;
}

static struct span name_of(const struct channel_wait *wait)
{
    return span_of(wait->name, wait->name_size);
}

static void stand_in_line(struct channel_wait *wait, struct channel *channel)
{
    wait->channel = channel;
    list_append(wait->way == CHANNEL_PUSH ? &channel->givers : &channel->takers, &wait->node);
}

static struct channel_wait *take_first(struct list *line)
{
    struct list *node = list_take_first(line);
    if (node == NULL) return NULL;
    struct channel_wait *wait = container_of(node, struct channel_wait, node);
    wait->channel = NULL;
    return wait;
}

/* Gives the item to the run that has waited longest for one. If there is none, queues the item, first or last. */
static void put(struct channel *channel, struct channel_item *item, bool first, struct list *ready)
{
    struct channel_wait *taker = take_first(&channel->takers);
    if (taker != NULL) {
        taker->item = item;
        list_append(ready, &taker->node);
        return;
    }
    if (first)
        list_prepend(&channel->items, &item->node);
    else
        list_append(&channel->items, &item->node);
    channel->count++;
}

/* Takes the first value, and moves in the one that has waited longest for room. NULL: there is none. */
static struct channel_item *take_item(struct channel *channel, struct list *ready)
{
    struct list *node = list_take_first(&channel->items);
    if (node == NULL) return NULL;
    channel->count--;
    struct channel_wait *giver = take_first(&channel->givers);
    if (giver != NULL) {
        struct channel_item *item = giver->item;
        giver->item = NULL;
        list_append(ready, &giver->node);
        put(channel, item, false, ready);
    }
    return container_of(node, struct channel_item, node);
}

/* Called without the mutex, because the threads that it wakes take it at once. The waits are no longer in line, and
 * are not touched after this: they belong to their workers again. */
static void answer(struct list *ready)
{
    struct list *node;
    while ((node = list_take_first(ready)) != NULL)
        request_answer(&container_of(node, struct channel_wait, node)->request);
}

/* ---- the end of a wait ---- */

static int push_value(lua_State *L, struct request *request)
{
    struct channel_wait *wait = wait_of(request);
    if (wait->item != NULL) {
        int count = value_decode(L, channel_item_bytes(wait->item));
        channel_item_drop(wait->item);
        wait->item = NULL;
        return count;
    }
    lua_pushboolean(L, 1);
    return 1;
}

void channels_put_back(struct channels *channels, struct span name, struct channel_item *item)
{
    struct list ready;
    list_init(&ready);
    pthread_mutex_lock(&channels->mutex);
    struct channel *channel = channels->joined == 0 ? NULL : get(channels, false, name);
    if (channel != NULL) put(channel, item, true, &ready);
    pthread_mutex_unlock(&channels->mutex);
    if (channel == NULL) channel_item_drop(item); /* no memory, or no worker is left */
    answer(&ready);
}

static bool leave(struct request *request)
{
    struct channel_wait *wait = wait_of(request);
    struct channels *channels = wait->channels;
    pthread_mutex_lock(&channels->mutex);
    struct channel *channel = wait->channel;
    bool in_line = channel != NULL;
    if (in_line) {
        list_remove(&wait->node);
        wait->channel = NULL;
        settle(channels, channel);
    }
    pthread_mutex_unlock(&channels->mutex);
    if (in_line) request_drop(request);
    return !in_line;
}

/* Puts the value that was on its way back at once, before another run pops the next one. */
static void miss(struct request *request)
{
    struct channel_wait *wait = wait_of(request);
    if (wait->way == CHANNEL_POP && wait->item != NULL)
        channels_put_back(wait->channels, name_of(wait), wait->item);
    if (wait->way == CHANNEL_POP) wait->item = NULL;
}

/* A value that could not be pushed, for lack of memory, has reached no run either. */
static void free_wait(struct request *request)
{
    struct channel_wait *wait = wait_of(request);
    if (wait->item != NULL && wait->way == CHANNEL_POP)
        channels_put_back(wait->channels, name_of(wait), wait->item);
    else if (wait->item != NULL)
        channel_item_drop(wait->item);
    free(wait);
}

static const struct request_kind kind = {
    .push = push_value, .leave = leave, .miss = miss, .free = free_wait};

struct channel_wait *channels_wait_make(struct channels *channels, struct run *run,
                                        enum channel_way way, struct span name)
{
    struct channel_wait *wait = calloc(1, sizeof *wait + name.size);
    if (wait == NULL) return NULL;
    request_init(&wait->request, &kind, run, NULL);
    list_init(&wait->node);
    wait->channels = channels;
    wait->way = way;
    wait->name_size = name.size;
    if (name.size > 0) memcpy(wait->name, name.data, name.size);
    return wait;
}

/* ---- operations of scripts ---- */

enum channel_outcome channels_push(struct channels *channels, struct span name, size_t size,
                                   struct channel_item *item, struct channel_wait *wait)
{
    enum channel_outcome outcome = CHANNEL_REFUSED;
    struct list ready;
    list_init(&ready);
    pthread_mutex_lock(&channels->mutex);
    struct channel *channel = get(channels, false, name);
    bool fits = channel != NULL && channel->count < size;
    if (fits) {
        put(channel, item, false, &ready);
        outcome = CHANNEL_DONE;
    } else if (channel != NULL && wait != NULL) {
        wait->item = item;
        stand_in_line(wait, channel);
        outcome = CHANNEL_WAITS;
    }
    if (channel != NULL) settle(channels, channel);
    pthread_mutex_unlock(&channels->mutex);
    answer(&ready);
    return outcome;
}

enum channel_outcome channels_pop(struct channels *channels, struct span name,
                                  struct channel_item **item, struct channel_wait *wait)
{
    enum channel_outcome outcome = CHANNEL_REFUSED;
    struct list ready;
    list_init(&ready);
    *item = NULL;
    pthread_mutex_lock(&channels->mutex);
    struct channel *channel =
        wait != NULL ? get(channels, false, name) : find(channels, false, name);
    if (channel != NULL) {
        *item = take_item(channel, &ready);
        if (*item != NULL) {
            outcome = CHANNEL_DONE;
        } else if (wait != NULL) {
            stand_in_line(wait, channel);
            outcome = CHANNEL_WAITS;
        }
        settle(channels, channel);
    }
    pthread_mutex_unlock(&channels->mutex);
    answer(&ready);
    return outcome;
}

size_t channels_count(struct channels *channels, struct span name)
{
    pthread_mutex_lock(&channels->mutex);
    const struct channel *channel = find(channels, false, name);
    size_t count = channel == NULL ? 0 : channel->count;
    pthread_mutex_unlock(&channels->mutex);
    return count;
}

bool channels_listen(struct channel_wait *wait)
{
    struct channels *channels = wait->channels;
    pthread_mutex_lock(&channels->mutex);
    struct channel *channel = get(channels, true, name_of(wait));
    if (channel != NULL) stand_in_line(wait, channel);
    pthread_mutex_unlock(&channels->mutex);
    return channel != NULL;
}

size_t channels_signal(struct channels *channels, struct span name, struct channel_item *item)
{
    struct channel_wait *wait;
    struct list ready;
    size_t count = 0;
    list_init(&ready);
    pthread_mutex_lock(&channels->mutex);
    struct channel *channel = find(channels, true, name);
    for (; channel != NULL && (wait = take_first(&channel->takers)) != NULL; count++) {
        wait->item = item;
        if (item != NULL) chunk_hold(item->chunk);
        list_append(&ready, &wait->node);
    }
    if (channel != NULL) settle(channels, channel);
    pthread_mutex_unlock(&channels->mutex);
    answer(&ready);
    return count;
}

/* ---- all of them ---- */

struct channels *channels_open(void)
{
    struct channels *channels = calloc(1, sizeof *channels);
    if (channels == NULL) return NULL;
    channels->buckets = calloc(BUCKETS_FIRST, sizeof *channels->buckets);
    channels->bucket_count = BUCKETS_FIRST;
    if (channels->buckets != NULL && pthread_mutex_init(&channels->mutex, NULL) == 0)
        return channels;
    free(channels->buckets);
    free(channels);
    return NULL;
}

void channels_close(struct channels *channels)
{
    if (channels == NULL) return;
    check(channels->joined == 0);
    check(channels->channel_count == 0);
    pthread_mutex_destroy(&channels->mutex);
    free(channels->buckets);
    free(channels);
}

void channels_join(struct channels *channels)
{
    pthread_mutex_lock(&channels->mutex);
    channels->joined++;
    pthread_mutex_unlock(&channels->mutex);
}

/* Removes the first channel of the bucket, with all its values. */
static void remove_first(struct channels *channels, struct channel **bucket)
{
    struct channel *channel = *bucket;
    struct list *node;
    check(list_empty(&channel->takers));
    check(list_empty(&channel->givers));
    while ((node = list_take_first(&channel->items)) != NULL)
        channel_item_drop(container_of(node, struct channel_item, node));
    *bucket = channel->next;
    channels->channel_count--;
    free(channel);
}

void channels_part(struct channels *channels)
{
    pthread_mutex_lock(&channels->mutex);
    check(channels->joined > 0);
    bool last = --channels->joined == 0;
    for (size_t i = 0; last && i < channels->bucket_count; i++)
        while (channels->buckets[i] != NULL) remove_first(channels, &channels->buckets[i]);
    pthread_mutex_unlock(&channels->mutex);
}
