/* fuzz_input.h - for the fuzz targets: values taken off the front of a fuzzer's input. What is used
 * up yields zeros, so that every input means something. */
#ifndef MOONPORT_FUZZ_INPUT_H
#define MOONPORT_FUZZ_INPUT_H

#include "base/check.h"
#include "base/span.h"

#include <stdbool.h>
#include <stdlib.h>

/* The one function of a target: what it checks must hold for any bytes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline uint8_t fuzz_byte(struct span *input)
{
    if (input->size == 0) return 0;
    uint8_t byte = input->data[0];
    *input = span_skip(*input, 1);
    return byte;
}

/* Of so many bytes, little-endian. */
static inline uint64_t fuzz_number(struct span *input, int bytes)
{
    uint64_t number = 0;
    for (int i = 0; i < bytes; i++) number |= (uint64_t)fuzz_byte(input) << 8 * i;
    return number;
}

static inline struct span fuzz_bytes(struct span *input, size_t size)
{
    struct span bytes = span_first(*input, size);
    *input = span_skip(*input, bytes.size);
    return bytes;
}

/* Up to `end`, which is taken too. */
static inline struct span fuzz_until(struct span *input, uint8_t end)
{
    const uint8_t *place = input->size == 0 ? NULL : memchr(input->data, end, input->size);
    if (place == NULL) return fuzz_bytes(input, input->size);
    struct span bytes = fuzz_bytes(input, (size_t)(place - input->data));
    fuzz_byte(input);
    return bytes;
}

/* Copies in an allocation that ends where they do, so that the sanitizer sees a step beyond. */
static inline struct span fuzz_copy(struct span bytes)
{
    uint8_t *copy = malloc(bytes.size);
    check(copy != NULL || bytes.size == 0);
    if (bytes.size != 0) memcpy(copy, bytes.data, bytes.size);
    return span_of(copy, bytes.size);
}

/* As C has it: up to the first NUL of the bytes, or one behind them. */
static inline char *fuzz_text(struct span bytes)
{
    char *text = malloc(bytes.size + 1);
    check(text != NULL);
    if (bytes.size != 0) memcpy(text, bytes.data, bytes.size);
    text[bytes.size] = '\0';
    size_t size = strlen(text);
    char *exact = realloc(text, size + 1);
    check(exact != NULL);
    return exact;
}

static inline bool fuzz_same(struct span one, struct span other)
{
    return one.size == other.size && (one.size == 0 || memcmp(one.data, other.data, one.size) == 0);
}

#endif
