# The Python client of NATS, in a folder for PYTHONPATH, from PyPI.
nats_py_version=2.16.0
nats_py_time="fetching it takes a few seconds"
nats_py_without="the tests of the README's examples are skipped"

find_nats_py() { cached_folder nats-py; }

get_nats_py() {
    have_pip nats-py || return 1
    pip_install "$work/nats-py" "nats-py==$nats_py_version" || return 1
    install_tool nats-py "$work/nats-py"
}
