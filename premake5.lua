-- premake5.lua - the build, for premake5 and for the premake4 that Debian has. `./dev build` runs
-- it and make; by hand it is:
--
--     premake5 [--lua=lua5.4|luajit] [--sanitize=address|thread|fuzzer] [--zlib=no] [--tls=no] gmake
--     make -C build/lua5.4 config=release moonport
--
-- Makefiles go to build/<lua>[-<sanitize>], what they make to build/<lua>-<config>[-<sanitize>]:
-- they do not see that a flag has changed, so each set of options has objects of its own.
--
-- --os=windows builds for Windows with mingw, in build/windows-...; there Lua is expected in
-- build/windows-lua5.4/lua (include/, lib/) and OpenSSL in build/windows-openssl, where `./dev
-- --target=windows build` puts them.

local premake4 = _PREMAKE_VERSION:sub(1, 2) == "4."
local target = _TARGET_OS or _OPTIONS["os"] or _OS
local windows = target == "windows"
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
  allowed = {
    { "address", "Memory errors and undefined behaviour" },
    { "thread", "Data races" },
    { "fuzzer", "Those of address, and clang's libFuzzer: for the fuzz targets alone" },
  },
}

newoption {
  trigger = "zlib",
  value = "yes|no",
  description = "Whether WebSockets can be compressed, which takes zlib",
  allowed = { { "yes", "They can (default)" }, { "no", "They cannot" } },
}

newoption {
  trigger = "tls",
  value = "yes|no",
  description = "Whether listeners and talk can speak TLS, which takes OpenSSL 3",
  allowed = { { "yes", "They can (default)" }, { "no", "They cannot" } },
}

local lua = _OPTIONS["lua"] or "lua5.4"
local zlib = _OPTIONS["zlib"] ~= "no"
local tls = _OPTIONS["tls"] ~= "no"
local sanitize = _OPTIONS["sanitize"]
local fuzzing = sanitize == "fuzzer"
local suffix = sanitize and "-" .. sanitize or ""
local set = (windows and "windows-" or "") .. lua

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
local function find_package(names)
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
end

local function package(names)
  local found = find_package(names)
  if found then return found end
  error("pkg-config finds no " .. names[1] .. ": install its development package", 0)
end

local lua_packages = { ["lua5.4"] = { "lua5.4", "lua-5.4", "lua54" }, ["luajit"] = { "luajit" } }

-- What was made for Windows, in a folder below build/.
local function made_in(folder, libraries)
  local made = path.getabsolute("build/" .. folder)
  return {
    compile = { '-I"' .. made .. '/include"' },
    link = { '-L"' .. made .. '/lib"' },
    libraries = libraries,
  }
end

local function find_lua()
  if not windows then return package(lua_packages[lua]) end
  return made_in(set .. "/lua", { lua })
end

local function find_openssl()
  if not windows then return package({ "openssl" }) end
  return made_in("windows-openssl", { "ssl", "crypto", "bcrypt" })
end

-- What `moonport talk` edits lines with, and `moonport top` draws with, if they are there.
local editing = not windows and find_package({ "libedit" })
local drawing = not windows and find_package({ "ncursesw" })

-- For Windows it comes with mingw, in the compiler's own directories.
local compressing = zlib and not windows and package({ "zlib" })

local encrypting = tls and find_openssl()

local function links_found(found)
  if not found then return end
  linkoptions(found.link)
  links(found.libraries)
end

local function links_terminal()
  links_found(editing)
  links_found(drawing)
end

-- What is one platform's own says so in its name.
local others = windows and { "_posix%.c$", "/port_epoll%.c$", "/port_uring[_a-z]*%.c$" }
  or { "_windows%.c$", "/port_iocp[_a-z]*%.c$" }

table.insert(others, editing and "/talk_plain_posix%.c$" or "/talk_edit_posix%.c$")
table.insert(others, zlib and "/deflate_none%.c$" or "/deflate_zlib%.c$")
if not zlib then table.insert(others, "/test_[a-z_]*deflate%.c$") end
table.insert(others, tls and "/[a-z_]*tls_none%.c$" or "_openssl%.c$")
table.insert(others, drawing and "/top_plain_posix%.c$" or "/top_screen_posix%.c$")

local function sources(patterns)
  local chosen = {}
  for _, pattern in ipairs(patterns) do
    for _, name in ipairs(os.matchfiles(pattern)) do
      local ours = true
      for _, other in ipairs(others) do ours = ours and not name:find(other) end
      if ours then table.insert(chosen, name) end
    end
  end
  return chosen
end

open_workspace "moonport"
  configurations(configs)
  location("build/" .. set .. suffix)
  language "C"
  includedirs { "engine", "bindings" }
  defines { "_GNU_SOURCE" }
  if compressing then buildoptions(compressing.compile) end
  if encrypting then buildoptions(encrypting.compile) end
  buildoptions {
    "-std=gnu11", "-g", "-Wall", "-Wextra", "-Wshadow", "-Wconversion", "-Wno-sign-conversion",
  }
  keep_symbols()
  if windows then
    -- gcc knows the formats of C99 there, whose warnings do not.
    defines { "_WIN32_WINNT=0x0A00" }
    buildoptions { "-Wno-format" }
    linkoptions { "-static" }
    if premake4 then
      premake.gcc.platforms.Native.cc = "x86_64-w64-mingw32-gcc-posix"
      premake.gcc.platforms.Native.ar = "x86_64-w64-mingw32-ar"
    elseif os.host() ~= "windows" then
      gccprefix "x86_64-w64-mingw32-"
    end
  end

  if sanitize then
    -- gcc warns of what is not there when it sanitizes too, so here warnings are only warnings.
    -- The fuzzer's own main is for those who link with it, its counters are for everybody.
    local kinds = {
      address = "address,undefined",
      thread = "thread",
      fuzzer = "address,undefined,float-cast-overflow",
    }
    local compiled = kinds[sanitize] .. (fuzzing and ",fuzzer-no-link" or "")
    local linked = kinds[sanitize] .. (fuzzing and ",fuzzer" or "")
    buildoptions {
      "-fsanitize=" .. compiled, "-fno-sanitize-recover=all", "-fno-omit-frame-pointer",
    }
    linkoptions { "-fsanitize=" .. linked }
    if fuzzing and premake4 then
      premake.gcc.platforms.Native.cc = "clang"
    elseif fuzzing then
      toolset "clang"
      makesettings { "CC = clang" } -- whatever the environment prefers
    end
  else
    buildoptions { "-Werror" }
  end

  when "release"
    buildoptions { "-O2" }
  when "debug"
    buildoptions { "-O0" }
  when()

-- A project whose objects nobody else writes to: file names may repeat between projects.
local function open_project(name, made, patterns)
  project(name)
  kind(made)
  files(sources(patterns))
  for _, config in ipairs(configs) do
    local directory = "build/" .. set .. "-" .. config .. suffix
    local objects = directory .. "/" .. name .. ".objects"
    -- premake4's makefiles do not wait for their directories when make has several jobs.
    if premake4 and _ACTION == "gmake" then os.mkdir(objects) end
    when(config)
      targetdir(directory)
      objdir(objects)
  end
  when()
end

local system_libraries = windows and { "ws2_32", "mswsock", "crypt32" } or { "uring", "dl", "m", "pthread" }
if zlib then
  if compressing then linkoptions(compressing.link) end
  for _, name in ipairs(compressing and compressing.libraries or { "z" }) do table.insert(system_libraries, name) end
end

-- In front: on Windows, where it is an archive, it needs those behind it.
if encrypting then
  linkoptions(encrypting.link)
  for place, name in ipairs(encrypting.libraries) do table.insert(system_libraries, place, name) end
end

open_project("engine", "StaticLib", { "engine/**.h", "engine/**.c" })

-- The admin's page as a C file, for bindings/admin/page.h. Written only if it differs, since make goes by time:
-- `./dev build` comes through here each time, and so sees that the page has changed.
local function page_source()
  local made = path.getabsolute("build/" .. set .. suffix) .. "/page.c"
  local function read(name)
    local file = io.open(name, "rb")
    if not file then return end
    local content = file:read("*a")
    file:close()
    return content
  end
  local lines = { '#include "admin/page.h"', "", "const char admin_page[] =" }
  for line in read("bindings/admin/page.html"):gmatch("[^\n]*\n?") do
    local plain = line:gsub('[%c"\\?\128-\255]', function(byte) return ("\\%03o"):format(byte:byte()) end)
    if plain ~= "" then table.insert(lines, '    "' .. plain .. '"') end
  end
  table.insert(lines, "    ;\n\nconst size_t admin_page_size = sizeof admin_page - 1;\n")
  local source = table.concat(lines, "\n")
  if read(made) ~= source then
    os.mkdir(path.getdirectory(made))
    local file = assert(io.open(made, "wb"))
    file:write(source)
    file:close()
  end
  return made
end

-- All of `moonport` but its main: of a library a program takes what it needs.
local found = find_lua()
local program = "bindings/commands/main.c"
open_project("bindings", "StaticLib", { "bindings/**.h", "bindings/**.c" })
  files { page_source() }
  excludes { program }
  buildoptions(found.compile)

local function links_all()
  links { "bindings", "engine" }
  links(found.libraries)
  links_terminal()
  links(system_libraries)
end

-- One program for each file.
if fuzzing then
  local beside = {
    filter = "tests/unit/veil.c",
    tls_records = tls and "tests/fuzz/tls_client_openssl.c" or "tests/fuzz/tls_client_none.c",
  }
  for _, source in ipairs(os.matchfiles("tests/fuzz/fuzz_*.c")) do
    local name = path.getbasename(source):gsub("^fuzz_", "")
    open_project("fuzz-" .. name, "ConsoleApp", { source, beside[name] })
      buildoptions(found.compile)
      linkoptions(found.link)
      links_all()
  end
  return
end

-- What the program tells Windows of itself. Compiled here: the two premakes know resources by different
-- rules, and neither of a compiler of another name.
local function resource()
  local at = path.getabsolute("build/" .. set .. suffix)
  os.mkdir(at)
  local windres = os.execute("x86_64-w64-mingw32-windres --version >/dev/null 2>&1")
  local crosses = windres == 0 or windres == true
  local made = at .. "/windows.res.o"
  local command = (crosses and "x86_64-w64-mingw32-windres" or "windres")
    .. ' -I bindings/commands -O coff -i bindings/commands/windows.rc -o "' .. made .. '"'
  local result = os.execute(command)
  if result ~= 0 and result ~= true then error("windres fails: " .. command, 0) end
  return '"' .. made .. '"'
end

-- Modules that are written in C find Lua's functions in the executable.
open_project("moonport", "ConsoleApp", { program })
  buildoptions(found.compile)
  linkoptions(found.link)
  linkoptions { windows and "-Wl,--out-implib,libmoonport.dll.a" or "-rdynamic" }
  if windows then linkoptions { resource() } end
  links_all()

-- Criterion runs neither on Windows nor under the thread sanitizer, and starts the program anew for each test, which
-- takes long where a sanitizer prepares it: there a stand-in runs the tests.
local stand_in = windows or sanitize ~= nil
-- What the ports ask of the system; there the linker leads to tests/unit/port_fault_posix.c first.
local faulty = {
  "recv", "send", "sendmsg", "accept4", "epoll_wait",
  "io_uring_submit", "io_uring_submit_and_wait", "io_uring_submit_and_get_events",
  "inotify_init1", -- and what the watch does: test_watch_gap_posix.c
}
open_project("unit", "ConsoleApp", { "tests/unit/**.h", "tests/unit/**.c" })
  buildoptions(found.compile)
  linkoptions(found.link)
  includedirs { "tests/unit" }
  if stand_in then
    includedirs { "tests/unit/shim" }
  else
    excludes { "tests/unit/shim/*.c" }
  end
  if not windows then
    for _, name in ipairs(faulty) do linkoptions { "-Wl,--wrap=" .. name } end
  end
  links_all()
  if not stand_in then links { "criterion" } end
  if not windows then linkoptions { "-Wl,--wrap=clock_gettime" } end -- test_clock_posix.c sets it

-- The simulation: a whole server and its clients in one thread. What engine and bindings ask of the C
-- library, and some of what they ask of each other, the linker leads there first; of what has threads
-- (overtime.c) it has its own.
local led_there = {
  "malloc", "calloc", "realloc", "free", "pages_take", "pages_resize", "pages_give", "lua_newstate", "time",
  "clock_gettime", "pthread_cond_timedwait", "log_line", "log_text", "link_next", "wheel_fire",
  "link_decide", "link_set_frame", "link_set_idle", "link_follow_idle", "link_decide_idle", "link_send", "link_send_kind", "link_send_chunk", "outbox_append",
  "link_fail", "link_open", "server_admit", "block_take", "block_take_or_grow",
  "worker_broadcast", "worker_group_broadcast", "worker_broadcast_here", "worker_task_post",
}

-- Lua makes its hashes differ from run to run, by where things are: linked at fixed places they do not.
local function links_lua_fixed()
  local pipe = io.popen("pkg-config --variable=libdir lua5.4 2>/dev/null")
  local archive = (pipe:read("*l") or "") .. "/liblua5.4.a"
  pipe:close()
  if not os.isfile(archive) then error("the simulation needs " .. archive, 0) end
  linkoptions { "-no-pie" }
  links { ":liblua5.4.a" }
end

if not windows and sanitize ~= "thread" and sanitize ~= "fuzzer" and lua == "lua5.4" then
  open_project("sim", "ConsoleApp", { "tests/sim/*.h", "tests/sim/*.c", "tests/unit/veil.*" })
    for _, name in ipairs(led_there) do linkoptions { "-Wl,--wrap=" .. name } end
    buildoptions(found.compile)
    links { "bindings", "engine" }
    links_lua_fixed()
    links(system_libraries)
end

-- What instructions are counted of: a server and its clients in one process, driven by hand. Lua makes
-- the seed of its hashes by a call that the linker leads elsewhere.
if not windows and not sanitize and lua == "lua5.4" then
  open_project("instructions", "ConsoleApp", { "tests/bench/instructions/*.c" })
    linkoptions { "-Wl,--wrap=luaS_hash" }
    includedirs { "tests/bench" }
    buildoptions(found.compile)
    links { "bindings", "engine" }
    links_terminal()
    links_lua_fixed()
    links(system_libraries)
end

-- The end-to-end tests know the server only from outside, so they run on this side always.
if not windows then
  open_project("e2e", "ConsoleApp", { "tests/e2e/*.h", "tests/e2e/*.c" })
    links { "criterion", "m", "pthread" }
end

for _, source in ipairs(os.matchfiles("tests/bench/*.c")) do
  local name = path.getbasename(source)
  if (not windows or name == "echo") and (tls or not name:match("^tls_")) then
    open_project("bench-" .. name, "ConsoleApp", { source })
      links { "bindings", "engine" }
      links(system_libraries)
  end
end

if not windows then
  open_project("soak", "ConsoleApp", { "tests/soak/*.h", "tests/soak/*.c" })
    includedirs { "tests/bench" }
    links { "bindings", "engine" }
    links(system_libraries)
end
