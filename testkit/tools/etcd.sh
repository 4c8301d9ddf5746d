# etcd: in KUBEBUILDER_ASSETS, or on PATH, or built with Go.
etcd_version=3.6.7
etcd_time="building it takes 1 to 2 minutes, once"
etcd_without=$without_kubernetes

find_etcd() { in_assets etcd || on_path etcd 3.5.0 || cached_program etcd; }

get_etcd() { go_build etcd kubernetes/etcd go.etcd.io/etcd/server/v3 ''; }
