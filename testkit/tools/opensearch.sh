# OpenSearch without plugins, a folder with bin/, config/, lib/ and modules/, from Maven Central. It runs on Java 17.
opensearch_version=2.19.6
opensearch_time="fetching its 56 MB takes half a minute"
opensearch_without=$without_receiver

find_opensearch() { cached_folder opensearch; }

get_opensearch() { get_search_server opensearch org.opensearch.distribution.integ-test-zip; }
