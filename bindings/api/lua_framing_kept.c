#include "api/lua_framing_kept.h"

#include "api/lua_framing.h"
#include "run/code.h"
#include "server.h"

#include <stdlib.h>

enum { MOST = sizeof(((struct runtime *)NULL)->framings) / sizeof(struct frame *) };

void lua_framing_drop(struct runtime *runtime, const struct frame *frame)
{
    if (frame->kind != FRAME_SCRIPTED) return;
    for (int i = 0; i < runtime->framing_count; i++) {
        const struct frame *kept = runtime->framings[i];
        bool shares = kept->kind == FRAME_SCRIPTED && kept != frame &&
                      kept->scripted.measure == frame->scripted.measure;
        if (shares) return;
    }
    lua_framing_forget(runtime->state.L, frame->scripted.measure);
}

/* One bit for each framing that a connection still has, in whatever state it is. */
static uint64_t used(const struct runtime *runtime)
{
    static_assert(MOST <= 64, "one bit for each");
    const struct worker *worker = runtime->worker;
    uint64_t used = 0;
    for (const struct link *link = worker_next_any(worker, NULL); link != NULL;
         link = worker_next_any(worker, link))
        for (int i = 0; i < runtime->framing_count; i++)
            if (runtime->framings[i] == link_frame(link)) used |= UINT64_C(1) << i;
    return used;
}

/* After a reload the functions of the old code are others than those of the new code, and hold all of it in memory. */
static void sweep(struct runtime *runtime)
{
    uint64_t kept = used(runtime);
    check(runtime->framing_count >= 0);
    check(runtime->framing_count <= MOST);
    for (int i = runtime->framing_count - 1; i >= 0; i--) {
        if (kept >> i & 1) continue;
        struct frame *frame = runtime->framings[i];
        lua_framing_drop(runtime, frame);
        runtime->framings[i] = runtime->framings[--runtime->framing_count];
        free(frame);
    }
    runtime->framings_swept = code_generation(runtime);
}

const struct frame *lua_framing_keep(struct runtime *runtime, const struct frame *frame,
                                     const char **code)
{
    for (int i = 0; i < runtime->framing_count; i++)
        if (frame_is_same(runtime->framings[i], frame)) return runtime->framings[i];
    if (runtime->framing_count == MOST || runtime->framings_swept != code_generation(runtime))
        sweep(runtime);
    struct frame *kept = runtime->framing_count < MOST ? malloc(sizeof *kept) : NULL;
    *code = runtime->framing_count < MOST ? "memory" : "full";
    if (kept == NULL) {
        lua_framing_drop(runtime, frame);
        return NULL;
    }
    *kept = *frame;
    return runtime->framings[runtime->framing_count++] = kept;
}
