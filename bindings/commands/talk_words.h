/* talk_words.h - what the command line of `moonport talk` says. */
#ifndef MOONPORT_TALK_WORDS_H
#define MOONPORT_TALK_WORDS_H

#include "base/address.h"
#include "commands/talk_tls.h"
#include "commands/talk_url.h"
#include "frame/frame.h"
#include "frame/websocket_client.h"

struct talk_words {
    bool help;
    struct address address;
    struct frame frame;
    bool is_tls;
    struct talk_url url;            /* of an address with a scheme */
    struct websocket_asking asking; /* WebSocket only; leads into url and the words */
    struct talk_tls_asking tls;     /* TLS only; the same */
    char headers[2048];
};

/* words[0] is "talk", its arguments follow. With `help`, nothing else is set. */
bool talk_words_read(int count, char **words, struct talk_words *read, struct error *error);

void talk_words_help(void);

#endif
