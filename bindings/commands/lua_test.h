/* lua_test.h - the table `test` that test files call, and the clients it makes.
 *
 * A test requests something by yielding, so that handlers run while no other Lua does, as in a server. The caller
 * that resumed the test then calls lua_test_act. */
#ifndef MOONPORT_LUA_TEST_H
#define MOONPORT_LUA_TEST_H

#include "commands/test_client.h"

enum { TEST_CLIENTS_MAX = 4096, TEST_WORKERS_MAX = 16, TEST_NAME_MAX = 128 };

enum test_act {
    ACT_NONE,
    ACT_CONNECT,
    ACT_RECEIVE,
    ACT_BYTES,
    ACT_FINISH,
    ACT_RESET,
    ACT_DEAF,
    ACT_ADVANCE
};

struct testing {
    struct offline *offline;
    struct runtime *made;    /* the newest one */
    struct runtime *runtime; /* the first worker's, in which the test runs */
    lua_State *L;            /* the coroutine that runs: the file, then a test */
    bool in_test;            /* false: the file runs, which only defines the tests */
    uint32_t workers;        /* the number that the file asks for */
    int wanted;              /* the number of the test to run, from 0 */
    int count;               /* tests seen so far */
    int function;            /* in the registry: the wanted test */
    char name[TEST_NAME_MAX];
    struct error witness; /* the first error of a handler that test.error has not fetched */
    enum test_act act;
    struct test_client clients[TEST_CLIENTS_MAX];
    int client_count;
};

/* Pushes the table `test`, on the coroutine or on the main state. May raise an error. */
void lua_test_push(struct testing *testing, lua_State *L);

/* Does what the coroutine has yielded for, and all that follows from it. Returns how many results are on its
 * stack; -1 with the error. */
int lua_test_act(struct testing *testing, struct error *error);

/* Puts the place where the coroutine has yielded in front of the error. */
void lua_test_place(struct testing *testing, struct error *error);

/* Updates the tables of all clients with what has happened to them. */
bool lua_test_update(struct testing *testing, struct error *error);

#endif
