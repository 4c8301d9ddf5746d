# The nats command line: on PATH, or built with Go.
nats_version=0.5.1
nats_time="building it takes about a minute, once"
nats_without="the tests of the README's examples are skipped"

find_nats() { on_path nats 0.1.0 || cached_program nats; }

get_nats() {
    have_go nats || return 1
    go_install nats "github.com/nats-io/natscli/nats@v$nats_version"
}
