/* deflate_offer.h - what a client and a server agree on about permessage-deflate (RFC 7692 section 7.1): reads the
 * client's offers, takes the first that can be served, and writes the answer. Owns nothing.
 *
 *     Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits, permessage-deflate      two offers
 *     Sec-WebSocket-Extensions: permessage-deflate; server_no_context_takeover                      an answer
 *
 * An offer is declined (7.1) if it has a parameter of another name, one twice, or one with a value that it cannot have:
 * none or any for *_no_context_takeover, 8 to 15 without leading zeros for *_max_window_bits, which the server's must
 * have and the client's may (7.1.2). So is one for a window of 8 bits, which zlib does not make.
 *
 * The answer has
 *
 *     server_no_context_takeover   if contexts are not to be kept, or the client wants it (7.1.1.1)
 *     client_no_context_takeover   if contexts are not to be kept, or the client says so (7.1.1.2)
 *     server_max_window_bits       if it was offered (7.1.2.1): ours, or what was offered, the smaller one
 *     client_max_window_bits       if it was offered, and the client keeps its context (7.1.2.2): as above. A client
 *                                  that does not offer it may use 15 bits. */
#ifndef MOONPORT_DEFLATE_OFFER_H
#define MOONPORT_DEFLATE_OFFER_H

#include "frame/http_head.h"

/* What the server wants. */
struct deflate_policy {
    bool takeover; /* contexts are kept from message to message */
    uint8_t bits;  /* of a window, 9 to 15 */
};

/* What was agreed on. */
struct deflate_terms {
    bool server_takeover, client_takeover; /* whose messages refer to earlier ones */
    uint8_t server_bits, client_bits;      /* of the windows, 9 to 15 */
};

enum { DEFLATE_ANSWER_MAX = 160 };

/* Reads one offer: an element of the field. False: it is none of permessage-deflate, or is declined. */
bool deflate_offer_read(struct span offer, const struct deflate_policy *policy,
                        struct deflate_terms *terms);

/* Takes the first that is not declined of all offers in the head. False: there is none. */
bool deflate_offer_choose(const struct http_head *head, const struct deflate_policy *policy,
                          struct deflate_terms *terms, char answer[DEFLATE_ANSWER_MAX]);

#endif
