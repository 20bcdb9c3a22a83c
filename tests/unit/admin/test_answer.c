#include "admin/answer.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

static struct admin_answer answer;
static struct admin_request request;

static const char *body(void)
{
    cr_assert_not(answer.failed);
    cr_assert(buffer_add(&answer.body, "%c", '\0'));
    return (const char *)answer.body.data;
}

static void ask(const char *query)
{
    request = (struct admin_request){.wants_json = false};
    snprintf(request.query, sizeof request.query, "%s", query);
}

Test(answer, a_result_is_text_or_json)
{
    ask("");
    answer_result(&answer, &request, true, "done\n");
    cr_assert_eq(answer.status, 200);
    cr_assert_str_eq(answer.type, answer_text);
    cr_assert_str_eq(body(), "done\n");
    free(answer.body.data);
    answer = (struct admin_answer){.status = 0};
    request.wants_json = true;
    answer_result(&answer, &request, false, "no \"luck\"\n");
    cr_assert_eq(answer.status, 409);
    cr_assert_str_eq(answer.type, answer_json);
    cr_assert_str_eq(body(), "{\"ok\":false,\"text\":\"no \\\"luck\\\"\\n\"}");
    free(answer.body.data);
}

Test(answer, a_refusal_is_a_line)
{
    answer_refusal(&answer, 403, "no");
    cr_assert_eq(answer.status, 403);
    cr_assert_str_eq(answer.type, answer_text);
    cr_assert_str_eq(body(), "no\n");
    free(answer.body.data);
}

Test(answer, what_is_added_stands_behind_what_was_there)
{
    char text[2000];
    answer_add(&answer, "%s %d\n", "one", 1);
    answer_add(&answer, "two\n");
    cr_assert_str_eq(body(), "one 1\ntwo\n");
    answer.body.end = 0;
    memset(text, 'x', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    answer_add(&answer, "%s", text);
    cr_assert_eq(buffer_size(&answer.body), 1023, "the longest piece");
    free(answer.body.data);
}

Test(answer, a_parameter_is_decoded)
{
    char value[8] = "before";
    ask("a=1&filter=10%2E1+x&b=2");
    cr_assert(request_parameter(&request, "filter", value, sizeof value));
    cr_assert_str_eq(value, "10.1 x");
}

Test(answer, without_a_parameter_the_value_stays)
{
    char value[8] = "before";
    uint64_t number = 100;
    ask("a=1");
    cr_assert(request_parameter(&request, "filter", value, sizeof value));
    cr_assert_str_eq(value, "before");
    cr_assert(request_number(&request, "limit", &number));
    cr_assert_eq(number, 100);
}

/* It must not be answered as if it was not there. */
Test(answer, a_parameter_that_is_wrong_is_told_from_one_that_is_missing)
{
    static const char *const wrong[] = {"filter=12345678", "filter=%zz", "filter=1&filter=2",
                                        "filter=%00"};
    char value[8];
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ask(wrong[i]);
        cr_assert_not(request_parameter(&request, "filter", value, sizeof value), "%s", wrong[i]);
    }
    ask("filter=1234567");
    cr_assert(request_parameter(&request, "filter", value, sizeof value));
}

Test(answer, a_number_is_not_negative)
{
    static const char *const wrong[] = {"limit=",
                                        "limit=-1",
                                        "limit=x",
                                        "limit=1x",
                                        "limit=1.5",
                                        "limit=1&limit=1",
                                        "limit=99999999999999999999"};
    uint64_t number = 7;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        ask(wrong[i]);
        cr_assert_not(request_number(&request, "limit", &number), "%s", wrong[i]);
        cr_assert_eq(number, 7);
    }
    ask("limit=0");
    cr_assert(request_number(&request, "limit", &number));
    cr_assert_eq(number, 0);
    ask("limit=4503599627370497");
    cr_assert(request_number(&request, "limit", &number));
    cr_assert_eq(number, UINT64_C(4503599627370497));
}
