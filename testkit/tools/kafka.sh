# Apache Kafka, a folder with the jars of its broker, from Maven Central. It runs on Java 17.
kafka_version=4.4.0
kafka_time="fetching its 43 MB takes a quarter of a minute"
kafka_without=$without_receiver

find_kafka() { cached_folder kafka; }

get_kafka() {
    have_maven kafka || return 1
    # Maven may write beside the file that it reads.
    cp "$here/tools/kafka/pom.xml" "$work/pom.xml"
    mvn -q -B -f "$work/pom.xml" -Dkafka.version="$kafka_version" org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies \
        -DoutputDirectory="$work/kafka" >&2 || return 1
    install_tool kafka "$work/kafka"
}
