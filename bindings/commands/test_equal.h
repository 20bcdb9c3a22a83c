/* test_equal.h - the function test.equal. */
#ifndef MOONPORT_TEST_EQUAL_H
#define MOONPORT_TEST_EQUAL_H

#include "lua/compat.h"

/* test.equal(actual, expected): raises an error that shows both where they differ. Tables are compared by their
 * contents, without metamethods. */
int test_equal(lua_State *L);

#endif
