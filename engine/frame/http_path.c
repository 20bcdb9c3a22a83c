#include "frame/http_path.h"

#include "base/check.h"
#include "frame/http_text.h"

enum { ENCODED_SLASH = 256, BROKEN = -1 };

/* Takes what is one byte when decoded off a path that is not empty. */
static int take_unit(struct span *path)
{
    int unit = path->data[0] == '%' ? http_triplet(*path) : path->data[0];
    size_t size = path->data[0] == '%' && unit >= 0 ? 3 : 1;
    if (size == 3 && unit == '/') unit = ENCODED_SLASH;
    *path = span_skip(*path, size);
    return unit;
}

bool http_path_is(struct span path, struct span other)
{
    while (path.size != 0 && other.size != 0) {
        int unit = take_unit(&path);
        if (unit == BROKEN || unit != take_unit(&other)) return false;
    }
    return path.size == other.size;
}

bool http_path_decode(struct span path, char *room, size_t size)
{
    size_t used = 0;
    check(size > 0);
    while (path.size != 0) {
        int unit = take_unit(&path);
        if (unit <= 0 || unit == ENCODED_SLASH || used == size - 1) {
            room[0] = '\0';
            return false;
        }
        room[used++] = (char)unit;
    }
    room[used] = '\0';
    return true;
}

/* As they are: what RFC 3986 section 3.3 lets stand in a path. */
static bool is_plain(uint8_t byte)
{
    return http_is_one_of(byte, "-._~!$&'()*+,;=:@/");
}

bool http_path_encode(struct span path, char *room, size_t size)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t used = 0;
    check(size > 0);
    for (size_t i = 0; i < path.size; i++) {
        uint8_t byte = path.data[i];
        size_t more = is_plain(byte) ? 1 : 3;
        if (used + more >= size) {
            room[0] = '\0';
            return false;
        }
        if (more == 1) {
            room[used] = (char)byte;
        } else {
            room[used] = '%';
            room[used + 1] = digits[byte >> 4];
            room[used + 2] = digits[byte & 15];
        }
        used += more;
    }
    room[used] = '\0';
    return true;
}
