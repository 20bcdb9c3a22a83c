/* test_client.h - a client of a test (test.connect): its end of the connection, and the table in which a test sees what has
 * come. It answers by itself what a client of its framing must. */
#ifndef MOONPORT_TEST_CLIENT_H
#define MOONPORT_TEST_CLIENT_H

#include "commands/client_end.h"
#include "run/runtime.h"
#include "server/offline.h"

#define TEST_CLIENT_META "moonport.test.client"

struct test_client {
    struct offline_peer *peer;
    struct runtime *runtime; /* the test's */
    int table;               /* in the registry: the test's conn */
    struct client_end end;
    struct buffer unsent;
    const char *why; /* the server has broken the protocol; static; NULL: it has not */
    bool failed;     /* no memory */
    bool finished;   /* the client has closed or reset the connection itself */
};

/* The client connects from that address (NULL: any) to the listener, asks for what a WebSocket has to ask for, and has its
 * table. `asking`: without host; a path that is NULL is that of the listener. */
bool test_client_open(struct test_client *client, int number, struct offline *offline,
                      uint32_t listener, const struct address *from,
                      struct websocket_asking *asking, struct error *error);

/* Lets go of it, before the server ends. */
void test_client_close(struct test_client *client);

/* Updates the table with what has come. False: the server has broken the protocol, or there is no memory. */
bool test_client_update(struct test_client *client, struct error *error);

/* Only when client->end.is_open. */
bool test_client_send(struct test_client *client, struct span packet, enum packet_kind kind,
                      struct error *error);

/* The client sends no more: a WebSocket says goodbye (code WS_NO_CODE: without one), others end the stream. */
bool test_client_finish(struct test_client *client, uint16_t code, struct span reason,
                        struct error *error);

#endif
