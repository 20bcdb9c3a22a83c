# websocket_servers.sh - who takes part in `./dev bench websocket`, for websocket.sh to source: what each does, where it
# comes from, and how it is started.
# shellcheck shell=sh disable=SC2154,SC2034 # $here, $root, $work, $on_server and $absent are websocket.sh's

server_names='wslay bare lua ws uws'
modules=$MOONPORT_BENCH_OUT/npm

server_title() { # NAME
    case $1 in
    wslay) echo 'floor: wslay' ;;
    bare) echo 'bare C' ;;
    lua) echo 'Moonport, Lua' ;;
    ws) echo 'ws' ;;
    uws) echo 'uWebSockets' ;;
    esac
}

server_work() { # NAME
    case $1 in
    wslay) echo 'servers/websocket_wslay.c: wslay on a bare epoll loop, no server around it' ;;
    bare) echo "websocket_bare.c: the same loop with the engine's functions for frames" ;;
    lua) echo 'scripts/echo, servers/broadcast: framing "websocket", on_receive in Lua for each message' ;;
    ws) echo "servers/websocket.js: npm's ws, a function for each message" ;;
    uws) echo "servers/websocket_bun.js: those of Bun, JavaScript on uWebSockets" ;;
    esac
}

server_version() { # NAME
    case $1 in
    wslay) echo "wslay $(pkg-config --modversion libwslay 2>/dev/null || dpkg-query -W -f '${Version}' libwslay-dev)" ;;
    bare) echo 'this tree' ;;
    lua) "$MOONPORT_PROGRAM" --version ;;
    ws) echo "ws $(version_of ws), node $(node --version)" ;;
    uws) echo "Bun $("$bun" --version)" ;;
    esac
}

version_of() { # MODULE
    sed -n 's/^ *"version": "\(.*\)".*/\1/p' "$modules/node_modules/$1/package.json"
}

# ---- having them ----

# Leaves what is missing of each in $work/missing-NAME.
servers_obtain() {
    # shellcheck disable=SC2086 # words
    cc -O2 -std=gnu11 -D_GNU_SOURCE -I"$here" -I"$root/engine" "$here/servers/websocket_wslay.c" \
        "$MOONPORT_BENCH/libengine.a" -lwslay -lpthread -o "$work/wslay" 2>"$work/wslay.log" ||
        echo "wslay, so no floor to compare with: apt install libwslay-dev ($(head -n 1 "$work/wslay.log"))" \
            >"$work/missing-wslay"
    peers_obtain
    bun=$modules/node_modules/@oven/bun-linux-x64/bin/bun
    "$bun" --version >/dev/null 2>&1 ||
        echo 'uWebSockets that runs here: that of Bun, @oven/bun-linux-x64 from npm, does not' >"$work/missing-uws"
}

# Pinned by servers/npm/package-lock.json.
peers_obtain() {
    if ! command -v node >/dev/null; then
        echo 'node: apt install nodejs' >"$work/missing-ws"
        return
    fi
    cmp -s "$here/servers/npm/package-lock.json" "$modules/installed" && return
    mkdir -p "$modules" && cp "$here"/servers/npm/package*.json "$modules" || exit 3
    echo 'installing ws and Bun from npm ...' >&2
    if npm ci --prefix "$modules" --ignore-scripts --no-audit --no-fund >"$work/npm.log" 2>&1; then
        cp "$here/servers/npm/package-lock.json" "$modules/installed"
    else
        tail -n 3 "$work/npm.log" >&2
        echo 'ws from npm: the reason is above' >"$work/missing-ws"
    fi
}

# Tells who takes part; who cannot is left out, and goes into $absent.
servers_introduce() {
    for name in $server_names; do
        if [ -s "$work/missing-$name" ]; then
            printf '  %-14s LEFT OUT: there is no %s\n' "$(server_title "$name")" "$(cat "$work/missing-$name")"
            absent="$absent$name "
        else
            printf '  %-14s %s (%s)\n' "$(server_title "$name")" "$(server_work "$name")" "$(server_version "$name")"
        fi
    done
}

# ---- running them ----

port=$((20000 + $$ % 10000)) # the last one taken: below those that systems give to clients

# On the next port; leaves its process in $server. FLAGS are for Moonport.
server_launch() { # NAME MODE LOG [FLAG...]
    name=$1 mode=$2 log=$3 word='' scripts=$MOONPORT_SCRIPTS/echo
    shift 3
    port=$((port + 2))
    if [ "$mode" = broadcast ]; then word=broadcast scripts=$here/servers/broadcast; fi
    # shellcheck disable=SC2086 # a word, or none
    case $name in
    lua) set -- "$MOONPORT_PROGRAM" serve "$scripts" --listen "$host:$port" --workers 1 \
        --reload signal --framing websocket --admin false "$@" ;;
    bare) set -- "$MOONPORT_BENCH/bench-websocket_bare" "$host:$port" $word ;;
    wslay) set -- "$work/wslay" "$host:$port" $word ;;
    ws) set -- node "$here/servers/websocket.js" "$modules" "$host" "$port" $word ;;
    uws) set -- "$bun" "$here/servers/websocket_bun.js" "$host" "$port" $word ;;
    esac
    # shellcheck disable=SC2086 # words
    $on_server "$@" >"$log" 2>&1 &
    server=$!
}

server_end() { # PID
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
