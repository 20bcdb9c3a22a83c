/* Messages: fragments (RFC 6455 section 5.4), control frames between them (5.5), and text that is UTF-8 (5.6, 8.1). */
#include "websocket_try.h"

Test(websocket_message, fragments)
{
    static const struct ws_case rows[] = {
        {"5.7", "t-:Hel c:lo", "t:Hello"},
        {"5.4", "t-:a c-:b c:c", "t:abc"},
        {"5.4", "b-:a c-:b c:c", "b:abc"},
        {"5.4", "t-: c:Hello", "t:Hello"},
        {"5.4", "t-:Hello c:", "t:Hello"},
        {"5.4", "t-:Hel c-: c-: c:lo", "t:Hello"},
        {"5.4", "t-: c:", "t:"},
        {"5.4", "b-: c-: c-: c:", "b:"},
        {"5.4", "b-:%ff c:%fe", "b:\xff\xfe"},
        {"5.4", "t-:a c:b t-:c c:d", "t:ab t:cd"},
        {"5.4", "t-:a c:b t:whole b-:c c:d", "t:ab t:whole b:cd"},
        {"5.4", "t-:a c:b b:", "t:ab b:"},
        {"5.4", "t: t-: c: t-: c:a", "t: t: t:a"},
        {"5.4", "b-:x*300 c-:x*300 c:x*300", "b:x*900"},
        {"5.4", "b-:x c-:x*255 c-:x c-:x*256 c:x", "b:x*514"},
        {"5.4", "t-:a", ""},
        {"5.4", "t-:a c-:b", ""},
        {"5.4", "t-:a c=5:b", ""},
    };
    WS_TRY(rows);
}

Test(websocket_message, fragments_out_of_order)
{
    static const struct ws_case rows[] = {
        {"5.4", "c:x", "!1002 no message was begun"},
        {"5.4", "c:", "!1002 no message was begun"},
        {"5.4", "c-:x", "!1002 no message was begun"},
        {"5.4", "t:a c:b", "t:a !1002 no message was begun"},
        {"5.4", "t-:a c:b c:c", "t:ab !1002 no message was begun"},
        {"5.4", "t-: c: c-:", "t: !1002 no message was begun"},
        {"5.4", "p: c:", ">o: !1002 no message was begun"},
        {"5.4", "t-:a t:b", "!1002 before the last one has ended"},
        {"5.4", "t-:a b:b", "!1002 before the last one has ended"},
        {"5.4", "t-:a t-:b", "!1002 before the last one has ended"},
        {"5.4", "b-:a b:b", "!1002 before the last one has ended"},
        {"5.4", "b-:a t:b", "!1002 before the last one has ended"},
        {"5.4", "t-: t:", "!1002 before the last one has ended"},
        {"5.4", "t-:a c-:b t:c", "!1002 before the last one has ended"},
        {"5.4", "t-:a p:1 b:c", ">o:1 !1002 before the last one has ended"},
    };
    WS_TRY(rows);
}

Test(websocket_message, control_frames_between_fragments)
{
    static const struct ws_case rows[] = {
        {"5.4", "t-:a p:1 c:b", ">o:1 t:ab"},
        {"5.4", "t-:a o:1 c:b", "t:ab"},
        {"5.4", "t-:a p:1 p:2 c-:b p:3 c:c p:4", ">o:1 >o:2 >o:3 t:abc >o:4"},
        {"5.4", "t-: p: c:", ">o: t:"},
        {"5.4", "b-:a p:%ff c:b",
         ">o:\xff b:"
         "ab"},
        {"5.4", "t-:a x.1000: c:b", ">x.1000: =1000"},
        {"5.4", "t-:a x: c:b", ">x: =1005"},
        {"5.4", "b-:x*500 p:y*125 c:x*500", ">o:y*125 b:x*1000"},
    };
    WS_TRY(rows);
}

/* Section 5.5: "MUST have a payload length of 125 bytes or less and MUST NOT be fragmented". */
Test(websocket_message, control_frames)
{
    static const struct ws_case rows[] = {
        {"5.5.2", "p:", ">o:"},
        {"5.5.2", "p:Hello", ">o:Hello"},
        {"5.5.3", "p:%00%ff%80", ">o:%00\xff\x80"},
        {"5.5.3", "p:x*124", ">o:x*124"},
        {"5.5.3", "p:x*125", ">o:x*125"},
        {"5.5.3", "p:1 p:2 p:3", ">o:1 >o:2 >o:3"},
        {"5.5.3", "p:1 t:a p:2 b:b", ">o:1 t:a >o:2 b:b"},
        {"5.5.3", "o:", ""},
        {"5.5.3", "o:unasked", ""},
        {"5.5.3", "o:x*125 o: t:a", "t:a"},
        {"5.5.2", "p=5:Hell", ""},
        {"5.5", "p:x*126", "!1002 more than 125"},
        {"5.5", "o:x*126", "!1002 more than 125"},
        {"5.5", "x.1000:x*124", "!1002 more than 125"},
        {"5.5", "p~2:x", "!1002 more than 125"},
        {"5.5", "p~8:x", "!1002 more than 125"},
        {"5.5", "x~2:", "!1002 more than 125"},
        {"5.5", "p:x*70000", "!1002 more than 125"},
        {"5.5", "$89fe", "!1002 more than 125"},
        {"5.5", "$88ff", "!1002 more than 125"},
        {"5.5", "p-:", "!1002 fragmented"},
        {"5.5", "o-:x", "!1002 fragmented"},
        {"5.5", "x-:", "!1002 fragmented"},
        {"5.5", "x-.1000:", "!1002 fragmented"},
        {"5.4", "t-:a p-:b c:c", "!1002 fragmented"},
        {"5.5", "$09", "!1002 fragmented"},
    };
    WS_TRY(rows);
}

/* Section 5.6, and RFC 3629 sections 3 and 4: the first and the last of each length. */
Test(websocket_message, text_that_is_utf_8)
{
    static const struct ws_case rows[] = {
        {"5.6", "t:%00", "t:%00"},
        {"5.6", "t:%7f", "t:%7f"},
        {"5.6", "t:\xc2\x80", "t:\xc2\x80"},
        {"5.6", "t:\xdf\xbf", "t:\xdf\xbf"},
        {"5.6", "t:\xe0\xa0\x80", "t:\xe0\xa0\x80"},
        {"5.6", "t:\xed\x9f\xbf", "t:\xed\x9f\xbf"},
        {"5.6", "t:\xee\x80\x80", "t:\xee\x80\x80"},
        {"5.6", "t:\xef\xbb\xbf", "t:\xef\xbb\xbf"},
        {"5.6", "t:\xef\xbf\xbf", "t:\xef\xbf\xbf"},
        {"5.6", "t:\xf0\x90\x80\x80", "t:\xf0\x90\x80\x80"},
        {"5.6", "t:\xf4\x8f\xbf\xbf", "t:\xf4\x8f\xbf\xbf"},
        {"5.6", "t:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5",
         "t:\xce\xba\xe1\xbd\xb9\xcf\x83\xce\xbc\xce\xb5"},
        {"5.6", "t:0123456789abcde\xc3\xa4 t:0123456789abcdef\xe2\x82\xac",
         "t:0123456789abcde\xc3\xa4 t:0123456789abcdef\xe2\x82\xac"},
        {"5.6", "b:%ff", "b:\xff"},
        {"5.6", "b:\xc3", "b:\xc3"},
        {"5.6", "b-:\xc3 c:\xc3", "b:\xc3\xc3"},
        {"5.6", "b:\xc3 t:a", "b:\xc3 t:a"},
    };
    WS_TRY(rows);
}

/* Section 8.1: "MUST _Fail the WebSocket Connection_", at once and not only when the message has ended. */
Test(websocket_message, text_that_is_not_utf_8)
{
    static const struct ws_case rows[] = {
        {"8.1", "t:%80", "!1007 not UTF-8"},
        {"8.1", "t:%bf", "!1007"},
        {"8.1", "t:%c0%80", "!1007"},
        {"8.1", "t:%c1%bf", "!1007"},
        {"8.1", "t:%e0%80%80", "!1007"},
        {"8.1", "t:%e0%9f%bf", "!1007"},
        {"8.1", "t:%ed%a0%80", "!1007"},
        {"8.1", "t:%ed%bf%bf", "!1007"},
        {"8.1", "t:%f0%80%80%80", "!1007"},
        {"8.1", "t:%f0%8f%bf%bf", "!1007"},
        {"8.1", "t:%f4%90%80%80", "!1007"},
        {"8.1", "t:%f5%80%80%80", "!1007"},
        {"8.1", "t:%f8%88%80%80%80", "!1007"},
        {"8.1", "t:%fe", "!1007"},
        {"8.1", "t:%ff", "!1007"},
        {"8.1", "t:%c3(", "!1007"},
        {"8.1", "t:%e2(%a1", "!1007"},
        {"8.1", "t:%e2%82(", "!1007"},
        {"8.1", "t:%f0%9f%98(", "!1007"},
        {"8.1", "t:%c3%a4%a4", "!1007"},
        {"8.1", "t:%c3", "!1007 within a character"},
        {"8.1", "t:%e2%82", "!1007 within a character"},
        {"8.1", "t:%f0%9f%98", "!1007 within a character"},
        {"8.1", "t:whole%f0", "!1007 within a character"},
        {"8.1", "t:%ff123456789abcdef0123456789abcdef", "!1007"},
        {"8.1", "t:0123456%ff89abcdef0123456789abcdef", "!1007"},
        {"8.1", "t:0123456789abcde%ff0123456789abcdef", "!1007"},
        {"8.1", "t:0123456789abcdef%ff123456789abcdef", "!1007"},
        {"8.1", "t:0123456789abcdef0123456789abcde%ff", "!1007"},
        {"8.1", "t:0123456789abcdef0123456789abcdef%ff", "!1007"},
        {"8.1", "t:good t:%ff t:good", "t:good !1007"},
        {"8.1", "t=900:begins%ff", "!1007"},
        {"8.1", "t-:%ff", "!1007"},
        {"8.1", "t-:a c-:%ff", "!1007"},
        {"8.1", "t-:a c=900:%ff", "!1007"},
        {"8.1", "t-:a p:1 c:%ff", ">o:1 !1007"},
    };
    WS_TRY(rows);
}

Test(websocket_message, characters_over_fragments)
{
    static const struct ws_case rows[] = {
        {"5.6", "t-:%c3 c:%a4", "t:\xc3\xa4"},
        {"5.6", "t-:%e2 c:%82%ac", "t:\xe2\x82\xac"},
        {"5.6", "t-:%e2%82 c:%ac", "t:\xe2\x82\xac"},
        {"5.6", "t-:%e2 c-:%82 c:%ac", "t:\xe2\x82\xac"},
        {"5.6", "t-:%f0 c-:%9f c-:%98 c:%80", "t:\xf0\x9f\x98\x80"},
        {"5.6", "t-:%f0%9f c:%98%80", "t:\xf0\x9f\x98\x80"},
        {"5.6", "t-:%c3 c-: c:%a4", "t:\xc3\xa4"},
        {"5.6", "t-:%c3 p:%ff c:%a4", ">o:\xff t:\xc3\xa4"},
        {"5.6", "t-: c-:%c3 c:%a4", "t:\xc3\xa4"},
        {"8.1", "t-:%c3 c:", "!1007 within a character"},
        {"8.1", "t-:a c:%c3", "!1007 within a character"},
        {"8.1", "t-:%c3 c:a", "!1007 not UTF-8"},
        {"8.1", "t-:%e2%82 c:%e2", "!1007 not UTF-8"},
        {"8.1", "t-:%ed c:%a0%80", "!1007 not UTF-8"},
        {"8.1", "t-:%f4 c:%90%80%80", "!1007 not UTF-8"},
        {"8.1", "t-:%c3 c-:%a4 c:%a4", "!1007 not UTF-8"},
        {"5.6", "t-:%c3 c:%a4 t:%c3%a4", "t:\xc3\xa4 t:\xc3\xa4"},
    };
    WS_TRY(rows);
}
