/* capture.h - what a test writes to standard error, which is its log. */
#ifndef MOONPORT_CAPTURE_H
#define MOONPORT_CAPTURE_H

/* From now on it is kept. */
void capture_begin(void);

/* What was written since then, until the next call; it is standard error again. */
char *capture_end(void);

#endif
