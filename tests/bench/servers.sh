# servers.sh - the servers of the benchmark, for run.sh to source: what each does, how it is started, and
# which ones run.
# shellcheck shell=sh disable=SC2154,SC2034 # $on_server, $work, $here and what the case is are run.sh's

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
# blocks for several broadcasts queued on all of them; the others take what comes.
server_launch() { # NAME BACKEND MODE HOST PORT CONNECTIONS
    name=$1 backend=$2 mode=$3 host=$4 port=$5 connections=$6 word='' scripts=$MOONPORT_SCRIPTS/echo
    blocks=10000
    case $mode in
    broadcast)
        word=broadcast scripts=$here/servers/broadcast
        [ "$connections" -le 2000 ] || blocks=$((4 * connections))
        ;;
    timers) scripts=$here/servers/timers ;;
    esac
    # shellcheck disable=SC2086 # words, or none
    case $name in
    lua) set -- "$MOONPORT_PROGRAM" serve "$scripts" --listen "$host:$port" --workers 1 --admin false \
        --backend "$backend" --max-connections "$connections" --blocks "$blocks" ;;
    c) set -- "$MOONPORT_ECHO" "$host:$port" $word workers 1 backend "$backend" \
        max_connections "$connections" blocks "$blocks" ;;
    floor) set -- "$MOONPORT_BENCH/bench-floor" "$host:$port" $word ;;
    luv54) set -- lua5.4 "$here/servers/luv.lua" "$host" "$port" $word ;;
    luvjit) set -- luajit "$here/servers/luv.lua" "$host" "$port" $word ;;
    node) set -- node "$here/servers/node.js" "$host" "$port" $word ;;
    haproxy) set -- env BENCH_LISTEN="$host:$port" BENCH_MAX="$connections" \
        BENCH_LUA="$here/servers/haproxy.lua" haproxy -db -f "$here/servers/haproxy.cfg" ;;
    esac
    # shellcheck disable=SC2086 # words
    $on_server "$@" &
    server=$!
}

# ---- those that run: $servers, a word NAME/BACKEND/PORT/PID each ----

port=$((20000 + $$ % 10000)) # the last one taken: below those that systems give to clients

server_log() { # NAME BACKEND
    echo "$work/$1-$2.log"
}

# On the next port.
server_start() { # NAME/BACKEND
    port=$((port + 1))
    export BENCH_TIMERS="$step"
    server_launch "${1%/*}" "${1#*/}" "$mode" "$host" "$port" $((most + 100)) \
        >"$(server_log "${1%/*}" "${1#*/}")" 2>&1
    servers="$servers $1/$port/$server"
}

server_stop() { # NAME/BACKEND/PORT/PID
    kill -KILL "${1##*/}" 2>/dev/null
    wait "${1##*/}" 2>/dev/null
    # shellcheck disable=SC2086 # words
    servers=$(without "$1" $servers)
}

servers_stop() {
    for each in $servers; do server_stop "$each"; done
}

# The other words.
without() { # WORD WORD...
    unwanted=$1
    shift
    for other; do [ "$other" = "$unwanted" ] || printf '%s ' "$other"; done
}
