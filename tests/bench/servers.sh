# servers.sh - the servers of the benchmark, for run.sh to source: how each is started, what it does.
# shellcheck shell=sh disable=SC2154,SC2034 # $on_server, $log and $here are run.sh's

server_names='lua c floor luv54 luvjit node haproxy'

server_title() { # NAME BACKEND
    case $1 in
    lua) title='Moonport, Lua' ;;
    c) title='Moonport, C' ;;
    floor) title='floor' ;;
    luv54) title='luv, Lua 5.4' ;;
    luvjit) title='luv, LuaJIT' ;;
    node) title='node' ;;
    haproxy) title='haproxy, Lua' ;;
    esac
    case $2 in uring) title="$title, io_uring" ;; epoll) title="$title, epoll" ;; esac
    echo "$title"
}

server_work() { # NAME
    case $1 in
    lua) echo 'scripts/echo: the engine cuts packets, on_receive in Lua for each' ;;
    c) echo 'bench-echo: the same engine, a C function for each packet' ;;
    floor) echo 'bench-floor: a bare epoll loop cuts packets, a C function for each; no server around it' ;;
    luv54 | luvjit) echo 'luv.lua: Lua on libuv cuts packets, on_receive for each; one write a read' ;;
    node) echo 'node.js: JavaScript cuts packets, onReceive for each; one write a read' ;;
    haproxy) echo 'haproxy.lua: two receives and one send A PACKET, on_receive for each; no broadcast' ;;
    esac
}

server_version() { # NAME
    case $1 in
    lua | c) "$MOONPORT_PROGRAM" --version ;;
    floor) echo 'this tree' ;;
    luv54) luv_version lua5.4 ;;
    luvjit) luv_version luajit ;;
    node) echo "node $(node --version)" ;;
    haproxy) haproxy -v | sed -n 's/^HAProxy version \([^ ]*\).*/haproxy \1/p' ;;
    esac
}

luv_version() { # INTERPRETER
    "$1" -e 'print(("libuv %s, %s"):format(require("luv").version_string(), jit and jit.version or _VERSION))'
}

# What is missing for it, and how to get that; 1 if something is.
server_missing() { # NAME
    case $1 in
    luv54) lua5.4 -e 'require "luv"' 2>/dev/null || echo 'lua5.4 or its luv: apt install lua5.4 lua-luv' ;;
    luvjit) luajit -e 'require "luv"' 2>/dev/null || echo 'luajit or its luv: apt install luajit lua-luv' ;;
    node) command -v node >/dev/null || echo 'node: apt install nodejs' ;;
    haproxy) lua_in_haproxy || echo 'haproxy, or Lua in it: apt install haproxy' ;;
    esac
}

lua_in_haproxy() {
    haproxy -vv 2>/dev/null | grep -q 'Built with Lua'
}

# What it does not do at all.
server_cannot() { # NAME MODE
    case $1-$2 in
    haproxy-broadcast) echo 'its Lua knows no connection but its own' ;;
    floor-timers) echo 'it has no timers' ;;
    esac
}

# Leaves its process in $server. Moonport is told how many connections there may be, and to have
# blocks for as many as broadcasts to all of them need; the others take what comes.
server_start() { # NAME BACKEND MODE HOST PORT CONNECTIONS
    name=$1 backend=$2 mode=$3 host=$4 port=$5 most=$6 word='' scripts=$MOONPORT_SCRIPTS/echo
    blocks=10000
    case $mode in
    broadcast)
        word=broadcast scripts=$here/servers/broadcast
        [ "$most" -le 2000 ] || blocks=$((4 * most))
        ;;
    timers) scripts=$here/servers/timers ;;
    esac
    # shellcheck disable=SC2086 # words, or none
    case $name in
    lua) set -- "$MOONPORT_PROGRAM" serve "$scripts" --listen "$host:$port" --workers 1 --admin false \
        --backend "$backend" --max-connections "$most" --blocks "$blocks" ;;
    c) set -- "$MOONPORT_ECHO" "$host:$port" $word workers 1 backend "$backend" \
        max_connections "$most" blocks "$blocks" ;;
    floor) set -- "$MOONPORT_BENCH/bench-floor" "$host:$port" $word ;;
    luv54) set -- lua5.4 "$here/servers/luv.lua" "$host" "$port" $word ;;
    luvjit) set -- luajit "$here/servers/luv.lua" "$host" "$port" $word ;;
    node) set -- node "$here/servers/node.js" "$host" "$port" $word ;;
    haproxy) set -- env BENCH_LISTEN="$host:$port" BENCH_MAX="$most" \
        BENCH_LUA="$here/servers/haproxy.lua" haproxy -db -f "$here/servers/haproxy.cfg" ;;
    esac
    # shellcheck disable=SC2086 # words
    $on_server "$@" >"$log" 2>&1 &
    server=$!
}
