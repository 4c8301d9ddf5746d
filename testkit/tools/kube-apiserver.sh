# kube-apiserver: in KUBEBUILDER_ASSETS, or on PATH, or built with Go.
kube_apiserver_version=1.36.3
kube_apiserver_time="building it takes 3 to 5 minutes, once"
kube_apiserver_without=$without_kubernetes

find_kube_apiserver() { in_assets kube-apiserver || on_path kube-apiserver 1.30.0 || cached_program kube-apiserver; }

get_kube_apiserver() {
    local package=k8s.io/component-base/version version=$kube_apiserver_version
    go_build kube-apiserver kubernetes/apiserver k8s.io/kubernetes/cmd/kube-apiserver \
        "-X $package.gitVersion=v$version -X $package.gitMajor=${version%%.*} -X $package.gitMinor=$(cut -d. -f2 <<<"$version")"
}
