#include "base/processors.h"

#include <unistd.h>

uint32_t processors_count(void)
{
    long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : (uint32_t)online;
}
