#include "frame/frame_protocols.h"

#include <criterion/criterion.h>

static struct frame_protocols protocols;
static struct error reason;

static bool add(const char *name, const char *spec)
{
    struct frame frame;
    cr_assert(frame_parse(&frame, spec, 1000, &reason), "%s", reason.text);
    reason.text[0] = '\0';
    return frame_protocols_add(&protocols, name, &frame, &reason);
}

static enum frame_kind kind_of(const char *name)
{
    const struct frame *frame = frame_protocols_find(&protocols, name);
    cr_assert_not_null(frame, "%s", name);
    return frame->kind;
}

Test(frame_protocols, each_name_has_its_framing)
{
    cr_assert(add("b", "line"));
    cr_assert(add("c", "raw"));
    cr_assert(add("a", "netstring"));
    cr_assert_eq(kind_of("a"), FRAME_NETSTRING);
    cr_assert_eq(kind_of("b"), FRAME_LINE);
    cr_assert_eq(kind_of("c"), FRAME_RAW);
    cr_assert_null(frame_protocols_find(&protocols, ""));
    cr_assert_null(frame_protocols_find(&protocols, "B"));
    cr_assert_null(frame_protocols_find(&protocols, "bc"));
}

Test(frame_protocols, they_are_the_same_in_whatever_order_they_come)
{
    add("b", "line");
    add("a", "raw");
    const struct frame_protocols one = protocols;
    protocols.count = 0;
    add("a", "raw");
    cr_assert_not(frame_protocols_are_same(&one, &protocols));
    add("b", "line");
    cr_assert(frame_protocols_are_same(&one, &protocols));
    protocols.count = 1;
    add("b", "netstring");
    cr_assert_not(frame_protocols_are_same(&one, &protocols));
    protocols.count = 1;
    add("c", "line");
    cr_assert_not(frame_protocols_are_same(&one, &protocols));
}

Test(frame_protocols, what_cannot_be_added_is_said)
{
    char name[300] = "";
    cr_assert_not(add("", "line"));
    cr_assert_not_null(strstr(reason.text, "1 to 255 bytes"));
    memset(name, 'x', 256);
    cr_assert_not(add(name, "line"));
    name[255] = '\0';
    cr_assert(add(name, "line"));
    cr_assert_not(add(name, "raw"));
    cr_assert_not_null(strstr(reason.text, "is there twice"));
    for (char more[] = "1"; protocols.count < FRAME_PROTOCOLS_MAX; more[0]++)
        cr_assert(add(more, "line"));
    cr_assert_not(add("9", "line"));
    cr_assert_not_null(strstr(reason.text, "at most 8 protocols"));
}
