/* The filter of one connection: OpenSSL, with an input and an output in memory.
 *
 * It is fed whole records only, for its buffers are of the size of the largest from the first byte of one on; a record that
 * has not come whole is kept here, in as much memory as it has bytes. Nothing of OpenSSL's is made before a first byte has
 * come. */
#include "stream/tls_openssl.h"

#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>

/* What OpenSSL takes for a connection (measured), which the budget counts. */
enum { OPENING_BYTES = 56 << 10, OPEN_BYTES = 14 << 10 };

enum {
    HEAD = 5,                         /* of a record: its kind, version and length */
    RECORD_MAX = HEAD + 16384 + 2048, /* RFC 5246 6.2.3 */
    RECORD_PLAIN_MAX = 16384,         /* RFC 8446 5.1 */
    RECORD_OVERHEAD_MAX = 64,         /* of the ciphers that are usual here 22 or 29 */
    ROOM_WORTH = 1024,                /* a room below this is filled from a record made aside */
    OUT_STEP = 4096,
    OUT_MAX = 128 << 10,
};

struct tls {
    struct filter filter; /* first */
    struct budget *budget;
    struct tls_source *source;
    struct tls_context
        *context; /* with which it began; both are NULL until the first byte has come */
    SSL *ssl;
    size_t charged;
    struct span in; /* whole records that OpenSSL reads */
    uint8_t *room;  /* where the records that it writes go, if there is enough of it */
    size_t room_size, room_used;
    uint8_t *out; /* the others, and those that it writes unasked */
    size_t out_begin, out_end, out_capacity;
    uint8_t head[HEAD];
    uint8_t *record; /* that has not come whole; `have` bytes, of which the first are in `head` */
    size_t have, record_size;
};

static struct tls *tls_of(const struct filter *filter)
{
    return (struct tls *)(uintptr_t)filter;
}

/* ---- memory ---- */

static bool charge(struct tls *tls, size_t size)
{
    if (size > tls->charged && !budget_take(tls->budget, size - tls->charged)) return false;
    if (size < tls->charged) budget_give(tls->budget, tls->charged - size);
    tls->charged = size;
    return true;
}

static void *take_memory(struct tls *tls, size_t size)
{
    if (!budget_take(tls->budget, size)) return NULL;
    void *memory = malloc(size);
    if (memory == NULL) budget_give(tls->budget, size);
    return memory;
}

static void give_memory(struct budget *budget, void *memory, size_t size)
{
    if (memory == NULL) return;
    free(memory);
    budget_give(budget, size);
}

/* ---- what OpenSSL reads and writes ---- */

static int read_in(BIO *bio, char *room, size_t size, size_t *got)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *got = size < tls->in.size ? size : tls->in.size;
    if (*got == 0) {
        BIO_set_retry_read(bio);
        return 0;
    }
    memcpy(room, tls->in.data, *got);
    tls->in = span_skip(tls->in, *got);
    return 1;
}

static bool grow_out(struct tls *tls, size_t size)
{
    size_t held = tls->out_end - tls->out_begin, wanted = held + size, capacity = OUT_STEP;
    while (capacity < wanted) capacity *= 2;
    if (wanted > OUT_MAX) return false;
    uint8_t *grown = take_memory(tls, capacity);
    tls->filter.starved = grown == NULL;
    if (grown == NULL) return false;
    if (held > 0) memcpy(grown, tls->out + tls->out_begin, held);
    give_memory(tls->budget, tls->out, tls->out_capacity);
    tls->out = grown;
    tls->out_begin = 0;
    tls->out_end = held;
    tls->out_capacity = capacity;
    return true;
}

static bool put_aside(struct tls *tls, struct span bytes)
{
    if (bytes.size > tls->out_capacity - tls->out_end && !grow_out(tls, bytes.size)) return false;
    memcpy(tls->out + tls->out_end, bytes.data, bytes.size);
    tls->out_end += bytes.size;
    tls->filter.has_wire = true;
    return true;
}

static int write_out(BIO *bio, const char *bytes, size_t size, size_t *taken)
{
    struct tls *tls = BIO_get_data(bio);
    BIO_clear_retry_flags(bio);
    *taken = size;
    if (tls->out_begin == tls->out_end && size <= tls->room_size - tls->room_used) {
        memcpy(tls->room + tls->room_used, bytes, size);
        tls->room_used += size;
        return 1;
    }
    return put_aside(tls, span_of(bytes, size));
}

static long control(BIO *bio, int command, long number, void *pointer)
{
    (void)bio, (void)number, (void)pointer;
    return command == BIO_CTRL_FLUSH;
}

static int create(BIO *bio)
{
    BIO_set_init(bio, 1);
    return 1;
}

static BIO_METHOD *methods;

/* Once for the program, which keeps it. */
static void make_methods(void)
{
    methods = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "moonport");
    if (methods == NULL) return;
    BIO_meth_set_read_ex(methods, read_in);
    BIO_meth_set_write_ex(methods, write_out);
    BIO_meth_set_ctrl(methods, control);
    BIO_meth_set_create(methods, create);
}

/* ---- the beginning ---- */

static bool make_session(struct tls *tls)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, make_methods);
    tls->context = tls_context_take(tls->source);
    BIO *bio = methods == NULL ? NULL : BIO_new(methods);
    tls->ssl = bio == NULL ? NULL : SSL_new(tls->context->ssl);
    if (tls->ssl == NULL) {
        BIO_free(bio);
        return false;
    }
    BIO_set_data(bio, tls);
    SSL_set_bio(tls->ssl, bio, bio);
    SSL_set_accept_state(tls->ssl);
    return SSL_set_app_data(tls->ssl, tls->source) == 1; /* which tickets are asked of */
}

/* An old one would pass for one of the next call. (To clear what is empty takes a tenth of the time of a small packet.) */
static void forget_errors(void)
{
    if (ERR_peek_error() != 0) ERR_clear_error();
}

static void say_plainly(struct tls *tls, const char *text)
{
    put_aside(tls, span_text(text));
}

static void fail_with(struct tls *tls, const char *why)
{
    tls->filter.state = FILTER_BROKEN;
    tls->filter.why = why;
    tls->filter.has_plain = false;
}

static void fail_for_memory(struct tls *tls)
{
    fail_with(tls, "TLS: there is no memory for it");
    tls->filter.starved = true;
}

/* OpenSSL has said why, and has put its alert aside. */
static void fail(struct tls *tls)
{
    struct tls_fault fault = tls_fault_take();
    if (fault.spoke_http)
        say_plainly(tls, "HTTP/1.1 400 Bad Request\r\nContent-Type: text/plain\r\n"
                         "Content-Length: 46\r\nConnection: close\r\n\r\n"
                         "This port speaks TLS: use https:// or wss://.\n");
    if (fault.no_memory || tls->filter.starved)
        fail_for_memory(tls);
    else
        fail_with(tls, fault.why);
}

static bool begin(struct tls *tls)
{
    ERR_clear_error();
    if (charge(tls, OPENING_BYTES) && make_session(tls)) return true;
    ERR_clear_error();
    fail_for_memory(tls);
    return false;
}

/* ---- records ---- */

static size_t record_size(const uint8_t head[HEAD])
{
    return HEAD + ((size_t)head[3] << 8 | head[4]);
}

/* How many bytes at the front are whole records. What is no record is passed on as it is, so that OpenSSL says so. */
static size_t whole_records(struct span wire)
{
    size_t size = 0;
    while (wire.size - size >= HEAD) {
        size_t next = record_size(wire.data + size);
        if (next > RECORD_MAX) return wire.size;
        if (next > wire.size - size) break;
        size += next;
    }
    return size;
}

/* Nothing of a first record looks like one. */
static bool is_strange(const struct tls *tls, struct span wire)
{
    bool first = tls->filter.state == FILTER_OPENING && tls->have == 0;
    return first && wire.data[0] != SSL3_RT_HANDSHAKE && wire.data[0] != SSL3_RT_ALERT &&
           wire.data[0] != SSL3_RT_CHANGE_CIPHER_SPEC && wire.data[0] != SSL3_RT_APPLICATION_DATA;
}

static void drop_record(struct tls *tls)
{
    give_memory(tls->budget, tls->record, tls->record_size);
    tls->record = NULL;
    tls->have = tls->record_size = 0;
}

/* Keeps what belongs to the record that has begun; returns how many bytes that are. Its memory is taken when its length is
 * known. */
static size_t keep(struct tls *tls, struct span wire)
{
    size_t used = 0;
    while (tls->have < HEAD && used < wire.size) tls->head[tls->have++] = wire.data[used++];
    if (tls->have < HEAD) return used;
    if (tls->record == NULL) {
        size_t size = record_size(tls->head);
        if (size > RECORD_MAX) size = HEAD; /* OpenSSL says that it is too long */
        tls->record = take_memory(tls, size);
        if (tls->record == NULL) {
            fail_for_memory(tls);
            return used;
        }
        tls->record_size = size;
        memcpy(tls->record, tls->head, HEAD);
    }
    struct span rest = span_first(span_skip(wire, used), tls->record_size - tls->have);
    if (rest.size > 0) memcpy(tls->record + tls->have, rest.data, rest.size);
    tls->have += rest.size;
    return used + rest.size;
}

static bool is_whole(const struct tls *tls)
{
    return tls->record != NULL && tls->have == tls->record_size;
}

/* ---- the way in ---- */

static void note_open(struct tls *tls)
{
    tls->filter.state = FILTER_OPEN;
    tls->filter.protocol = tls_alpn_agreed(tls->context, tls->ssl);
    charge(tls, OPEN_BYTES);
}

/* A farewell before the handshake has ended lets nobody in (RFC 5246 7.2.1). */
static void note_end(struct tls *tls)
{
    if (tls->filter.state == FILTER_OPENING)
        fail_with(tls, "TLS: it has ended in the middle of the handshake");
    else
        tls->filter.state = FILTER_ENDED;
}

/* Works on what is in `in`. False: it has all been read, or nothing more is to be. */
static bool step(struct tls *tls, uint8_t *room, size_t size, size_t *made)
{
    size_t got = 0;
    forget_errors();
    int result = tls->filter.state == FILTER_OPENING
                     ? SSL_do_handshake(tls->ssl)
                     : SSL_read_ex(tls->ssl, room + *made, size - *made, &got);
    *made += got;
    if (result == 1 && tls->filter.state == FILTER_OPENING) {
        note_open(tls);
        return false;
    }
    if (result == 1) return *made < size;
    switch (SSL_get_error(tls->ssl, result)) {
    case SSL_ERROR_WANT_READ: break;
    case SSL_ERROR_ZERO_RETURN: note_end(tls); break;
    default: fail(tls);
    }
    return false;
}

/* Feeds OpenSSL from the record that was kept, or from the wire. Returns how many bytes of the wire were used. */
static size_t feed(struct tls *tls, struct span wire, uint8_t *room, size_t size, size_t *made)
{
    size_t used = 0;
    bool is_kept = tls->have > 0, is_alien = !is_kept && is_strange(tls, wire);
    size_t whole = is_kept ? 0 : is_alien ? wire.size : whole_records(wire);
    if (whole == 0) {
        used = keep(tls, wire);
        if (!is_whole(tls)) return used;
        tls->in = span_of(tls->record, tls->record_size);
    } else {
        tls->in = span_first(wire, whole);
    }
    size_t offered = tls->in.size;
    while (step(tls, room, size, made)) {
    }
    if (whole > 0) used = offered - tls->in.size;
    if (whole == 0) drop_record(tls); /* OpenSSL has read all of it */
    tls->in = (struct span){NULL, 0};
    return used;
}

static bool goes_on(const struct tls *tls, struct span wire, size_t size, size_t made)
{
    bool opens = tls->filter.state == FILTER_OPENING;
    return wire.size > 0 && (opens || (tls->filter.state == FILTER_OPEN && made < size));
}

static void publish(struct tls *tls)
{
    bool is_open = tls->filter.state == FILTER_OPEN || tls->filter.state == FILTER_ENDED;
    tls->filter.has_plain = is_open && tls->ssl != NULL && SSL_pending(tls->ssl) > 0;
    tls->filter.has_wire = tls->out_begin < tls->out_end;
    tls->filter.held = tls->have;
}

static struct filter_step take(struct filter *filter, struct span wire, uint8_t *room, size_t size)
{
    struct tls *tls = tls_of(filter);
    struct filter_step done = {.used = 0};
    if (tls->ssl == NULL && !begin(tls)) return (struct filter_step){.used = wire.size};
    if (filter->has_plain) step(tls, room, size, &done.made);
    for (struct span rest = wire; goes_on(tls, rest, size, done.made);) {
        size_t used = feed(tls, rest, room, size, &done.made);
        rest = span_skip(rest, used);
        done.used += used;
    }
    if (filter->state == FILTER_BROKEN) done.used = wire.size;
    publish(tls);
    return done;
}

/* ---- the way out ---- */

static size_t give_aside(struct tls *tls, uint8_t *room, size_t size)
{
    if (tls->out == NULL) return 0;
    struct span held = span_of(tls->out + tls->out_begin, tls->out_end - tls->out_begin);
    struct span part = span_first(held, size);
    if (part.size > 0) memcpy(room, part.data, part.size);
    tls->out_begin += part.size;
    if (tls->out_begin < tls->out_end) return part.size;
    give_memory(tls->budget, tls->out, tls->out_capacity);
    tls->out = NULL;
    tls->out_begin = tls->out_end = tls->out_capacity = 0;
    return part.size;
}

/* As much as makes a record that fills the room; a room that is hardly worth one gets a part of one. */
static size_t share(size_t plain, size_t room)
{
    size_t most = room < ROOM_WORTH ? ROOM_WORTH : room - RECORD_OVERHEAD_MAX;
    if (most > RECORD_PLAIN_MAX) most = RECORD_PLAIN_MAX;
    return plain < most ? plain : most;
}

static size_t write_record(struct tls *tls, struct span plain)
{
    size_t taken = 0;
    forget_errors();
    if (SSL_write_ex(tls->ssl, plain.data, plain.size, &taken) == 1) return taken;
    fail(tls);
    return 0;
}

static struct filter_step give(struct filter *filter, struct span plain, uint8_t *room, size_t size)
{
    struct tls *tls = tls_of(filter);
    struct filter_step done = {.made = give_aside(tls, room, size)};
    bool writes = filter->state == FILTER_OPEN || filter->state == FILTER_ENDED;
    if (tls->out != NULL || done.made == size) plain.size = 0;
    if (plain.size > 0 && writes) {
        tls->room = room;
        tls->room_size = size;
        tls->room_used = done.made;
        done.used = write_record(tls, span_first(plain, share(plain.size, size - done.made)));
        done.made = tls->room_used;
        tls->room_size = tls->room_used = 0;
        if (tls->out != NULL) done.made += give_aside(tls, room + done.made, size - done.made);
    }
    if (filter->state == FILTER_BROKEN) done.used = plain.size; /* nobody would read it */
    publish(tls);
    return done;
}

/* Tells the peer that this was all (close_notify), unless it has failed, or has not begun. */
static void end(struct filter *filter)
{
    struct tls *tls = tls_of(filter);
    ERR_clear_error();
    if (filter->state == FILTER_OPEN || filter->state == FILTER_ENDED) SSL_shutdown(tls->ssl);
    ERR_clear_error();
    publish(tls);
}

static void close_filter(struct filter *filter, struct budget *budget)
{
    struct tls *tls = tls_of(filter);
    SSL_free(tls->ssl);
    if (tls->context != NULL) tls_context_drop(tls->context);
    charge(tls, 0);
    drop_record(tls);
    give_memory(budget, tls->out, tls->out_capacity);
    give_memory(budget, tls, sizeof *tls);
}

static void tell(const struct filter *filter, filter_note *note, void *context)
{
    const struct tls *tls = tls_of(filter);
    if (tls->ssl != NULL) tls_tell(tls->ssl, filter->protocol, note, context);
}

static const struct filter_kind kind = {
    .take = take, .give = give, .end = end, .close = close_filter, .tell = tell};

struct filter *tls_filter_open(const struct filter_source *source, struct budget *budget)
{
    if (!budget_take(budget, sizeof(struct tls))) return NULL;
    struct tls *tls = calloc(1, sizeof *tls);
    if (tls == NULL) {
        budget_give(budget, sizeof *tls);
        return NULL;
    }
    filter_init(&tls->filter, &kind);
    tls->filter.tells_end = true;
    tls->budget = budget;
    tls->source = (struct tls_source *)(uintptr_t)source;
    return &tls->filter;
}
