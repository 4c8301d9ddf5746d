# Elasticsearch with the modules that are published, security among them, a folder with bin/, config/, lib/ and modules/, from Maven Central.
elasticsearch_version=8.19.21
elasticsearch_time="fetching its 107 MB takes half a minute"
elasticsearch_without=$without_receiver

find_elasticsearch() { cached_folder elasticsearch; }

get_elasticsearch() { get_search_server elasticsearch org.elasticsearch.distribution.integ-test-zip; }

# get_search_server NAME GROUP: fetches the distribution NAME of a Maven group and unpacks it.
get_search_server() {
    local name=$1-$(of "$1" version)
    have_maven "$1" || return 1
    maven_copy "$2:$1:$(of "$1" version):zip" "$work" || return 1
    python3 -m zipfile -e "$work/$name.zip" "$work" && chmod +x "$work/$name"/bin/* || return 1
    install_tool "$1" "$work/$name"
}
