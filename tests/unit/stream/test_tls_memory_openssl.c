/* Each allocation of OpenSSL's fails once, while the filter of TLS is at work: a connection goes on or fails by itself, and all
 * comes back. */
#include "tls_desk.h"

enum { STEPS = 5, EACH_UNTIL = 250, STRIDE = 7 };

static struct {
    bool is_on;           /* the filter is at work */
    int64_t count, fails; /* allocations of it; the one that fails */
    int64_t live;         /* of all */
} memory;

static bool fails(void)
{
    return memory.is_on && ++memory.count == memory.fails;
}

static void *allocate(size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *block = fails() ? NULL : malloc(size);
    memory.live += block != NULL;
    return block;
}

static void *resize(void *old, size_t size, const char *file, int line)
{
    (void)file, (void)line;
    void *block = fails() ? NULL : realloc(old, size);
    memory.live += old == NULL && block != NULL;
    return block;
}

static void release(void *block, const char *file, int line)
{
    (void)file, (void)line;
    memory.live -= block != NULL;
    free(block);
}

static bool is_ours;

/* Before anybody, the test's framework too, has OpenSSL allocate something: later it is refused. */
__attribute__((constructor)) static void take_over(void)
{
    is_ours = CRYPTO_set_mem_functions(allocate, resize, release) == 1;
}

/* ---- one connection ---- */

static void client_to_server(void)
{
    static uint8_t bytes[1 << 16];
    int got = BIO_read(desk.to_server, bytes, sizeof bytes);
    if (got <= 0) return;
    memory.is_on = true;
    offer(span_of(bytes, (size_t)got));
    memory.is_on = false;
}

static void server_to_client(struct span plain)
{
    static uint8_t room[1 << 16];
    struct filter *filter = desk.filter;
    while (plain.size > 0 || filter->has_wire) {
        memory.is_on = true;
        struct filter_step step = filter->kind->give(filter, plain, room, sizeof room);
        memory.is_on = false;
        cr_assert(step.used + step.made > 0);
        plain = span_skip(plain, step.used);
        BIO_write(desk.to_client, room, (int)step.made);
    }
}

/* Whether it has gone well. */
static bool connect_once(int version)
{
    size_t taken;
    SSL_CTX_set_max_proto_version(desk.client_context, version);
    desk_connect();
    for (int i = 0; i < STEPS; i++) {
        ERR_clear_error();
        step_client();
        if (i == 2 && SSL_is_init_finished(desk.client))
            SSL_write_ex(desk.client, "hello", 5, &taken);
        client_to_server();
        bool speaks = i == 3 && desk.filter->state != FILTER_OPENING;
        server_to_client(speaks ? span_text("hello") : span_text(""));
    }
    memory.is_on = true;
    desk.filter->kind->end(desk.filter);
    memory.is_on = false;
    server_to_client(span_text(""));
    ERR_clear_error();
    step_client();
    struct span got = span_of(desk.server_got, desk.server_size);
    cr_assert(got.size <= 5 && memcmp(got.data, "hello", got.size) == 0);
    cr_assert(desk.filter->state != FILTER_BROKEN || desk.filter->why != NULL);
    bool fine = desk.filter->state == FILTER_OPEN && got.size == 5 && desk.client_size == 5;
    desk_hang_up();
    OPENSSL_thread_stop();
    return fine;
}

static void fail_each(int version)
{
    cr_assert(connect_once(version), "and once more, for what OpenSSL keeps");
    memory.count = 0;
    cr_assert(connect_once(version));
    int64_t all = memory.count, failed = 0;
    cr_assert(all > 100);
    for (int64_t i = 1; i <= all; i += i < EACH_UNTIL ? 1 : STRIDE) {
        int64_t live = memory.live;
        memory.count = 0;
        memory.fails = i;
        failed += !connect_once(version);
        memory.fails = 0;
        cr_assert_eq(memory.live, live, "allocation %d of %d: %d more than before", (int)i,
                     (int)all, (int)(memory.live - live));
        if (i % 50 == 1) cr_assert(connect_once(version), "the next one is as good as ever");
    }
    cr_assert(failed > 50, "%d of %d", (int)failed, (int)all);
}

Test(tls_memory, each_allocation_may_fail)
{
    cr_assert(is_ours);
    desk_begin("self-signed");
    fail_each(TLS1_3_VERSION);
    fail_each(TLS1_2_VERSION);
    desk_end();
}
