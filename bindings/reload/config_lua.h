/* config_lua.h - config.lua: settings as plain data. */
#ifndef MOONPORT_CONFIG_LUA_H
#define MOONPORT_CONFIG_LUA_H

#include "reload/options.h"
#include "scripts/source.h"

/* Applies the settings of the source's config.lua, in which no functions can be called. If there is no such file,
 * returns true and changes nothing. Errors begin with its path. */
bool config_lua_load(struct options *options, const struct source *source, struct error *error);

#endif
