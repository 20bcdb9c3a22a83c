/* decimal.h - writes seconds with a point in front of their fractions. printf has a comma there after a script has
 * called os.setlocale, and then neither JSON nor metrics can be read. Pure. */
#ifndef MOONPORT_DECIMAL_H
#define MOONPORT_DECIMAL_H

#include <stdint.h>

enum { DECIMAL_MAX = 24 }; /* with a NUL */

/* Writes value / 10^places, places <= 18, without zeros at its end; returns text. */
const char *decimal(uint64_t value, int places, char text[DECIMAL_MAX]);

#endif
