#!/usr/bin/env bash
# Gets the servers that the tests and the demo run, at pinned versions, from package registries only.
#
#   tools.sh [NAME|kubernetes|demo|receivers|all]...   gets what is missing (default: all)
#   tools.sh --print                                   prints name, version and path of what is there
#   tools.sh --receivers                               prints the names of the receivers' servers
#
# kubernetes is etcd and kube-apiserver; demo is nats-server, etcd and kube-apiserver as far as they can be had; all adds what
# the examples of the README need: the nats command line and nats-py. receivers are the servers that receivers are tested against.
#
# A tool is looked for in the place its variable names (HERALD_NATS_SERVER, KUBEBUILDER_ASSETS), then in PATH, then in the
# cache (HERALD_TOOLS, by default ~/.cache/herald/tools); only what is in none of them is fetched. testkit/src/tools.rs looks
# in the same places in the same order. The exit code is not 0 when a tool named on the command line could not be had, or,
# with HERALD_REQUIRE_ALL=1, any tool.
#
# Each tool is a file of its own, tools/NAME.sh, with the words of NAME joined by _:
#
#   NAME_version   the version that is fetched; testkit reads it from here
#   find_NAME      prints the path of the tool, or fails
#   get_NAME       fetches it with the functions of this script into $work and hands it to install_tool, or says why not and fails
#   NAME_time      how long that takes; NAME_without: what is not to be had without it
set -euo pipefail

# What `all` means; every other tool is a receiver's server.
base=(nats-server etcd kube-apiserver nats nats-py)

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
cache=${HERALD_TOOLS:-${XDG_CACHE_HOME:-$HOME/.cache}/herald/tools}
work=  # holds what is being built or fetched; removed at the end
build= # process id of the running build; ended when this script is

without_kubernetes="the demo uses the simulated API server, and the tests that need a real one are skipped"
without_receiver="the receivers that it serves are not tested against it"

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

# of NAME WHAT: the value of NAME_WHAT.
of() {
    local variable=${1//-/_}_$2
    echo "${!variable-}"
}

# on_path NAME MINIMUM: prints the path of a program on PATH that is new enough.
on_path() {
    local path version
    path=$(command -v "$1" || true)
    [[ -n $path ]] || return 1
    version=$(version_of "$path")
    [[ -n $version ]] && at_least "$version" "$2" && echo "$path"
}

# in_assets NAME: prints the path of a program in KUBEBUILDER_ASSETS.
in_assets() { [[ -x ${KUBEBUILDER_ASSETS:-/nonexistent}/$1 ]] && echo "$KUBEBUILDER_ASSETS/$1"; }

# cached NAME: the path that the pinned version has in the cache, there or not.
cached() { echo "$cache/$1-$(of "$1" version)/$1"; }

# cached_program NAME, cached_folder NAME: prints the path in the cache if it is there.
cached_program() { [[ -x $(cached "$1") && ! -d $(cached "$1") ]] && cached "$1"; }
cached_folder() { [[ -d $(cached "$1") ]] && cached "$1"; }

# find_tool NAME: prints the path of the tool, or fails.
find_tool() { "find_${1//-/_}"; }

# install_tool NAME PATH: puts a finished program or folder into the cache in one step, so that no one sees half of it.
install_tool() {
    local target
    target=$(cached "$1")
    mkdir -p "$(dirname "$target")" && chmod 755 "$2" && mv -f "$2" "$target" && say "  $1: is in $(dirname "$target")"
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

# go_build NAME FOLDER PACKAGE LDFLAGS: builds PACKAGE in the module testkit/FOLDER, whose go.sum pins every source.
go_build() {
    local log=$work/$1.log total
    have_go "$1" || return 1
    say "  $1: fetching its sources"
    if ! total=$(cd "$here/$2" && CGO_ENABLED=0 go list -deps "$3" 2>"$log" | wc -l); then
        tail -n 20 "$log" >&2
        return 1
    fi
    : >"$log"
    (cd "$here/$2" && CGO_ENABLED=0 exec nice -n 5 go build -v -trimpath -buildvcs=false -ldflags "-s -w $4" -o "$work/$1" "$3") 2>"$log" &
    build=$!
    if ! watch_build "$1" "$log" "$total"; then
        tail -n 20 "$log" >&2
        return 1
    fi
    install_tool "$1" "$work/$1"
}

# go_install NAME PACKAGE@VERSION: builds a program whose last path element is NAME.
go_install() {
    GOBIN=$work CGO_ENABLED=0 nice -n 5 go install -trimpath -ldflags '-s -w' "$2" >&2 || return 1
    install_tool "$1" "$work/$1"
}

# have_pip NAME: says what to do when there is no pip to fetch NAME with.
have_pip() {
    python3 -m pip --version >/dev/null 2>&1 && return
    say "$1 needs Python 3 with pip: install them"
    return 1
}

# pip_install FOLDER PACKAGE==VERSION...: installs packages of PyPI into a folder for PYTHONPATH.
pip_install() {
    local folder=$1
    shift
    python3 -m pip install --quiet --disable-pip-version-check --root-user-action ignore --target "$folder" "$@" >&2
}

# have_maven NAME: says what to do when NAME cannot be fetched from Maven Central or run.
have_maven() {
    command -v mvn >/dev/null && command -v java >/dev/null && return
    say "$1 needs Java 17 and Maven: install them"
    return 1
}

# maven_copy GROUP:ARTIFACT:VERSION:TYPE FOLDER: fetches one artifact of Maven Central into a folder.
maven_copy() { mvn -q -B org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy -Dartifact="$1" -DoutputDirectory="$2" -Dmdep.useBaseVersion=true >&2; }

print_found() {
    local name path
    for name in "${base[@]}" ${receivers[@]+"${receivers[@]}"}; do
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
            --receivers) echo "${receivers[*]-}" && return ;;
            all) wanted+=("${base[@]}") ;;
            receivers) wanted+=(${receivers[@]+"${receivers[@]}"}) ;;
            demo) wanted+=(nats-server etcd kube-apiserver) ;;
            kubernetes) wanted+=(etcd kube-apiserver) && required+=(etcd kube-apiserver) ;;
            *)
                if ! declare -F "get_${name//-/_}" >/dev/null; then
                    say "no tool is called '$name'; there are: ${base[*]} ${receivers[*]-} kubernetes demo receivers all"
                    return 2
                fi
                wanted+=("$name") && required+=("$name")
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
        say "step $step of ${#missing[@]}: $name $(of "$name" version); $(of "$name" time)"
        started=$SECONDS
        if "get_${name//-/_}" 9>&-; then
            say "step $step of ${#missing[@]}: done in $((SECONDS - started)) s"
            continue
        fi
        say "there is no $name: $(of "$name" without)"
        [[ " ${required[*]-} " != *" $name "* ]] || status=1
    done
    return $status
}

receivers=()
for file in "$here"/tools/*.sh; do
    # shellcheck source=/dev/null
    . "$file"
    name=$(basename "$file" .sh)
    [[ " ${base[*]} " == *" $name "* ]] || receivers+=("$name")
done
main "$@"
