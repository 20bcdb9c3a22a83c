/* Offers of permessage-deflate, in one field or several:
 *
 *     input:  contexts, window | values of fields, up to a NUL each
 */
#include "frame/deflate.h"
#include "frame/deflate_offer.h"
#include "fuzz_input.h"

#include <stdio.h>

enum { FIELDS = 4 };

static void check_terms(const struct deflate_terms *terms, const struct deflate_policy *policy)
{
    check(terms->server_bits >= DEFLATE_BITS_MIN);
    check(terms->server_bits <= policy->bits);
    check(terms->client_bits >= DEFLATE_BITS_MIN);
    check(terms->client_bits <= DEFLATE_BITS_MAX);
    check(policy->takeover || !(terms->server_takeover || terms->client_takeover));
}

/* The answer, taken for an offer, is one that is answered with itself. */
static void check_again(const char *answer, const struct deflate_policy *policy)
{
    char again[DEFLATE_ANSWER_MAX];
    struct deflate_terms terms;
    struct http_head head = {.field_count = 1};
    head.fields[0].name = span_text("sec-websocket-extensions");
    head.fields[0].value = span_text(answer);
    check(deflate_offer_choose(&head, policy, &terms, again));
    check(strcmp(again, answer) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span input = span_of(data, size);
    static struct http_head head;
    char answer[DEFLATE_ANSWER_MAX];
    struct deflate_terms terms, one;
    struct deflate_policy policy = {.takeover = fuzz_byte(&input) & 1};
    policy.bits = (uint8_t)(DEFLATE_BITS_MIN + fuzz_byte(&input) % 7);
    head.field_count = 0;
    while (input.size > 0 && head.field_count < FIELDS)
        head.fields[head.field_count++] =
            (struct http_field){.name = span_text("Sec-WebSocket-Extensions"),
                                .value = fuzz_copy(fuzz_until(&input, '\0'))};

    bool agreed = deflate_offer_choose(&head, &policy, &terms, answer), found = false;
    for (uint32_t i = 0; i < head.field_count && !found; i++) {
        struct span list = head.fields[i].value, element;
        while (!found && http_list_next(&list, &element))
            found = deflate_offer_read(element, &policy, &one);
    }
    check(found == agreed);
    if (agreed) {
        check_terms(&terms, &policy);
        check(one.server_bits == terms.server_bits);
        check(one.client_bits == terms.client_bits);
        check(one.server_takeover == terms.server_takeover);
        check(one.client_takeover == terms.client_takeover);
        check(memchr(answer, '\0', sizeof answer) != NULL);
        check_again(answer, &policy);
    }
    for (uint32_t i = 0; i < head.field_count; i++) free(head.fields[i].value.data);
    return 0;
}
