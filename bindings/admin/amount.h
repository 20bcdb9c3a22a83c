/* amount.h - writes large numbers for people, with three digits and a unit: "1.21 GiB", "38.5 M". With a point, whatever the
 * locale: see decimal.h. Pure. */
#ifndef MOONPORT_AMOUNT_H
#define MOONPORT_AMOUNT_H

#include <stdint.h>

enum { AMOUNT_MAX = 24 }; /* with a NUL */

/* Each returns text. */
const char *amount_bytes(uint64_t bytes, char text[AMOUNT_MAX]);
const char *amount_count(uint64_t count, char text[AMOUNT_MAX]);

/* "43.1%", of all; with all 0 it is 0.0%. */
const char *amount_share(uint64_t part, uint64_t all, char text[AMOUNT_MAX]);

/* "4.312 s" */
const char *amount_seconds(uint64_t duration_ns, char text[AMOUNT_MAX]);

#endif
