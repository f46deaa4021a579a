/* SPDX-License-Identifier: ISC */
/*
 * Lua in an arena: a script works on a secret, and nothing of the state is
 * outside; with the state everything is wiped.
 */
#include <stdlib.h>
#include <string.h>

#include <lauxlib.h>
#include <lua.h>
#include <lualib.h>
#include <sodium_arena.h>
#include <sodium_arena_lua.h>

#include "hook.h"

#define SECRET_SIZE 24
/* Strings of many sizes, tables that grow and are collected. */
static const char script[] = "local secret, seen = ..., {}\n"
			     "for i = 1, 20000 do seen[i] = secret .. i end\n"
			     "for i = 1, 20000, 2 do seen[i] = nil end\n"
			     "collectgarbage()\n"
			     "kept = { secret:rep(1000), seen[20000] }\n"
			     "return seen[2]:sub(1, #secret) == secret\n";

static int body(void)
{
	char *secret = hook_secret_text(SECRET_SIZE);
	size_t size = 2 * SECRET_SIZE;
	sa_arena_stats stats = SA_ARENA_STATS_INIT;
	lua_State *lua = lua_newstate(sa_lua_alloc, sa_default_arena());
	int is_inside;

	HOOK_REQUIRE(lua != NULL);
	luaL_openlibs(lua);
	HOOK_REQUIRE(luaL_loadstring(lua, script) == LUA_OK);
	lua_pushlstring(lua, secret, size);
	HOOK_REQUIRE(lua_pcall(lua, 1, 1, 0) == LUA_OK);
	HOOK_REQUIRE(lua_toboolean(lua, -1));
	is_inside = hook_is_only_in_arena("the secret", secret, size, 1000);
	lua_close(lua);
	HOOK_REQUIRE(sa_arena_check(sa_default_arena()) == 0);
	HOOK_REQUIRE(sa_arena_stats_get(sa_default_arena(), &stats) == 0);
	/* The secret and the stack. */
	HOOK_REQUIRE(stats.live_count == 2);
	sa_free(secret);
	return is_inside ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(void)
{
	return hook_main(body);
}
