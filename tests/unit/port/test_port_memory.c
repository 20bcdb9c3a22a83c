/* The contract of port.h on the port of memory, which has no sockets that test_port.c could use. */
#include "port/port_memory.h"

#include <criterion/criterion.h>

enum { LANDINGS = 2, LANDING_SIZE = 8, EVENTS = 16 };

struct line {
    struct port *port;
    struct memory_peer peer;
    struct port_socket socket;
    struct port_event events[EVENTS]; /* of the last harvest */
    int count;
};

static void begin(struct line *line)
{
    struct error error;
    const struct port_options options = {.landing_blocks = LANDINGS, .landing_size = LANDING_SIZE};
    *line = (struct line){.port = port_memory_open(&options, 1000, &error)};
    cr_assert_not_null(line->port, "%s", error.text);
    memory_peer_open(&line->peer, line->port);
    cr_assert(port_attach(line->port, &line->socket, memory_peer_handle(&line->peer)));
}

static void harvest(struct line *line)
{
    bool ready = port_memory_ready(line->port);
    line->count = port_harvest(line->port, line->events, EVENTS, UINT64_MAX);
    cr_assert_eq(ready, line->count > 0, "it knows whether a harvest brings something");
}

/* The only event of a harvest. */
static struct port_event only(struct line *line)
{
    harvest(line);
    cr_assert_eq(line->count, 1);
    return line->events[0];
}

static void brings(struct line *line, const char *text, uint32_t sequence)
{
    struct port_event event = only(line);
    cr_assert_eq(event.kind, PORT_RECEIVED);
    cr_assert_not(event.last);
    cr_assert_eq(event.block->sequence, sequence);
    cr_assert_eq(event.block->end, strlen(text));
    cr_assert_eq(memcmp(event.block->data, text, strlen(text)), 0);
    port_recv_done(line->port, event.block);
}

static void brings_end(struct line *line, enum port_error error)
{
    struct port_event event = only(line);
    cr_assert_eq(event.kind, PORT_RECEIVED);
    cr_assert(event.last);
    cr_assert_null(event.block);
    cr_assert_eq(event.error, error);
    cr_assert_not(line->socket.receiving);
}

static void brings_sent(struct line *line, size_t size, enum port_error error)
{
    struct port_event event = only(line);
    cr_assert_eq(event.kind, PORT_SENT);
    cr_assert_eq(event.size, size);
    cr_assert_eq(event.error, error);
    cr_assert_not(line->socket.sending);
}

static void brings_nothing(struct line *line)
{
    harvest(line);
    cr_assert_eq(line->count, 0);
}

static void says(struct line *line, const char *text)
{
    cr_assert(memory_peer_send(&line->peer, span_text(text)));
}

static void sends(struct line *line, const char *text)
{
    const struct span part = span_text(text);
    port_send(line->port, &line->socket, &part, 1);
    cr_assert(line->socket.sending, "it completes in a harvest, not in the call");
}

static void hears(struct line *line, const char *text)
{
    struct span heard = memory_peer_received(&line->peer);
    cr_assert_eq(heard.size, strlen(text));
    cr_assert_eq(memcmp(heard.data, text, heard.size), 0);
    memory_peer_take(&line->peer, heard.size);
}

static void finish(struct line *line)
{
    cr_assert_not(line->peer.closed);
    port_detach(line->port, &line->socket);
    cr_assert(line->peer.closed);
    memory_peer_close(&line->peer);
    port_close(line->port);
}

Test(port_memory, numbers_bytes_over_a_stop_and_a_new_start)
{
    struct line line;
    begin(&line);
    says(&line, "before");
    brings_nothing(&line);
    port_recv_start(line.port, &line.socket);
    brings(&line, "before", 0);
    brings_nothing(&line);
    port_recv_stop(line.port, &line.socket);
    brings_end(&line, PORT_CANCELLED);
    says(&line, "longer than a block");
    brings_nothing(&line);
    port_recv_start(line.port, &line.socket);
    brings(&line, "longer t", 1);
    brings(&line, "han a bl", 2);
    brings(&line, "ock", 3);
    port_cancel(line.port, &line.socket);
    brings_end(&line, PORT_CANCELLED);
    finish(&line);
}

Test(port_memory, tells_the_end_and_a_reset_after_all_bytes)
{
    for (int reset = 0; reset < 2; reset++) {
        struct line line;
        begin(&line);
        port_recv_start(line.port, &line.socket);
        says(&line, "last words");
        if (reset)
            memory_peer_reset(&line.peer);
        else
            memory_peer_finish(&line.peer);
        says(&line, "never said");
        brings(&line, "last wor", 0);
        brings(&line, "ds", 1);
        brings_end(&line, reset ? PORT_RESET : PORT_OK);
        sends(&line, "answer");
        if (reset) {
            brings_sent(&line, 0, PORT_RESET);
        } else {
            brings_sent(&line, 6, PORT_OK);
            hears(&line, "answer");
        }
        finish(&line);
    }
}

Test(port_memory, keeps_an_end_for_a_stream_that_was_stopped_meanwhile)
{
    struct line line;
    begin(&line);
    port_recv_start(line.port, &line.socket);
    memory_peer_finish(&line.peer);
    port_recv_stop(line.port, &line.socket);
    brings_end(&line, PORT_CANCELLED);
    port_recv_start(line.port, &line.socket);
    brings_end(&line, PORT_OK);
    finish(&line);
}

Test(port_memory, holds_a_stream_without_blocks_and_goes_on_by_itself)
{
    struct line line;
    struct block *held[LANDINGS];
    begin(&line);
    port_recv_start(line.port, &line.socket);
    says(&line, "the first, and");
    for (int i = 0; i < LANDINGS; i++) held[i] = only(&line).block;
    says(&line, "ur");
    brings_nothing(&line);
    port_recv_done(line.port, held[1]);
    brings(&line, "ur", LANDINGS);
    port_recv_done(line.port, held[0]);
    port_recv_stop(line.port, &line.socket);
    brings_end(&line, PORT_CANCELLED);
    finish(&line);
}

Test(port_memory, sends_as_much_as_the_client_has_room_for)
{
    struct line line;
    const struct span parts[] = {span_text("one"), span_text("two"), span_text("three")};
    begin(&line);
    memory_peer_set_room(&line.peer, 5);
    port_send(line.port, &line.socket, parts, 3);
    brings_sent(&line, 5, PORT_OK);
    sends(&line, "othree");
    brings_nothing(&line);
    hears(&line, "onetw");
    brings_sent(&line, 0, PORT_OK);
    sends(&line, "othree");
    brings_sent(&line, 5, PORT_OK);
    hears(&line, "othre");
    finish(&line);
}

Test(port_memory, completes_everything_that_was_cancelled_exactly_once)
{
    struct line line;
    begin(&line);
    memory_peer_set_deaf(&line.peer, true);
    port_recv_start(line.port, &line.socket);
    says(&line, "unheard");
    sends(&line, "unread");
    port_cancel(line.port, &line.socket);
    cr_assert_not(port_idle(&line.socket));
    harvest(&line);
    cr_assert_eq(line.count, 2);
    for (int i = 0; i < 2; i++) cr_assert_eq(line.events[i].error, PORT_CANCELLED);
    cr_assert(port_idle(&line.socket));
    memory_peer_set_deaf(&line.peer, false);
    brings_nothing(&line);
    finish(&line);
}

Test(port_memory, ends_a_send_that_waits_when_the_client_resets)
{
    struct line line;
    begin(&line);
    memory_peer_set_deaf(&line.peer, true);
    sends(&line, "unread");
    brings_nothing(&line);
    memory_peer_reset(&line.peer);
    brings_sent(&line, 0, PORT_RESET);
    finish(&line);
}

Test(port_memory, has_the_time_that_its_driver_gives_it)
{
    struct line line;
    begin(&line);
    cr_assert_eq(port_now(line.port), 1000);
    brings_nothing(&line);
    cr_assert_eq(port_now(line.port), 1000, "it does not wait");
    port_memory_set_clock(line.port, 5000);
    cr_assert_eq(port_now(line.port), 1000, "the time is read by a harvest");
    brings_nothing(&line);
    cr_assert_eq(port_now(line.port), 5000);
    cr_assert_eq(port_clock(line.port), 5000);
    finish(&line);
}

Test(port_memory, brings_mail)
{
    struct line line;
    struct mail mail;
    begin(&line);
    port_post(line.port, &mail);
    struct port_event event = only(&line);
    cr_assert_eq(event.kind, PORT_POSTED);
    cr_assert_eq(event.mail, &mail);
    finish(&line);
}

Test(port_memory, moves_many_bytes_both_ways_in_their_order)
{
    enum { SIZE = 100000, PIECE = 777 };
    struct line line;
    uint8_t bytes[PIECE];
    size_t said = 0, received = 0, sent = 0, heard = 0;
    begin(&line);
    port_recv_start(line.port, &line.socket);
    memory_peer_set_room(&line.peer, 1000);
    while (heard < SIZE) {
        size_t piece = said % 5 == 0 ? PIECE : 3;
        if (piece > SIZE - said) piece = SIZE - said;
        for (size_t i = 0; i < piece; i++) bytes[i] = (uint8_t)((said + i) * 31 >> 3);
        cr_assert(memory_peer_send(&line.peer, span_of(bytes, piece)));
        said += piece;
        static uint8_t queue[SIZE];
        if (!line.socket.sending && received > sent) {
            const struct span part = span_of(queue + sent, received - sent);
            port_send(line.port, &line.socket, &part, 1);
        }
        harvest(&line);
        for (int i = 0; i < line.count; i++) {
            const struct port_event *event = &line.events[i];
            cr_assert_eq(event->error, PORT_OK);
            if (event->kind == PORT_SENT) {
                sent += event->size;
                continue;
            }
            memcpy(queue + received, event->block->data, event->block->end);
            received += event->block->end;
            port_recv_done(line.port, event->block);
        }
        struct span got = span_first(memory_peer_received(&line.peer), 500);
        for (size_t i = 0; i < got.size; i++)
            cr_assert_eq(got.data[i], (uint8_t)((heard + i) * 31 >> 3));
        heard += got.size;
        memory_peer_take(&line.peer, got.size);
    }
    port_recv_stop(line.port, &line.socket);
    while (!port_idle(&line.socket)) harvest(&line);
    finish(&line);
}
