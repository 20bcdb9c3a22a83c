#include "admin/admin_stats.h"

#include "base/text.h"
#include "server.h"

#include <inttypes.h>

enum { NAME_WIDTH = 20 };

bool admin_stats(void *server, char *text, size_t size)
{
    struct server_stats stats;
    struct text lines = text_in(text, size);
    server_stats(server, &stats);
    for (int i = 0; i < SERVER_FIGURES; i++) {
        const struct figure *figure = &server_figures[i];
        uint64_t value = figure_of(&stats, figure);
        text_add(&lines, "%-*s ", NAME_WIDTH, figure->name);
        if (figure->unit == FIGURE_NS)
            text_add(&lines, "%.3f\n", (double)value / 1e9);
        else
            text_add(&lines, "%" PRIu64 "\n", value);
    }
    for (int i = 0; i < LINK_REASONS; i++)
        text_add(&lines, "closed.%-*s %" PRIu64 "\n", NAME_WIDTH - 7, link_reason_text(i),
                 stats.closed[i]);
    return true;
}
