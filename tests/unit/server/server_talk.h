/* server_talk.h - a server on a port of its own, and clients who talk to it in packets with a length
 * in front. For tests of the whole engine on real sockets. */
#ifndef MOONPORT_SERVER_TALK_H
#define MOONPORT_SERVER_TALK_H

#include "config_try.h"
#include "peer.h"
#include "server.h"

#include <criterion/criterion.h>

static inline struct config config_of(const char *address)
{
    struct config config = fresh();
    struct error error;
    log_set_level(LOG_ERROR);
    cr_assert_not_null(config_add_listener(&config, address, &error), "%s", error.text);
    set(&config, "workers", "2");
    set(&config, "log", "error");
    finish(&config);
    return config;
}

static inline struct server *begin(const struct config *config, const struct script *script)
{
    struct error error;
    struct server *server = server_start(config, script, &error);
    cr_assert_not_null(server, "%s", error.text);
    return server;
}

static inline intptr_t connect_to(const struct server *server)
{
    struct address address;
    cr_assert(server_address(server, 0, &address));
    return peer_connect(address.port);
}

static inline void put(intptr_t client, const char *text)
{
    uint8_t size = (uint8_t)strlen(text);
    uint8_t header[4] = {(uint8_t)(size + 4)};
    peer_send(client, header, 4);
    peer_send(client, text, size);
}

static inline void expect(intptr_t client, const char *text)
{
    char bytes[64] = "";
    peer_receive_all(client, bytes, 4 + strlen(text));
    cr_assert_str_eq(bytes + 4, text);
}

#endif
