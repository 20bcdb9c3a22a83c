#include "base/processors.h"

#include <windows.h>

uint32_t processors_count(void)
{
    SYSTEM_INFO system;
    GetSystemInfo(&system);
    return system.dwNumberOfProcessors;
}
