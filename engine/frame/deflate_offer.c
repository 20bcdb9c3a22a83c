#include "frame/deflate_offer.h"

#include "base/text.h"
#include "frame/deflate.h"
#include "frame/http_text.h"

enum parameter {
    SERVER_NO_TAKEOVER,
    CLIENT_NO_TAKEOVER,
    SERVER_BITS,
    CLIENT_BITS,
    PARAMETERS,
};

static const char *const names[PARAMETERS] = {
    [SERVER_NO_TAKEOVER] = "server_no_context_takeover",
    [CLIENT_NO_TAKEOVER] = "client_no_context_takeover",
    [SERVER_BITS] = "server_max_window_bits",
    [CLIENT_BITS] = "client_max_window_bits",
};

struct offered {
    bool has[PARAMETERS];
    uint8_t bits[PARAMETERS]; /* 0: without a value */
};

/* ---- the grammar: RFC 6455 section 9.1 ---- */

/* Takes a token off the front, and blanks around it; size 0: there is none. */
static struct span take_token(struct span *text)
{
    size_t size = 0;
    *text = http_trim(*text);
    while (size < text->size && http_is_token(text->data[size])) size++;
    struct span token = span_first(*text, size);
    *text = http_trim(span_skip(*text, size));
    return token;
}

/* A quoted value is a token, too, once its quotes are gone. No value that is known has an escape in it. */
static struct span take_value(struct span *text)
{
    *text = http_trim(*text);
    if (text->size == 0 || text->data[0] != '"') return take_token(text);
    size_t size = http_span_until(span_skip(*text, 1), '"');
    struct span value = span_of(text->data + 1, size);
    bool closed = size + 2 <= text->size;
    *text = closed ? http_trim(span_skip(*text, size + 2)) : *text;
    return closed ? value : span_of(NULL, 0);
}

static bool take(struct span *text, uint8_t byte)
{
    if (text->size == 0 || text->data[0] != byte) return false;
    *text = span_skip(*text, 1);
    return true;
}

/* ---- parameters: RFC 7692 sections 7.1.1, 7.1.2 ---- */

/* 8 to 15, without leading zeros; 0: it is not. */
static uint8_t read_bits(struct span value)
{
    static const char *const numbers[] = {"8", "9", "10", "11", "12", "13", "14", "15"};
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        if (http_is(value, numbers[i])) return (uint8_t)(8 + i);
    return 0;
}

static int find(struct span name)
{
    int parameter = 0;
    while (parameter < PARAMETERS && !http_is(name, names[parameter])) parameter++;
    return parameter;
}

static bool read_parameter(struct span *text, struct offered *offered)
{
    int parameter = find(take_token(text));
    if (parameter == PARAMETERS || offered->has[parameter]) return false;
    offered->has[parameter] = true;
    if (!take(text, '=')) return parameter != SERVER_BITS;
    offered->bits[parameter] = read_bits(take_value(text));
    return parameter >= SERVER_BITS && offered->bits[parameter] >= DEFLATE_BITS_MIN;
}

static bool read_offer(struct span text, struct offered *offered)
{
    if (!http_is(take_token(&text), "permessage-deflate")) return false;
    while (text.size > 0)
        if (!take(&text, ';') || !read_parameter(&text, offered)) return false;
    return true;
}

/* ---- what is agreed on ---- */

static uint8_t lesser(uint8_t ours, uint8_t theirs)
{
    return theirs != 0 && theirs < ours ? theirs : ours;
}

static struct deflate_terms agree(const struct offered *offered,
                                  const struct deflate_policy *policy)
{
    struct deflate_terms terms = {
        .server_takeover = policy->takeover && !offered->has[SERVER_NO_TAKEOVER],
        .client_takeover = policy->takeover && !offered->has[CLIENT_NO_TAKEOVER],
        .server_bits = lesser(policy->bits, offered->bits[SERVER_BITS]),
        .client_bits = DEFLATE_BITS_MAX,
    };
    if (terms.client_takeover && offered->has[CLIENT_BITS])
        terms.client_bits = lesser(policy->bits, offered->bits[CLIENT_BITS]);
    return terms;
}

static void write_answer(const struct offered *offered, const struct deflate_terms *terms,
                         char answer[DEFLATE_ANSWER_MAX])
{
    struct text text = text_in(answer, DEFLATE_ANSWER_MAX);
    text_add(&text, "permessage-deflate");
    if (!terms->server_takeover) text_add(&text, "; %s", names[SERVER_NO_TAKEOVER]);
    if (!terms->client_takeover) text_add(&text, "; %s", names[CLIENT_NO_TAKEOVER]);
    if (offered->has[SERVER_BITS])
        text_add(&text, "; %s=%u", names[SERVER_BITS], terms->server_bits);
    if (offered->has[CLIENT_BITS] && terms->client_takeover)
        text_add(&text, "; %s=%u", names[CLIENT_BITS], terms->client_bits);
    check(!text.cut);
}

bool deflate_offer_read(struct span offer, const struct deflate_policy *policy,
                        struct deflate_terms *terms)
{
    struct offered offered = {.has = {false}};
    if (!read_offer(offer, &offered)) return false;
    *terms = agree(&offered, policy);
    return true;
}

static bool choose(struct span list, const struct deflate_policy *policy,
                   struct deflate_terms *terms, char answer[DEFLATE_ANSWER_MAX])
{
    struct span element;
    while (http_list_next(&list, &element)) {
        struct offered offered = {.has = {false}};
        if (!read_offer(element, &offered)) continue;
        *terms = agree(&offered, policy);
        write_answer(&offered, terms, answer);
        return true;
    }
    return false;
}

bool deflate_offer_choose(const struct http_head *head, const struct deflate_policy *policy,
                          struct deflate_terms *terms, char answer[DEFLATE_ANSWER_MAX])
{
    for (uint32_t i = 0; i < head->field_count; i++) {
        const struct http_field *field = &head->fields[i];
        if (http_is_like(field->name, "sec-websocket-extensions") &&
            choose(field->value, policy, terms, answer))
            return true;
    }
    return false;
}
