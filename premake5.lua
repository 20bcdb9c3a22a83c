-- premake5.lua - the build, for premake5 and for the premake4 that Debian has. `./dev build` runs
-- it and make; by hand it is:
--
--     premake5 [--lua=lua5.4|luajit] [--sanitize=address|thread] gmake
--     make -C build/lua5.4 config=release moonport
--
-- Makefiles go to build/<lua>[-<sanitize>], what they make to build/<lua>-<config>[-<sanitize>]:
-- they do not see that a flag has changed, so each set of options has objects of its own.

local premake4 = _PREMAKE_VERSION:sub(1, 2) == "4."
local target = _TARGET_OS or _OS
local configs = { "release", "debug" }

newoption {
  trigger = "lua",
  value = "NAME",
  description = "The Lua to link with",
  allowed = { { "lua5.4", "PUC Lua 5.4 (default)" }, { "luajit", "LuaJIT 2.1" } },
}

newoption {
  trigger = "sanitize",
  value = "KIND",
  description = "Build with a sanitizer",
  allowed = { { "address", "Memory errors and undefined behaviour" }, { "thread", "Data races" } },
}

local lua = _OPTIONS["lua"] or "lua5.4"
local sanitize = _OPTIONS["sanitize"]
local suffix = sanitize and "-" .. sanitize or ""

-- What the two call by different names. Without symbols they would strip.
local open_workspace, when, keep_symbols
if premake4 then
  open_workspace = solution
  when = function(config) configuration(config or {}) end
  keep_symbols = function() flags { "Symbols" } end
else
  open_workspace = workspace
  when = function(config) filter(config and "configurations:" .. config or {}) end
  keep_symbols = function() symbols "On" end
end

-- The first of these packages that pkg-config knows: its flags for the compiler and for the linker,
-- the linker's -l names apart because premake orders those itself.
local function package(names)
  for _, name in ipairs(names) do
    local pipe = io.popen("pkg-config --cflags --libs " .. name .. " 2>/dev/null")
    local found = { compile = {}, link = {}, libraries = {} }
    local known = false
    for flag in pipe:read("*a"):gmatch("%S+") do
      known = true
      local library = flag:match("^%-l(.+)")
      if library then
        table.insert(found.libraries, library)
      elseif flag:match("^%-L") or flag:match("^%-Wl") then
        table.insert(found.link, flag)
      else
        table.insert(found.compile, flag)
      end
    end
    pipe:close()
    if known then return found end
  end
  error("pkg-config finds no " .. names[1] .. ": install its development package", 0)
end

local lua_packages = { ["lua5.4"] = { "lua5.4", "lua-5.4", "lua54" }, ["luajit"] = { "luajit" } }

local other_platforms = {
  linux = { "engine/port_iocp.c" },
  windows = {
    "engine/port_uring.c", "engine/port_epoll.c", "engine/port_posix.c",
    "bindings/system_posix.c", "bindings/talk_posix.c",
  },
}

open_workspace "moonport"
  configurations(configs)
  location("build/" .. lua .. suffix)
  language "C"
  includedirs { "engine" }
  defines { "_GNU_SOURCE" }
  buildoptions {
    "-std=gnu11", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion",
  }
  keep_symbols()

  if sanitize then
    -- gcc warns of what is not there when it sanitizes too, so here warnings are only warnings.
    local kinds = sanitize == "address" and "address,undefined" or sanitize
    buildoptions {
      "-fsanitize=" .. kinds, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer",
    }
    linkoptions { "-fsanitize=" .. kinds }
  else
    buildoptions { "-Werror" }
  end

  when "release"
    buildoptions { "-O2" }
  when "debug"
    buildoptions { "-O0" }
  when()

-- A project whose objects nobody else writes to: file names may repeat between projects.
local function open_project(name, made, sources)
  project(name)
  kind(made)
  files(sources)
  for _, config in ipairs(configs) do
    local directory = "build/" .. lua .. "-" .. config .. suffix
    local objects = directory .. "/" .. name .. ".objects"
    -- premake4's makefiles do not wait for their directories when make has several jobs.
    if premake4 and _ACTION == "gmake" then os.mkdir(objects) end
    when(config)
      targetdir(directory)
      objdir(objects)
  end
  when()
end

local system_libraries = target == "linux" and { "uring", "dl", "m", "pthread" } or {}

open_project("engine", "StaticLib", { "engine/*.h", "engine/*.c" })
  excludes(other_platforms[target] or {})

-- Modules that are written in C find Lua's functions in the executable.
open_project("moonport", "ConsoleApp", { "bindings/*.h", "bindings/*.c" })
  excludes(other_platforms[target] or {})
  local found = package(lua_packages[lua])
  buildoptions(found.compile)
  linkoptions(found.link)
  linkoptions { "-rdynamic" }
  links { "engine" }
  links(found.libraries)
  links(system_libraries)

open_project("unit", "ConsoleApp", {
    "tests/unit/*.h", "tests/unit/*.c", "bindings/talk_text.c",
  })
  links { "engine", "criterion" }
  links(system_libraries)

-- The end-to-end tests know the server only from outside.
open_project("e2e", "ConsoleApp", { "tests/e2e/*.h", "tests/e2e/*.c" })
  links { "criterion", "m", "pthread" }

for _, source in ipairs(os.matchfiles("tests/bench/*.c")) do
  open_project("bench-" .. path.getbasename(source), "ConsoleApp", { source })
    links { "engine" }
    links(system_libraries)
end
