/* What a client's frames must be (RFC 6455 sections 5.1 to 5.3, 5.5, 5.6): each alone. */
#include "websocket_try.h"

Test(websocket_framing, a_message_of_one_frame)
{
    static const struct ws_case rows[] = {
        {"5.7", "t:Hello", "t:Hello"},
        {"5.7", "$818537fa213d7f9f4d5158", "t:Hello"},
        {"5.6", "b:Hello", "b:Hello"},
        {"5.6", "b:%00%01%fe%ff", "b:%00%01\xfe\xff"},
        {"5.2", "t:", "t:"},
        {"5.2", "b:", "b:"},
        {"5.2", "t:a t:b b:c", "t:a t:b b:c"},
        {"5.2", "t: t: b:", "t: t: b:"},
        {"5.2", "t:x*700 t:y", "t:x*700 t:y"},
        {"5.2", "$", ""},
        {"5.2", "$81", ""},
        {"5.2", "$8185", ""},
        {"5.2", "$818537fa21", ""},
        {"5.2", "t=5:Hell", ""},
        {"5.2", "t:whole t=5:Hell", "t:whole"},
    };
    WS_TRY(rows);
}

/* Section 5.2: "the minimal number of bytes MUST be used to encode the length". */
Test(websocket_framing, lengths)
{
    static const struct ws_case rows[] = {
        {"5.2", "b:x", "b:x"},
        {"5.2", "b:x*124", "b:x*124"},
        {"5.2", "b:x*125", "b:x*125"},
        {"5.2", "b:x*126", "b:x*126"},
        {"5.2", "b:x*127", "b:x*127"},
        {"5.2", "b:x*128", "b:x*128"},
        {"5.2", "b:x*255", "b:x*255"},
        {"5.2", "b:x*256", "b:x*256"},
        {"5.2", "t:x*125 t:x*126", "t:x*125 t:x*126"},
        {"5.2", "b~2:", "!1002 longer than it has to be"},
        {"5.2", "b~2:x", "!1002 longer than it has to be"},
        {"5.2", "b~2:x*125", "!1002 longer than it has to be"},
        {"5.2", "b~8:", "!1002 longer than it has to be"},
        {"5.2", "b~8:x*126", "!1002 longer than it has to be"},
        {"5.2", "t~2:Hello", "!1002 longer than it has to be"},
        {"5.2", "t-:a c~2:b", "!1002 longer than it has to be"},
        {"5.2", "b~8=65535:", "!1002 longer than it has to be"},
        {"5.2", "b=9223372036854775808:", "!1002 top bit"},
        {"5.2", "b=18446744073709551615:", "!1002 top bit"},
        {"5.2", "t=9223372036854775808:", "!1002 top bit"},
        {"5.2", "$82ff", ""},
        {"5.2", "$82ff80000000000000", ""},
    };
    WS_TRY(rows);
}

Test(websocket_framing, large_lengths)
{
    static const struct ws_case rows[] = {
        {"5.2", "b:x*65534", "b:x*65534"},   {"5.2", "b:x*65535", "b:x*65535"},
        {"5.2", "b:x*65536", "b:x*65536"},   {"5.2", "b:x*65537", "b:x*65537"},
        {"5.2", "t:x*65536", "t:x*65536"},   {"5.2", "t:x*99999 p:1", "t:x*99999 >o:1"},
        {"5.2", "b:x*100000", "b:x*100000"},
    };
    WS_TRY_WITH("websocket", 100000, rows);
}

/* Section 5.1: "a client MUST mask all frames", "The server MUST close the connection upon receiving a frame that is not
 * masked". */
Test(websocket_framing, frames_without_a_mask)
{
    static const struct ws_case rows[] = {
        {"5.1", "t!:Hello", "!1002 not masked"},     {"5.1", "b!:Hello", "!1002 not masked"},
        {"5.1", "t!:", "!1002 not masked"},          {"5.1", "b!:", "!1002 not masked"},
        {"5.1", "p!:", "!1002 not masked"},          {"5.1", "p!:1", "!1002 not masked"},
        {"5.1", "o!:1", "!1002 not masked"},         {"5.1", "x!:", "!1002 not masked"},
        {"5.1", "x!.1000:bye", "!1002 not masked"},  {"5.1", "b!:x*300", "!1002 not masked"},
        {"5.1", "t-:a c!:b", "!1002 not masked"},    {"5.1", "t-:a p!:b", "!1002 not masked"},
        {"5.1", "t:a t!:b", "t:a !1002 not masked"}, {"5.1", "p:1 b!:b", ">o:1 !1002 not masked"},
        {"5.1", "b!=1000000:", "!1002 not masked"},
    };
    WS_TRY(rows);
}

/* Section 5.3: octet i is masked with octet i MOD 4 of the key. */
Test(websocket_framing, masks)
{
    static const struct ws_case rows[] = {
        {"5.3", "t&00000000:Hello", "t:Hello"},
        {"5.3", "t&ffffffff:Hello", "t:Hello"},
        {"5.3", "t&01020304:1", "t:1"},
        {"5.3", "t&01020304:12", "t:12"},
        {"5.3", "t&01020304:123", "t:123"},
        {"5.3", "t&01020304:1234", "t:1234"},
        {"5.3", "t&01020304:12345", "t:12345"},
        {"5.3", "t&a1b2c3d4:1234567", "t:1234567"},
        {"5.3", "t&a1b2c3d4:12345678", "t:12345678"},
        {"5.3", "t&a1b2c3d4:123456789", "t:123456789"},
        {"5.3", "t&a1b2c3d4:0123456789abcdef", "t:0123456789abcdef"},
        {"5.3", "t&a1b2c3d4:0123456789abcdef0123456789abcdef-",
         "t:0123456789abcdef0123456789abcdef-"},
        {"5.3", "b&a1b2c3d4:x*67", "b:x*67"},
        {"5.3", "t&01020304:one t&05060708:two t&090a0b0c:three", "t:one t:two t:three"},
        {"5.3", "t-&01020304:on c-&05060708:e,t c&090a0b0c:wo", "t:one,two"},
        {"5.3", "t-&01020304:on p&05060708:? c&090a0b0c:e", ">o:? t:one"},
        {"5.3", "p&deadbeef:12345", ">o:12345"},
        {"5.3", "x&deadbeef.1000:", ">x.1000: =1000"},
    };
    WS_TRY(rows);
}

/* Section 5.2: "MUST be 0 unless an extension is negotiated". */
Test(websocket_framing, reserved_bits)
{
    static const struct ws_case rows[] = {
        {"5.2", "tR:Hello", "!1002 reserved bit"},
        {"5.2", "tS:Hello", "!1002 reserved bit"},
        {"5.2", "tU:Hello", "!1002 reserved bit"},
        {"5.2", "tRS:Hello", "!1002 reserved bit"},
        {"5.2", "tRU:Hello", "!1002 reserved bit"},
        {"5.2", "tSU:Hello", "!1002 reserved bit"},
        {"5.2", "tRSU:Hello", "!1002 reserved bit"},
        {"5.2", "bR:", "!1002 reserved bit"},
        {"5.2", "bS:", "!1002 reserved bit"},
        {"5.2", "bU:", "!1002 reserved bit"},
        {"5.2", "pR:", "!1002 reserved bit"},
        {"5.2", "oS:", "!1002 reserved bit"},
        {"5.2", "xU:", "!1002 reserved bit"},
        {"5.2", "xR.1000:", "!1002 reserved bit"},
        {"5.2", "t-:a cR:b", "!1002 reserved bit"},
        {"5.2", "t-R:a", "!1002 reserved bit"},
        {"5.2", "t:a tR:b t:c", "t:a !1002 reserved bit"},
        {"5.2", "p:1 pS:2", ">o:1 !1002 reserved bit"},
    };
    WS_TRY(rows);
}

/* Section 5.2: "If an unknown opcode is received, the receiving endpoint MUST fail". */
Test(websocket_framing, opcodes)
{
    static const struct ws_case rows[] = {
        {"5.2", "#3:", "!1002 reserved opcode"},
        {"5.2", "#4:x", "!1002 reserved opcode"},
        {"5.2", "#5:x", "!1002 reserved opcode"},
        {"5.2", "#6:x", "!1002 reserved opcode"},
        {"5.2", "#7:x*200", "!1002 reserved opcode"},
        {"5.2", "#b:", "!1002 reserved opcode"},
        {"5.2", "#c:x", "!1002 reserved opcode"},
        {"5.2", "#d:x", "!1002 reserved opcode"},
        {"5.2", "#e:x", "!1002 reserved opcode"},
        {"5.2", "#f:x", "!1002 reserved opcode"},
        {"5.2", "#3-:", "!1002 reserved opcode"},
        {"5.2", "#b-:", "!1002 reserved opcode"},
        {"5.2", "$83", "!1002 reserved opcode"},
        {"5.2", "$8f", "!1002 reserved opcode"},
        {"5.2", "t-:a #3:b", "!1002 reserved opcode"},
        {"5.2", "t:a #b:b", "t:a !1002 reserved opcode"},
        {"5.2", "#1:a #2:b #9:c #a:d", "t:a b:b >o:c"},
    };
    WS_TRY(rows);
}

/* HTTP, TLS and text where frames should be. */
Test(websocket_framing, what_is_no_frame)
{
    static const struct ws_case rows[] = {
        {"5.2", "$474554202f20485454502f312e310d0a", "!1002"},
        {"5.2", "$1603010200010001fc0303", "!1002"},
        {"5.2", "$68656c6c6f0a", "!1002"},
        {"5.2", "$000000000000", "!1002 not masked"},
        {"5.2", "$ffffffffffff", "!1002 reserved opcode"},
    };
    WS_TRY(rows);
}
