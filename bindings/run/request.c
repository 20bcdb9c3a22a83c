#include "run/request.h"

#include "lua/value.h"
#include "server/worker_mail.h"

/* Values are pushed on the main state, then moved to the waiting run. */
struct pushing {
    struct run *run;
    struct request *request; /* NULL: push nil and the code */
    const char *code;
    int count;
};

static int push(lua_State *L)
{
    struct pushing *pushing = lua_touserdata(L, 1);
    if (pushing->request != NULL)
        pushing->count = pushing->request->kind->push(L, pushing->request);
    else
        pushing->count = state_refuse(L, pushing->code);
    if (!lua_checkstack(pushing->run->L, pushing->count)) luaL_error(L, "too many results");
    lua_xmove(L, pushing->run->L, pushing->count);
    return 0;
}

/* If pushing fails, mostly for lack of memory, the results are nil and the error, which needs no memory. */
static int push_all(struct pushing *pushing)
{
    lua_State *L = pushing->run->runtime->state.L;
    if (compat_protected(L, push, pushing) == LUA_OK) return pushing->count;
    lua_pushnil(pushing->run->L);
    lua_xmove(L, pushing->run->L, 1);
    return 2;
}

int request_refuse(struct run *run, const char *code)
{
    struct pushing pushing = {.run = run, .code = code};
    return push_all(&pushing);
}

int request_push_answer(lua_State *L, const char *code, struct span bytes)
{
    if (code == NULL) return value_decode(L, bytes);
    int count = state_refuse(L, code);
    if (bytes.data == NULL) return count;
    lua_pushlstring(L, (const char *)bytes.data, bytes.size);
    return count + 1;
}

/* ---- home ---- */

static void free_home(struct worker *worker, struct letter *letter)
{
    struct request *request = container_of(letter, struct request, letter);
    (void)worker;
    request->kind->free(request);
}

static void count_out(const struct request *request)
{
    if (request->count != NULL) *request->count -= 1;
}

static uint32_t come_home(struct worker *worker, struct letter *letter)
{
    struct request *request = container_of(letter, struct request, letter);
    struct run *run = request->run;
    count_out(request);
    if (run == NULL) {
        free_home(worker, letter);
        return 1;
    }
    struct pushing pushing = {.run = run, .request = request};
    int count = push_all(&pushing);
    free_home(worker, letter);
    run_resume(run, count);
    return 1 + LINK_LOOK_EVERY; /* a script may run for long */
}

static const struct letter_kind home = {.read = come_home, .drop = free_home};

void request_init(struct request *request, const struct request_kind *kind, struct run *run,
                  uint32_t *count)
{
    *request = (struct request){.letter.kind = &home,
                                .kind = kind,
                                .home = run->runtime->worker,
                                .run = run,
                                .count = count};
    if (count != NULL) *count += 1;
}

void request_drop(struct request *request)
{
    count_out(request);
    request->kind->free(request);
}

void request_answer(struct request *request)
{
    request->letter.kind = &home;
    worker_post_letter(request->home, &request->letter);
}

/* ---- the run no longer waits ---- */

/* True: the answer is ready. False: the request may have been freed. */
static bool leave(struct request *request)
{
    request->run = NULL;
    return request->kind->leave != NULL && request->kind->leave(request);
}

void request_leave(struct run *run)
{
    struct request *request = run->wait.context;
    if (leave(request) && request->kind->miss != NULL) request->kind->miss(request);
}

int request_late(struct run *run)
{
    struct request *request = run->wait.context;
    if (!leave(request)) return request_refuse(run, "timeout");
    struct pushing pushing = {.run = run, .request = request};
    return push_all(&pushing);
}
