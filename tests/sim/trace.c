#include "sim.h"

#include "world.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

struct trace trace;

/* (Fowler, Noll and Vo's hash, FNV-1a with 64 bits.) */
static uint64_t hash_more(uint64_t hash, const void *data, size_t size)
{
    const uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

uint64_t trace_hash_bytes(struct span bytes)
{
    return hash_more(UINT64_C(0xcbf29ce484222325), bytes.data, bytes.size);
}

void trace_begin(uint64_t seed, bool prints)
{
    trace = (struct trace){
        .seed = seed, .prints = prints, .hash = trace_hash_bytes(span_of(&seed, sizeof seed))};
}

void trace_note(const char *format, ...)
{
    char line[2048];
    va_list arguments;
    uint64_t now_ns = sim_world == NULL ? 0 : world_now(sim_world);
    int size = snprintf(line, sizeof line, "%" PRIu64 ".%06" PRIu64 " ", now_ns / SECOND,
                        now_ns % SECOND / MICROSECOND);
    va_start(arguments, format);
    int more = vsnprintf(line + size, sizeof line - (size_t)size, format, arguments);
    va_end(arguments);
    if (more > 0) size += more;
    if (size >= (int)sizeof line) size = sizeof line - 1;
    trace.hash = hash_more(hash_more(trace.hash, &now_ns, sizeof now_ns), line, (size_t)size);
    trace.events++;
    if (trace.prints) puts(line);
}

void violation(const char *format, ...)
{
    char text[2048];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fflush(stdout);
    fprintf(stderr, "seed %" PRIu64 ", after %.6f s: violation: %s\n", trace.seed,
            sim_world == NULL ? 0.0 : (double)world_now(sim_world) / 1e9, text);
    abort();
}
