/* temporary.h - a file for as long as a test needs one. Each platform's own. */
#ifndef MOONPORT_TEMPORARY_H
#define MOONPORT_TEMPORARY_H

#include <stdio.h>

/* An empty file to write and read as it is, gone when it is closed; NULL if there can be none. */
FILE *temporary_file(void);

#endif
