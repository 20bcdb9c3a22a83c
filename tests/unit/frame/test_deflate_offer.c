/* What is agreed on about permessage-deflate: RFC 7692 section 7.1; the numbers in front are its sections. */
#include "frame/deflate_offer.h"

#include <criterion/criterion.h>
#include <stdlib.h>

static const struct deflate_policy each_alone = {.bits = 12},
                                   contexts = {.takeover = true, .bits = 12};
static struct deflate_terms terms;

/* What is answered to these fields of that name, or "-" if all is declined. Each ends where its allocation does. */
static const char *answer_to(const struct deflate_policy *policy, const char *const *values)
{
    static char answer[DEFLATE_ANSWER_MAX];
    static struct http_head head;
    head.field_count = 0;
    for (; *values != NULL; values++) {
        size_t size = strlen(*values);
        uint8_t *copy = malloc(size);
        if (size > 0) memcpy(copy, *values, size);
        head.fields[head.field_count++] = (struct http_field){
            .name = span_text("Sec-WebSocket-Extensions"), .value = span_of(copy, size)};
    }
    memset(answer, 'x', sizeof answer);
    bool agreed = deflate_offer_choose(&head, policy, &terms, answer);
    for (uint32_t i = 0; i < head.field_count; i++) free(head.fields[i].value.data);
    return agreed ? answer : "-";
}

static const char *answer(const struct deflate_policy *policy, const char *value)
{
    return answer_to(policy, (const char *const[]){value, NULL});
}

#define ALONE "permessage-deflate; server_no_context_takeover; client_no_context_takeover"

struct row {
    const char *section, *offer, *alone, *contexts;
};

static const struct row rows[] = {
    /* What clients send. */
    {"7.1.3", "permessage-deflate", ALONE, "permessage-deflate"},
    {"7.1.3", "permessage-deflate; client_max_window_bits", ALONE,
     "permessage-deflate; client_max_window_bits=12"},
    {"7.1.3",
     "permessage-deflate; client_max_window_bits; server_max_window_bits=10, permessage-deflate; "
     "client_max_window_bits",
     ALONE "; server_max_window_bits=10",
     "permessage-deflate; server_max_window_bits=10; client_max_window_bits=12"},
    {"-", "x-webkit-deflate-frame", "-", "-"},
    {"-", "", "-", "-"},

    /* Contexts. */
    {"7.1.1.1", "permessage-deflate; server_no_context_takeover", ALONE,
     "permessage-deflate; server_no_context_takeover"},
    {"7.1.1.1", "permessage-deflate; server_no_context_takeover=", "-", "-"},
    {"7.1.1.1", "permessage-deflate; server_no_context_takeover=1", "-", "-"},
    {"7.1.1.1", "permessage-deflate; server_no_context_takeover=10", "-", "-"},
    {"7.1.1.1", "permessage-deflate; server_no_context_takeover=true", "-", "-"},
    {"7.1.1.2", "permessage-deflate; client_no_context_takeover", ALONE,
     "permessage-deflate; client_no_context_takeover"},
    {"7.1.1.2", "permessage-deflate; client_no_context_takeover=0", "-", "-"},
    {"7.1.1.2", "permessage-deflate; client_no_context_takeover=12", "-", "-"},
    {"7.1.1", "permessage-deflate; client_no_context_takeover; server_no_context_takeover", ALONE,
     ALONE},

    /* The server's window. */
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=9", ALONE "; server_max_window_bits=9",
     "permessage-deflate; server_max_window_bits=9"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=11",
     ALONE "; server_max_window_bits=11", "permessage-deflate; server_max_window_bits=11"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=12",
     ALONE "; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=12"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=13",
     ALONE "; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=12"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=14",
     ALONE "; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=12"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=15",
     ALONE "; server_max_window_bits=12", "permessage-deflate; server_max_window_bits=12"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=8", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=7", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=16", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=09", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=+9", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=0xa", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=10.0", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=1", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=100", "-", "-"},
    {"7.1.2.1", "permessage-deflate; server_max_window_bits=4294967305", "-", "-"},

    /* The client's. */
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=9", ALONE,
     "permessage-deflate; client_max_window_bits=9"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=12", ALONE,
     "permessage-deflate; client_max_window_bits=12"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=15", ALONE,
     "permessage-deflate; client_max_window_bits=12"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits; client_no_context_takeover", ALONE,
     "permessage-deflate; client_no_context_takeover"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=8", "-", "-"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=", "-", "-"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=7", "-", "-"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=16", "-", "-"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=010", "-", "-"},
    {"7.1.2.2", "permessage-deflate; client_max_window_bits=on", "-", "-"},

    /* What is declined, and what comes behind it. */
    {"7.1", "permessage-deflate; level=9", "-", "-"},
    {"7.1", "permessage-deflate; server_max_window_bit=9", "-", "-"},
    {"7.1", "permessage-deflate; server_max_window_bits2=9", "-", "-"},
    {"7.1", "permessage-deflate; Server_no_context_takeover", "-", "-"},
    {"7.1", "permessage-deflate; client_max_window_bits; client_max_window_bits", "-", "-"},
    {"7.1", "permessage-deflate; server_max_window_bits=9; server_max_window_bits=9", "-", "-"},
    {"7.1", "permessage-deflate; server_no_context_takeover; server_no_context_takeover", "-", "-"},
    {"7.1", "permessage-deflate; client_no_context_takeover; client_no_context_takeover", "-", "-"},
    {"5", "permessage-deflate; level=9, permessage-deflate; client_no_context_takeover", ALONE,
     "permessage-deflate; client_no_context_takeover"},
    {"5", "permessage-deflate; server_max_window_bits=8, permessage-deflate", ALONE,
     "permessage-deflate"},
    {"5", "permessage-bzip2, , permessage-deflate;client_max_window_bits=10", ALONE,
     "permessage-deflate; client_max_window_bits=10"},
    {"5", "permessage-deflate; server_no_context_takeover, permessage-deflate", ALONE,
     "permessage-deflate; server_no_context_takeover"},
    {"5", "permessage-deflate2", "-", "-"},
    {"5", "permessage-deflat", "-", "-"},
    {"5", "permessage_deflate", "-", "-"},

    /* How it is written: RFC 6455 section 9.1. */
    {"9.1", "permessage-deflate;server_max_window_bits=10", ALONE "; server_max_window_bits=10",
     "permessage-deflate; server_max_window_bits=10"},
    {"9.1", " \tpermessage-deflate \t; \t server_max_window_bits = 10\t ",
     ALONE "; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"},
    {"9.1", "permessage-deflate; server_max_window_bits=\"10\"",
     ALONE "; server_max_window_bits=10", "permessage-deflate; server_max_window_bits=10"},
    {"9.1", "permessage-deflate; server_max_window_bits=\"10\"; client_no_context_takeover",
     ALONE "; server_max_window_bits=10",
     "permessage-deflate; client_no_context_takeover; server_max_window_bits=10"},
    {"9.1", "x; y=\"a, permessage-deflate; b\", z", "-", "-"},
    {"9.1", "permessage-deflate; server_max_window_bits=\"10", "-", "-"},
    {"9.1", "permessage-deflate; server_max_window_bits=\"", "-", "-"},
    {"9.1", "permessage-deflate; server_max_window_bits=\"\"", "-", "-"},
    {"9.1", "permessage-deflate; server_max_window_bits=\"10\"1", "-", "-"},
    {"9.1", "permessage-deflate; server_max_window_bits=10 11", "-", "-"},
    {"9.1", "permessage-deflate;", "-", "-"},
    {"9.1", "permessage-deflate; ;client_max_window_bits", "-", "-"},
    {"9.1", "permessage-deflate client_max_window_bits", "-", "-"},
    {"9.1", "permessage-deflate=1", "-", "-"},
    {"9.1", "permessage-deflate; =9", "-", "-"},
    {"9.1", "; permessage-deflate", "-", "-"},
    {"9.1", "permessage-deflate; client_max_window_bits==9", "-", "-"},
};

Test(deflate_offer, each_is_answered_as_it_should)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *row = &rows[i];
        const char *got = answer(&each_alone, row->offer);
        cr_assert(strcmp(got, row->alone) == 0, "%s, \"%s\": %s", row->section, row->offer, got);
        got = answer(&contexts, row->offer);
        cr_assert(strcmp(got, row->contexts) == 0, "%s, \"%s\", contexts: %s", row->section,
                  row->offer, got);
    }
}

Test(deflate_offer, the_terms_are_those_that_are_answered)
{
    answer(&each_alone, "permessage-deflate; client_max_window_bits=9; server_max_window_bits=10");
    cr_assert_not(terms.server_takeover);
    cr_assert_not(terms.client_takeover);
    cr_assert_eq(terms.server_bits, 10);
    cr_assert_eq(terms.client_bits, 15, "it is not told to take less");
    answer(&contexts, "permessage-deflate; client_max_window_bits=9; server_max_window_bits=15");
    cr_assert(terms.server_takeover);
    cr_assert(terms.client_takeover);
    cr_assert_eq(terms.server_bits, 12);
    cr_assert_eq(terms.client_bits, 9);
    answer(&contexts, "permessage-deflate; server_no_context_takeover");
    cr_assert_not(terms.server_takeover);
    cr_assert(terms.client_takeover);
    cr_assert_eq(terms.server_bits, 12);
    cr_assert_eq(terms.client_bits, 15, "it cannot be told to take less");
    answer(&contexts, "permessage-deflate; client_no_context_takeover; client_max_window_bits=9");
    cr_assert(terms.server_takeover);
    cr_assert_not(terms.client_takeover);
    cr_assert_eq(terms.client_bits, 15);
}

Test(deflate_offer, all_fields_of_that_name_are_one_list)
{
    cr_assert_str_eq(answer_to(&contexts, (const char *const[]){"x", "", "permessage-deflate; y",
                                                                "z, permessage-deflate", NULL}),
                     "permessage-deflate");
    cr_assert_str_eq(answer_to(&contexts, (const char *const[]){NULL}), "-");
}

Test(deflate_offer, fields_of_other_names_are_not_looked_at)
{
    struct http_head head = {.field_count = 2};
    char room[DEFLATE_ANSWER_MAX];
    head.fields[0] = (struct http_field){.name = span_text("Sec-WebSocket-Extension"),
                                         .value = span_text("permessage-deflate")};
    head.fields[1] =
        (struct http_field){.name = span_text("sec-websocket-EXTENSIONS"), .value = span_text("x")};
    cr_assert_not(deflate_offer_choose(&head, &contexts, &terms, room));
    head.fields[1].value = span_text("permessage-deflate; client_max_window_bits");
    cr_assert(deflate_offer_choose(&head, &contexts, &terms, room));
    cr_assert_str_eq(room, "permessage-deflate; client_max_window_bits=12");
}

Test(deflate_offer, the_longest_answer_fits)
{
    const struct deflate_policy wide = {.takeover = true, .bits = 15};
    cr_assert_str_eq(answer(&wide, "permessage-deflate; server_no_context_takeover; "
                                   "server_max_window_bits=15; client_max_window_bits=15"),
                     "permessage-deflate; server_no_context_takeover; "
                     "server_max_window_bits=15; client_max_window_bits=15");
    cr_assert(deflate_offer_read(span_text("permessage-deflate"), &wide, &terms));
    cr_assert_eq(terms.server_bits, 15);
    cr_assert_not(deflate_offer_read(span_text("permessage-deflate, x"), &wide, &terms));
}
