/* TLS 1.2 and 1.3 over the filter: handshakes and records of every size, cut anywhere. */
#include "random.h"
#include "tls_desk.h"

static const int versions[] = {TLS1_2_VERSION, TLS1_3_VERSION};

static void speak(int version)
{
    SSL_CTX_set_min_proto_version(desk.client_context, version);
    SSL_CTX_set_max_proto_version(desk.client_context, version);
}

Test(tls, bytes_go_both_ways_in_either_version)
{
    desk_begin("self-signed");
    for (int i = 0; i < 2; i++) {
        speak(versions[i]);
        desk_connect();
        shake();
        client_says("hello", 5);
        cr_assert_eq(desk.server_size, 5);
        cr_assert_arr_eq(desk.server_got, "hello", 5);
        server_says("welcome", 7);
        cr_assert_eq(desk.client_size, 7);
        cr_assert_arr_eq(desk.client_got, "welcome", 7);
        cr_assert_not_null(strstr(told(), i == 0 ? "version=TLSv1.2;" : "version=TLSv1.3;"));
        desk_hang_up();
    }
    desk_end();
}

/* On the same thread; OpenSSL takes an error that is there for that of the last call. */
Test(tls, errors_of_others_are_not_ours)
{
    desk_begin("self-signed");
    desk_connect();
    shake();
    cr_assert_eq(SSL_write(desk.client, "hello", 5), 5);
    ERR_raise(ERR_LIB_USER, 1);
    from_client();
    cr_assert_eq(desk.filter->state, FILTER_OPEN, "%s", desk.filter->why);
    cr_assert_eq(desk.server_size, 5);
    desk_hang_up();
    desk_end();
}

/* As many bytes at once, and as little room. */
static void echo_with(size_t piece, size_t room, size_t size)
{
    static uint8_t bytes[DESK_PLAIN_MAX];
    for (size_t i = 0; i < size; i++) bytes[i] = (uint8_t)(i * 7 + size);
    desk.piece = piece;
    desk.room = room;
    desk_connect();
    shake();
    client_says(bytes, size);
    cr_assert_eq(desk.server_size, size);
    cr_assert_arr_eq(desk.server_got, bytes, size);
    server_says(bytes, size);
    cr_assert_eq(desk.client_size, size);
    cr_assert_arr_eq(desk.client_got, bytes, size);
    cr_assert_eq(desk.filter->held, 0);
    desk_hang_up();
}

Test(tls, wire_bytes_may_be_cut_anywhere)
{
    desk_begin("self-signed");
    for (int i = 0; i < 2; i++) {
        speak(versions[i]);
        for (size_t piece = 1; piece < 40; piece++) echo_with(piece, 1 << 20, 100);
        for (size_t piece = 40; piece < 3000; piece += 97) echo_with(piece, 1 << 20, 100);
    }
    desk_end();
}

Test(tls, room_may_be_of_any_size)
{
    desk_begin("self-signed");
    for (int i = 0; i < 2; i++) {
        speak(versions[i]);
        for (size_t room = 1; room < 60; room++) echo_with(1 << 20, room, 500);
        for (size_t room = 60; room < 3000; room += 111) echo_with(777, room, 5000);
    }
    desk_end();
}

Test(tls, packets_of_all_sizes_come_whole)
{
    static const size_t sizes[] = {1,     2,     15,    16,    17,    1023,  1024,   1025,  4095,
                                   16383, 16384, 16385, 20000, 32768, 65536, 100000, 299999};
    desk_begin("self-signed");
    for (int i = 0; i < 2; i++) {
        speak(versions[i]);
        for (size_t j = 0; j < sizeof sizes / sizeof *sizes; j++) {
            echo_with(1 << 20, 1 << 20, sizes[j]);
            echo_with(2048, 2048, sizes[j]);
        }
    }
    desk_end();
}

/* A connection has nothing of OpenSSL's before its first byte, and less of it when its handshake has ended. */
Test(tls, memory_is_counted)
{
    desk_begin("self-signed");
    desk_connect();
    size_t begun = budget_used(&desk.budget);
    cr_assert(begun < 1000);
    ERR_clear_error();
    step_client();
    from_client();
    cr_assert(budget_used(&desk.budget) > begun + 50000);
    shake();
    cr_assert(budget_used(&desk.budget) < begun + 16000);
    desk.piece = 1000;
    static uint8_t bytes[16000];
    size_t taken, before = budget_used(&desk.budget);
    cr_assert_eq(SSL_write_ex(desk.client, bytes, sizeof bytes, &taken), 1);
    uint8_t part[1000];
    cr_assert_eq(BIO_read(desk.to_server, part, sizeof part), 1000);
    offer(span_of(part, sizeof part));
    cr_assert_eq(desk.filter->held, 1000);
    cr_assert_eq(desk.server_size, 0);
    cr_assert(budget_used(&desk.budget) > before + 16000, "the record is kept");
    pump();
    cr_assert_eq(desk.server_size, 16000);
    cr_assert_eq(budget_used(&desk.budget), before);
    desk_hang_up();
    desk_end();
}

Test(tls, without_memory_a_handshake_fails_and_nothing_else)
{
    desk_begin("self-signed");
    desk.budget.limit = 40000;
    desk_connect();
    pump();
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_str_eq(desk.filter->why, "TLS: there is no memory for it");
    cr_assert(desk.filter->starved, "the peer has done nothing wrong");
    desk_hang_up();
    desk.budget.limit = 80000;
    desk_connect();
    shake();
    desk_hang_up();
    desk_end();
}

/* A record that goes out has to be put aside where its room is too small. */
Test(tls, without_memory_a_record_is_not_written_and_nobody_is_blamed)
{
    desk_begin("self-signed");
    desk_connect();
    shake();
    uint8_t room[100];
    desk.budget.limit = budget_used(&desk.budget);
    struct filter_step step = desk.filter->kind->give(desk.filter, span_text("hello"), room, 5);
    cr_assert_eq(step.used, 5);
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_str_eq(desk.filter->why, "TLS: there is no memory for it");
    cr_assert(desk.filter->starved);
    desk_hang_up();
    desk_connect();
    desk.budget.limit = 80000;
    offer(span_text("GET / HTTP/1.1\r\n\r\n"));
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_not(desk.filter->starved, "the peer has done something wrong");
    desk_hang_up();
    desk_end();
}

Test(tls, an_end_is_told_both_ways)
{
    desk_begin("self-signed");
    for (int i = 0; i < 2; i++) {
        speak(versions[i]);
        desk_connect();
        shake();
        server_says("bye", 3);
        desk.filter->kind->end(desk.filter);
        cr_assert(desk.filter->has_wire);
        pump();
        cr_assert_eq(desk.client_error, SSL_ERROR_ZERO_RETURN);
        cr_assert_eq(desk.client_size, 3);
        desk_hang_up();

        desk_connect();
        shake();
        size_t taken;
        cr_assert_eq(SSL_write_ex(desk.client, "last", 4, &taken), 1);
        SSL_shutdown(desk.client);
        desk.room = 1;
        pump();
        cr_assert_eq(desk.filter->state, FILTER_ENDED);
        cr_assert_eq(desk.server_size, 4);
        server_says("still", 5);
        desk.room = 1 << 20;
        desk_hang_up();
    }
    desk_end();
}

/* ... and in the middle of a handshake it is none: nobody is let in by it. */
Test(tls, an_end_in_the_middle_of_a_handshake_is_a_failure)
{
    desk_begin("self-signed");
    speak(TLS1_2_VERSION);
    desk_connect();
    ERR_clear_error();
    step_client();
    cr_assert(from_client());
    cr_assert_eq(desk.filter->state, FILTER_OPENING);
    offer(span_of("\x15\x03\x03\x00\x02\x01\x00", 7));
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_str_eq(desk.filter->why, "TLS: it has ended in the middle of the handshake");
    desk_hang_up();
    desk_end();
}

static void fails_on(const char *bytes, size_t size, const char *why)
{
    desk_connect();
    offer(span_of(bytes, size));
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_str_eq(desk.filter->why, why);
}

Test(tls, what_is_no_tls_is_told_so)
{
    desk_begin("self-signed");
    fails_on("GET / HTTP/1.1\r\n\r\n", 18, "TLS: it spoke HTTP to a port of TLS");
    to_client(span_of("", 0));
    char answer[200] = "";
    cr_assert(BIO_read(desk.to_client, answer, sizeof answer - 1) > 0);
    cr_assert_eq(strncmp(answer, "HTTP/1.1 400 ", 13), 0, "%s", answer);
    desk_hang_up();
    fails_on("SSH-2.0-OpenSSH_9.2\r\n", 21, "TLS: it does not speak TLS");
    desk_hang_up();
    fails_on("\x16\x03\x01\xff\xff"
             "aaaaaaaa",
             13, "TLS: a record is too long");
    desk_hang_up();
    fails_on("\x16\x03\x01\x00\x04\x01\x00\x00\x00", 9, "TLS: the protocol was violated");
    desk_hang_up();
    desk_end();
}

Test(tls, a_record_that_was_changed_is_refused)
{
    desk_begin("self-signed");
    for (int i = 0; i < 2; i++) {
        uint8_t record[200];
        size_t taken;
        speak(versions[i]);
        desk_connect();
        shake();
        cr_assert_eq(SSL_write_ex(desk.client, "hello", 5, &taken), 1);
        int size = BIO_read(desk.to_server, record, sizeof record);
        record[size - 1] ^= 1;
        offer(span_of(record, (size_t)size));
        cr_assert_eq(desk.filter->state, FILTER_BROKEN);
        cr_assert_str_eq(desk.filter->why, "TLS: a record was changed on its way");
        cr_assert_eq(desk.server_size, 0);
        pump();
        cr_assert_eq(desk.client_error, SSL_ERROR_SSL, "it is told so");
        desk_hang_up();
    }
    desk_end();
}

/* What is given once it has failed is nobody's to read. */
Test(tls, what_has_failed_swallows_what_it_is_given)
{
    desk_begin("self-signed");
    fails_on("SSH-2.0-OpenSSH_9.2\r\n", 21, "TLS: it does not speak TLS");
    uint8_t room[100];
    struct filter_step step =
        desk.filter->kind->give(desk.filter, span_text("hello"), room, sizeof room);
    cr_assert_eq(step.used, 5);
    desk.filter->kind->end(desk.filter);
    desk_hang_up();
    desk_end();
}

Test(tls, old_versions_are_refused)
{
    desk_begin("self-signed");
    SSL_CTX_set_min_proto_version(desk.client_context, TLS1_1_VERSION);
    SSL_CTX_set_max_proto_version(desk.client_context, TLS1_1_VERSION);
    SSL_CTX_set_security_level(desk.client_context, 0);
    desk_connect();
    pump();
    cr_assert_eq(desk.filter->state, FILTER_BROKEN);
    cr_assert_str_eq(desk.filter->why, "TLS: its version of TLS is too old (min_version)");
    desk_hang_up();
    desk_end();
}

/* It is told that there is no renegotiation, and may go on. */
Test(tls, what_a_peer_asks_for_again_is_refused)
{
    desk_begin("self-signed");
    speak(TLS1_2_VERSION);
    desk_connect();
    shake();
    SSL_renegotiate(desk.client);
    SSL_do_handshake(desk.client);
    cr_assert(from_client());
    cr_assert_eq(desk.filter->state, FILTER_OPEN);
    cr_assert(desk.filter->has_wire);
    desk_hang_up();
    desk_end();
}

/* ---- records that were changed ---- */

static size_t below(uint64_t *random, size_t most)
{
    return (size_t)(random_next(random) % most);
}

/* Between both: some bytes of what the client says are others, are missing, or come twice. */
static void pass_on_badly(uint64_t *random)
{
    static uint8_t bytes[1 << 16];
    int got = BIO_read(desk.to_server, bytes, sizeof bytes / 2);
    if (got <= 0) return;
    size_t size = (size_t)got, at = below(random, size);
    switch (below(random, 9)) {
    case 0: bytes[at] ^= (uint8_t)(1u << below(random, 8)); break;
    case 1: size = at; break;
    case 2: memmove(bytes + size, bytes + at, size - at), size += size - at; break;
    default: break;
    }
    desk.piece = 1 + below(random, 200);
    for (struct span rest = span_of(bytes, size); rest.size > 0;) {
        struct span part = span_first(rest, desk.piece);
        offer(part);
        rest = span_skip(rest, part.size);
    }
}

Test(tls, whatever_a_peer_sends_memory_comes_back)
{
    uint64_t random = 1;
    int opened = 0, broken = 0;
    desk_begin("self-signed");
    for (int round = 0; round < 400; round++) {
        speak(versions[round % 2]);
        desk_connect();
        desk.room = 1 + below(&random, 3000);
        for (int i = 0; i < 6; i++) {
            size_t taken;
            ERR_clear_error();
            step_client();
            if (SSL_is_init_finished(desk.client))
                SSL_write_ex(desk.client, "some bytes", 10, &taken);
            pass_on_badly(&random);
            to_client(span_of("", 0));
        }
        opened += desk.filter->state == FILTER_OPEN;
        broken += desk.filter->state == FILTER_BROKEN;
        desk.filter->kind->end(desk.filter);
        to_client(span_of("", 0));
        desk_hang_up();
    }
    cr_assert(opened > 20 && broken > 20, "%d open, %d broken", opened, broken);
    desk_end();
}
