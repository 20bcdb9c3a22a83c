/* top_list.h - lines that `moonport top` shows as they come: connections, with a column for each tab, or the log. What
 * it keeps is clean (top_text.h). Pure. */
#ifndef MOONPORT_TOP_LIST_H
#define MOONPORT_TOP_LIST_H

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

enum { TOP_COLUMNS_MAX = 16 };

/* Zeroed, it is empty. */
struct top_list {
    char *text;         /* all cells, a NUL behind each */
    const char **cells; /* rows, one after the other; "" where a line was too short */
    uint32_t rows, columns;
    const char *names[TOP_COLUMNS_MAX]; /* of the columns */
    uint64_t more;                      /* rows that there are besides, as the server says */
    char note[256];                     /* and what else it says about them: its lines with a # */
};

/* Replaces what the list holds by the rows of a text whose first line names the columns. False, with the list as it
 * was: the text is none such, or there is no memory. */
bool top_list_take(struct top_list *list, struct span text);

/* The same by lines, in one column without a name; empty ones at the end are left out. */
bool top_list_take_lines(struct top_list *list, struct span text);

void top_list_free(struct top_list *list); /* it is empty then */

/* row < rows. A column that there is not is "". */
const char *top_list_cell(const struct top_list *list, uint32_t row, const char *column);

#endif
