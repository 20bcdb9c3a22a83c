# tls_servers.sh - who takes part in `./dev bench tls`, for tls.sh to source: what each does, where it comes from, and how
# it is started.
# shellcheck shell=sh disable=SC2154,SC2034 # $here, $work, $on_server, $first and $absent are tls.sh's

server_names='floor c lua haproxy nginx node'

server_title() { # NAME
    case $1 in
    floor) echo 'floor' ;;
    c) echo 'Moonport, C' ;;
    lua) echo 'Moonport, Lua' ;;
    *) echo "$1" ;;
    esac
}

server_work() { # NAME
    case $1 in
    floor) echo 'tls_floor.c: OpenSSL on the sockets of a bare epoll loop, no server around it' ;;
    c) echo 'echo.c: the engine, a C function for each packet' ;;
    lua) echo 'scripts/echo: the same engine, on_receive in Lua for each packet' ;;
    haproxy) echo 'TLS alone: hands plain bytes to floor.c on the other processor, and back; cuts no packets' ;;
    nginx) echo 'its module stream, the same' ;;
    node) echo 'servers/node.js: JavaScript cuts packets, onReceive for each; one write a read' ;;
    esac
}

server_version() { # NAME
    case $1 in
    floor) openssl version | sed 's/.*(Library: \(OpenSSL [^ ]*\).*/\1/' ;;
    c | lua) "$MOONPORT_PROGRAM" --version ;;
    haproxy) haproxy -v | sed -n 's/^HAProxy version \([^ ]*\).*/haproxy \1/p' ;;
    nginx) nginx -v 2>&1 | sed 's/^nginx version: //' ;;
    node) node -p '"node " + process.version + ", OpenSSL " + process.versions.openssl' ;;
    esac
}

# ---- having them ----

# ECDSA on P-256, for everybody.
certificate_make() {
    certificate=$work/certificate.pem key=$work/key.pem
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -days 2 \
        -keyout "$key" -out "$certificate" 2>"$work/complaint" ||
        die 3 "openssl makes no certificate: $(cat "$work/complaint")"
    cat "$certificate" "$key" >"$work/both.pem"
}

# Leaves what is missing of each in $work/missing-NAME.
servers_obtain() {
    command -v haproxy >/dev/null || echo 'haproxy: apt install haproxy' >"$work/missing-haproxy"
    nginx_module=$(find /usr/lib/nginx/modules -name ngx_stream_module.so 2>/dev/null)
    command -v nginx >/dev/null && [ -n "$nginx_module" ] ||
        echo 'nginx with its module stream: apt install nginx-core libnginx-mod-stream' >"$work/missing-nginx"
    command -v node >/dev/null || echo 'node: apt install nodejs' >"$work/missing-node"
}

# Tells who takes part; who cannot is left out, and goes into $absent.
servers_introduce() {
    for name in $server_names; do
        if [ -s "$work/missing-$name" ]; then
            printf '  %-13s LEFT OUT: there is no %s\n' "$(server_title "$name")" "$(cat "$work/missing-$name")"
            absent="$absent$name "
        else
            printf '  %-13s %s (%s)\n' "$(server_title "$name")" "$(server_work "$name")" "$(server_version "$name")"
        fi
    done
}

# Without TLS there is nothing that those would do.
server_can() { # NAME SECURITY
    case $1-$2 in haproxy-plain | nginx-plain) return 1 ;; esac
}

# ---- running them ----

port=$((20000 + $$ % 10000)) # the last one taken: below those that systems give to clients

haproxy_settings() {
    cat <<END
global
    nbthread 1
    maxconn 6000
    tune.ssl.default-dh-param 2048
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen echo
    bind $host:$port ssl crt $work/both.pem ssl-min-ver TLSv1.2 curves X25519:P-256:P-384
    server behind $host:$((port + 1))
END
}

nginx_settings() {
    cat <<END
load_module $nginx_module;
daemon off;
master_process off;
pid $work/nginx.pid;
error_log stderr error;
events { worker_connections 20000; }
stream {
    server {
        listen $host:$port ssl backlog=4096;
        ssl_certificate $certificate;
        ssl_certificate_key $key;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ecdh_curve X25519:P-256:P-384;
        ssl_prefer_server_ciphers on;
        proxy_pass $host:$((port + 1));
    }
}
END
}

# The packets' echo behind those that have none.
launch_behind() {
    # shellcheck disable=SC2086 # words
    $on_client "$MOONPORT_BENCH/bench-floor" "$host:$((port + 1))" >"$work/behind.log" 2>&1 &
    behind="$behind /$!"
}

# config.lua has no place on the command line for what a listener has of its own.
lua_scripts() { # SECURITY
    scripts=$work/scripts-$port
    mkdir -p "$scripts" && cp "$MOONPORT_SCRIPTS/echo/main.lua" "$scripts" || exit 3
    tls=''
    [ "$1" = plain ] || tls=", tls = { certificate = \"$certificate\", key = \"$key\" }"
    printf 'return { listen = { { address = "%s"%s } }, idle_timeout = 0 }\n' "$host:$port" "$tls" >"$scripts/config.lua"
}

# Settings as flags.
flags_of() { # [NAME VALUE]...
    while [ $# -gt 0 ]; do
        printf -- '--%s %s ' "$(echo "$1" | tr _ -)" "$2"
        shift 2
    done
}

# On the next port; leaves its process in $server. SETTINGS are Moonport's.
server_launch() { # NAME SECURITY LOG [SETTING VALUE]...
    name=$1 security=$2 log=$3 program=floor tls=''
    shift 3
    port=$((port + 2))
    case $name-$security in
    floor-tls) program=tls_floor tls="$certificate $key" ;;
    c-tls) tls="tls certificate=$certificate,key=$key" ;;
    esac
    # shellcheck disable=SC2086 # words
    case $name in
    floor) set -- "$MOONPORT_BENCH/bench-$program" "$host:$port" $tls ;;
    c) set -- "$MOONPORT_ECHO" "$host:$port" workers 1 $tls "$@" ;;
    lua)
        lua_scripts "$security"
        # shellcheck disable=SC2046 # words
        set -- "$MOONPORT_PROGRAM" serve "$scripts" --reload signal $(flags_of workers 1 admin false "$@")
        ;;
    haproxy)
        haproxy_settings >"$work/haproxy.cfg"
        launch_behind
        set -- haproxy -db -f "$work/haproxy.cfg"
        ;;
    nginx)
        nginx_settings >"$work/nginx.conf"
        launch_behind
        set -- nginx -p "$work" -e stderr -c "$work/nginx.conf"
        ;;
    node) set -- node "$here/servers/node.js" "$host" "$port" $security $certificate $key ;;
    esac
    # shellcheck disable=SC2086 # words
    ${on_this_server-$on_server} "$@" >"$log" 2>&1 &
    server=$!
}

server_end() { # PID
    kill -KILL "$1" 2>/dev/null
    wait "$1" 2>/dev/null
}
