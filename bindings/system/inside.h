/* inside.h - whether a symbolic link leads out of a directory. Each platform has its own. */
#ifndef MOONPORT_INSIDE_H
#define MOONPORT_INSIDE_H

#include <stdbool.h>

/* True if the path is a symbolic link (on Windows any reparse point) that leads, all links followed, to a place that is not
 * below the directory, or to none. False for what is no link, wherever it is, or is not there: whoever walks down from the directory asks
 * about each name. If the directory itself is a link, it counts where it leads. */
bool inside_leads_out(const char *path, const char *directory);

#endif
