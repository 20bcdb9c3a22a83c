/* processors.h - the number of processors. */
#ifndef MOONPORT_PROCESSORS_H
#define MOONPORT_PROCESSORS_H

#include <stdint.h>

/* At least 1. Any thread. */
uint32_t processors_count(void);

#endif
