# rsyslog with its TLS driver: on PATH, or a folder holding what Debian's packages hold, unpacked without being installed.
rsyslog_version=8.2302.0
rsyslog_time="fetching it takes a few seconds"
rsyslog_without=$without_receiver

find_rsyslog() {
    local program
    program=$(command -v rsyslogd || true)
    if [[ -n $program && -n $(find /usr/lib -name lmnsd_gtls.so -print -quit 2>/dev/null) ]]; then echo "$program" && return; fi
    cached_folder rsyslog
}

get_rsyslog() {
    local package
    if ! command -v apt-get >/dev/null || ! command -v dpkg-deb >/dev/null; then
        say "rsyslog is fetched from Debian's packages only: install rsyslog and rsyslog-gnutls with the system's package manager"
        return 1
    fi
    mkdir -p "$work/packages" "$work/rsyslog"
    # The libraries that a small image lacks; those it has are the same files.
    (cd "$work/packages" && apt-get download -qq rsyslog rsyslog-gnutls libestr0 libfastjson4 liblognorm5 >&2) || return 1
    for package in "$work"/packages/*.deb; do dpkg-deb --extract "$package" "$work/rsyslog" || return 1; done
    install_tool rsyslog "$work/rsyslog"
}
