/* talk_words.h - what the command line of `moonport talk` says. */
#ifndef MOONPORT_TALK_WORDS_H
#define MOONPORT_TALK_WORDS_H

#include "base/address.h"
#include "commands/talk_url.h"
#include "frame/frame.h"
#include "frame/websocket_client.h"

struct talk_words {
    bool help;
    struct address address;
    struct frame frame;
    struct talk_url url;            /* WebSocket only */
    struct websocket_asking asking; /* the same; leads into url and the words */
    char headers[2048];
};

/* words[0] is "talk", its arguments follow. With `help`, nothing else is set. */
bool talk_words_read(int count, char **words, struct talk_words *read, struct error *error);

void talk_words_help(void);

#endif
