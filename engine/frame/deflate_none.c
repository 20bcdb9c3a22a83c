/* deflate_none.c - deflate.h in a program that is built without zlib. */
#include "frame/deflate.h"

bool deflate_is_there(void)
{
    return false;
}

struct deflater *deflater_open(struct budget *budget, uint8_t level, uint8_t bits)
{
    (void)budget, (void)level, (void)bits;
    return NULL;
}

void deflater_close(struct deflater *deflater)
{
    check(deflater == NULL);
}

size_t deflater_run(struct deflater *deflater, struct span message, struct span room)
{
    (void)deflater, (void)message, (void)room;
    return 0;
}

void deflater_reset(struct deflater *deflater)
{
    check(deflater == NULL);
}

struct inflater *inflater_open(struct budget *budget, uint8_t bits)
{
    (void)budget, (void)bits;
    return NULL;
}

void inflater_close(struct inflater *inflater)
{
    check(inflater == NULL);
}

size_t inflater_size(const struct inflater *inflater)
{
    (void)inflater;
    return 0;
}

bool inflater_run(struct inflater *inflater, struct span *input, struct span *room)
{
    (void)inflater, (void)input, (void)room;
    return false;
}

struct span inflater_tail(void)
{
    return span_of(NULL, 0);
}

void inflater_reset(struct inflater *inflater, bool keeps)
{
    (void)keeps;
    check(inflater == NULL);
}
