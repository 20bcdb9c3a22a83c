#include "admin/decimal.h"

#include "base/check.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const char *decimal(uint64_t value, int places, char text[DECIMAL_MAX])
{
    uint64_t one = 1;
    check(places >= 0 && places <= 18);
    for (int i = 0; i < places; i++) one *= 10;
    for (; places > 0 && value % 10 == 0; places--) value /= 10, one /= 10;
    snprintf(text, DECIMAL_MAX, "%" PRIu64, value / one);
    if (places == 0) return text;
    size_t used = strlen(text);
    snprintf(text + used, DECIMAL_MAX - used, ".%0*" PRIu64, places, value % one);
    return text;
}
