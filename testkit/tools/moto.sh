# moto, which answers as AWS does, in a folder for PYTHONPATH, from PyPI.
moto_version=5.2.5
moto_time="fetching it takes half a minute"
moto_without=$without_receiver

find_moto() { cached_folder moto; }

get_moto() {
    have_pip moto || return 1
    pip_install "$work/moto" "moto[server]==$moto_version" || return 1
    install_tool moto "$work/moto"
}
