/* output.h - writes to standard output and error, from any thread, without waiting for a reader that is
 * stuck. Lines that cannot be written (the pipe is not read, the disk is full) are lost. */
#ifndef MOONPORT_OUTPUT_H
#define MOONPORT_OUTPUT_H

#include <stddef.h>
#include <stdint.h>

enum output { OUTPUT_OUT = 1, OUTPUT_ERROR = 2 }; /* as the system numbers them */

/* Writes the bytes, in one piece if possible; up to 4096 bytes to a pipe or file are never split. For a slow reader it
 * waits 50 ms in all, until the reader has caught up: has emptied half of the pipe, or left room for all writes for a
 * second. Returns how many lines were lost; 0: everything was written. */
uint64_t output_write(enum output output, const char *bytes, size_t size);

#endif
